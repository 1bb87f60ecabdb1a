#include "papilio/apps/bench/butterflies.h"

#include <bit>
#include <memory>

#include "papilio/apps/bench/array.h"
#include "papilio/core/kernels/butterfly.h"

namespace papilio::bench {
namespace {

/// What one call reads and writes. The twiddle is packed once, as by a model in use; `pack` is for
/// the step, which an optimizer's change of the twiddle precedes.
template <class T>
struct Operands {
  kernels::ButterflyShape shape;
  Array<T> twiddle, x, y, grad_y, grad_x, grad_twiddle;
  std::optional<kernels::PackedTwiddle<T>> packed;

  void pack() { packed.emplace(shape, twiddle.data()); }
  void forward() const { kernels::butterfly_forward<T>(shape, *packed, x.data(), y.data()); }
  void backward() const {
    kernels::butterfly_backward<T>(shape, *packed, x.data(), nullptr, grad_y.data(),
                                   {.x = grad_x.data(), .twiddle = grad_twiddle.data()});
  }
};

/// log2(n) factors of blocks of numbers in [-1, 1]: values stay far from overflow.
template <class T>
std::shared_ptr<Operands<T>> operands(const Case& c) {
  const int64_t nblocks = c.op == Op::kmatrix_forward ? 2 : 1;
  const int64_t twiddle = nblocks * std::countr_zero(static_cast<uint64_t>(c.n)) * 2 * c.n;
  const int64_t values = c.batch * c.n;
  const kernels::ButterflyShape shape = {
      .batch = c.batch,
      .in_features = c.n,
      .n = c.n,
      .nblocks = nblocks,
      .increasing_stride = nblocks == 1,
      .out_features = c.n,
      .layout = c.layout == Layout::rows ? kernels::Layout::rows : kernels::Layout::features_major};
  auto made = std::make_shared<Operands<T>>(Operands<T>{shape,
                                                        Array<T>(twiddle),
                                                        Array<T>(values),
                                                        Array<T>(values),
                                                        Array<T>(values),
                                                        Array<T>(values),
                                                        Array<T>(twiddle),
                                                        {}});
  if (c.op == Op::forward_frozen)
    made->packed = kernels::PackedTwiddle<T>::frozen(shape, made->twiddle.data());
  else
    made->pack();
  return made;
}

template <class T>
std::optional<Candidate> make(const Case& c) {
  const bool trains = c.op == Op::backward || c.op == Op::step;
  if (trains && c.layout != Layout::rows) return {};
  const auto o = operands<T>(c);
  if (!o->packed) return {};  // no frozen form within the range of T
  switch (c.op) {
    case Op::forward:
    case Op::forward_frozen:
    case Op::kmatrix_forward:
      return Candidate{"butterfly", [o] { o->forward(); }};
    case Op::backward:
      return Candidate{"butterfly", [o] { o->backward(); }};
    case Op::step:
      return Candidate{"butterfly", [o] {
                         o->pack();
                         o->forward();
                         o->backward();
                       }};
  }
  return {};
}

}  // namespace

std::optional<Candidate> butterfly(const Case& c) {
  return dispatch_floating(c.dtype, "bench",
                           [&]<class T>() -> std::optional<Candidate> { return make<T>(c); });
}

}  // namespace papilio::bench
