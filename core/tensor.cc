#include "papilio/core/tensor.h"

#include <algorithm>
#include <cstring>

#include "papilio/core/tensor_limit.h"
#include "papilio/core/tensor_state.h"

namespace papilio {
namespace {

detail::TensorState& get(const std::shared_ptr<detail::TensorState>& state) {
  check(state != nullptr, "tensor: it is undefined (default-constructed)");
  return *state;
}

size_t checked_bytes(const Shape& shape, DType dtype) {
  int64_t bytes = 0;
  check(!__builtin_mul_overflow(shape.numel(), size_of(dtype), &bytes), "tensor: ", shape, " ",
        dtype, " has more bytes than 63 bits can count");
  TensorLimit::count(static_cast<size_t>(bytes));
  return static_cast<size_t>(bytes);
}

}  // namespace

Tensor::Tensor(const Shape& shape, DType dtype)
    : state_(std::make_shared<detail::TensorState>(detail::TensorState{
          .shape = shape,
          .dtype = dtype,
          .storage = std::make_shared<detail::Storage>(checked_bytes(shape, dtype)),
          .parameter = {},
          .recipe = {}})) {}

Tensor Tensor::handle(std::shared_ptr<detail::TensorState> state) {
  Tensor result;
  result.state_ = std::move(state);
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor result(shape, dtype);
  std::memset(result.mutable_raw(), 0, static_cast<size_t>(result.bytes()));
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor result(shape, dtype);
  const auto fill = [&]<class T>() {
    std::fill_n(result.mutable_data<T>(), result.numel(), static_cast<T>(value));
  };
  if (dtype == DType::i64)
    fill.template operator()<int64_t>();
  else
    dispatch_floating(dtype, "full", fill);
  return result;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  check(static_cast<int64_t>(values.size()) == shape.numel(), "tensor: ", values.size(),
        " values given for ", shape, ", which has ", shape.numel());
  Tensor result(shape, dtype_of<T>());
  std::copy(values.begin(), values.end(), result.mutable_data<T>());
  return result;
}
template Tensor Tensor::from(std::span<const float>, const Shape&);
template Tensor Tensor::from(std::span<const double>, const Shape&);
template Tensor Tensor::from(std::span<const std::complex<float>>, const Shape&);
template Tensor Tensor::from(std::span<const std::complex<double>>, const Shape&);
template Tensor Tensor::from(std::span<const int64_t>, const Shape&);

const Shape& Tensor::shape() const { return get(state_).shape; }
DType Tensor::dtype() const { return get(state_).dtype; }
int64_t Tensor::numel() const { return get(state_).shape.numel(); }
const void* Tensor::raw() const { return get(state_).storage->buffer.data(); }
uint64_t Tensor::version() const { return get(state_).storage->version; }

void* Tensor::mutable_raw() {
  detail::Storage& storage = *get(state_).storage;
  ++storage.version;
  return storage.buffer.data();
}

const void* Tensor::typed(DType expected) const {
  check(dtype() == expected, "tensor: ", *this, " was read as ", expected);
  return raw();
}

void* Tensor::mutable_typed(DType expected) {
  check(dtype() == expected, "tensor: ", *this, " was written as ", expected);
  return mutable_raw();
}

double Tensor::item() const {
  check(numel() == 1, "item: ", *this, " has ", numel(), " elements, exactly 1 is needed");
  if (dtype() == DType::i64) return static_cast<double>(*data<int64_t>());
  return dispatch_real(dtype(), "item", [&]<class T>() { return static_cast<double>(*data<T>()); });
}

Tensor Tensor::clone() const {
  Tensor result(shape(), dtype());
  std::memcpy(result.mutable_raw(), raw(), static_cast<size_t>(bytes()));
  return result;
}

Tensor Tensor::view(const Shape& shape) const {
  const detail::TensorState& old = get(state_);
  check(shape.numel() == numel(), "reshape: ", *this, " has ", numel(), " elements, ", shape,
        " has ", shape.numel());
  return handle(std::make_shared<detail::TensorState>(detail::TensorState{
      .shape = shape, .dtype = old.dtype, .storage = old.storage, .parameter = {}, .recipe = {}}));
}

Tensor Tensor::detach() const { return view(shape()); }

Tensor Tensor::to(DType target) const {
  if (target == dtype()) return clone();
  check(!(is_complex(dtype()) && !is_complex(target)), "to: ", *this, " can't become ", target,
        "; take real(), imag() or abs2()");
  Tensor result(shape(), target);
  const auto convert = [&]<class From, class To>() {
    const From* in = data<From>();
    To* out = result.mutable_data<To>();
    for (int64_t i = 0, n = numel(); i < n; ++i) {
      if constexpr (is_complex_type<From> && !is_complex_type<To>)
        out[i] = To{};  // refused above
      else if constexpr (is_complex_type<To> && !is_complex_type<From>)
        out[i] = To(static_cast<typename To::value_type>(in[i]));
      else
        out[i] = static_cast<To>(in[i]);
    }
  };
  const auto from = [&]<class From>() {
    if (target == DType::i64)
      convert.template operator()<From, int64_t>();
    else
      dispatch_floating(target, "to", [&]<class To>() { convert.template operator()<From, To>(); });
  };
  if (dtype() == DType::i64)
    from.template operator()<int64_t>();
  else
    dispatch_floating(dtype(), "to", from);
  return result;
}

void Tensor::assign(const Tensor& other) {
  check(shape() == other.shape() && dtype() == other.dtype(), "assign: ", other, " does not fit ",
        *this);
  std::memmove(mutable_raw(), other.raw(), static_cast<size_t>(bytes()));
}

bool Tensor::shares_storage_with(const Tensor& other) const {
  return get(state_).storage == get(other.state_).storage;
}

bool Tensor::unique() const { return state_.use_count() == 1 && state_->storage.use_count() == 1; }

std::string text(const Tensor& tensor) {
  return tensor.defined() ? concat(tensor.shape(), " ", tensor.dtype()) : "undefined";
}

std::shared_ptr<const void> detail::kept_with(
    const Tensor& tensor, const KeptKey& key,
    const std::function<std::shared_ptr<const void>()>& make) {
  Storage& storage = *get(tensor.state()).storage;
  const std::lock_guard lock(storage.kept_mutex);
  const uint64_t version = storage.version;
  if (storage.kept_version != version) {
    storage.kept.clear();
    storage.kept_version = version;
  }
  for (const auto& [other, value] : storage.kept)
    if (other == key) return value;
  return storage.kept.emplace_back(key, make()).second;
}

}  // namespace papilio
