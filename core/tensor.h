// Tensor: a handle to a contiguous, 64-byte aligned, row-major block of numbers. Copying a Tensor
// shares the block.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "papilio/core/dtype.h"
#include "papilio/core/error.h"
#include "papilio/core/shape.h"

namespace papilio {

namespace detail {
struct TensorState;
}

/// Tensors are immutable once an op has returned them: ops never write their inputs, and only
/// optimizers, loading, buffer updates and weight averaging write a parameter or buffer, through
/// mutable_data(). Images are channels-last: [batch, height, width, channels].
class Tensor {
 public:
  /// No tensor: defined() is false, everything else is an Error.
  Tensor() = default;
  /// Uninitialised.
  explicit Tensor(const Shape& shape, DType dtype = DType::f32);

  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  /// Values in row-major order; throws Error unless there are shape.numel() of them.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }
  template <class T>
  static Tensor from(std::initializer_list<T> values) {
    return from(std::span<const T>(values.begin(), values.size()),
                {static_cast<int64_t>(values.size())});
  }

  bool defined() const { return state_ != nullptr; }
  const Shape& shape() const;
  DType dtype() const;
  int64_t rank() const { return shape().rank(); }
  /// Size of an axis; a negative axis counts from the end.
  int64_t dim(int64_t axis) const { return shape()[axis]; }
  int64_t numel() const;
  int64_t bytes() const { return numel() * size_of(dtype()); }

  /// The elements; throws Error unless T is the dtype.
  template <class T>
  const T* data() const {
    return static_cast<const T*>(typed(dtype_of<T>()));
  }
  template <class T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<size_t>(numel())};
  }
  /// For the op that fills a tensor it has just made, and for the writers of parameters and
  /// buffers. Raises version().
  template <class T>
  T* mutable_data() {
    return static_cast<T*>(mutable_typed(dtype_of<T>()));
  }
  const void* raw() const;
  void* mutable_raw();

  /// The only element of a tensor with one element, converted; a complex one is an Error.
  double item() const;
  template <class T>
  std::vector<T> to_vector() const {
    auto values = span<T>();
    return {values.begin(), values.end()};
  }

  /// A copy with storage of its own that no tape knows.
  Tensor clone() const;
  /// The same storage, unknown to any tape.
  Tensor detach() const;
  /// A converted copy, unknown to any tape. Complex to real is an Error: take real() or imag().
  Tensor to(DType dtype) const;
  /// The same storage seen under another shape of equal numel, unknown to any tape; the op is
  /// reshape().
  Tensor view(const Shape& shape) const;
  /// Overwrites the elements with those of `other`, which has the same shape and dtype. Raises
  /// version().
  void assign(const Tensor& other);

  /// How often the storage was opened for writing: a cache of what was derived from it is valid
  /// while this is unchanged.
  uint64_t version() const;
  /// True when both are handles to one storage.
  bool shares_storage_with(const Tensor& other) const;
  /// True when this is the only handle to its storage.
  bool unique() const;

  const std::shared_ptr<detail::TensorState>& state() const { return state_; }

 private:
  friend class Saved;  // finds a tensor that is still held
  // Not a constructor: Tensor({0, 4}) could mean a null pointer.
  static Tensor handle(std::shared_ptr<detail::TensorState> state);
  const void* typed(DType dtype) const;
  void* mutable_typed(DType dtype);

  std::shared_ptr<detail::TensorState> state_;
};

/// "[64, 300] f32", for messages.
std::string text(const Tensor& tensor);

}  // namespace papilio
