#include "papilio/apps/bench/butterflies.h"

#include <bit>
#include <memory>

#include "papilio/apps/bench/array.h"
#include "papilio/core/kernels/butterfly.h"

namespace papilio::bench {
namespace {

template <class T>
struct Operands {
  kernels::ButterflyShape shape;
  Array<T> twiddle, x, y, grad_y, grad_x, grad_twiddle;
};

/// log2(n) factors of blocks of numbers in [-1, 1]: values stay far from overflow.
template <class T>
std::shared_ptr<Operands<T>> operands(const Case& c, int64_t nblocks) {
  const int64_t twiddle = nblocks * std::countr_zero(static_cast<uint64_t>(c.n)) * 2 * c.n;
  const int64_t values = c.batch * c.n;
  return std::make_shared<Operands<T>>(Operands<T>{{.batch = c.batch,
                                                    .in_features = c.n,
                                                    .n = c.n,
                                                    .nblocks = nblocks,
                                                    .increasing_stride = nblocks == 1,
                                                    .out_features = c.n},
                                                   Array<T>(twiddle),
                                                   Array<T>(values),
                                                   Array<T>(values),
                                                   Array<T>(values),
                                                   Array<T>(values),
                                                   Array<T>(twiddle)});
}

template <class T>
void forward(const Operands<T>& o) {
  kernels::butterfly_forward(o.shape, o.twiddle.data(), o.x.data(), o.y.data());
}
template <class T>
void backward(const Operands<T>& o) {
  kernels::butterfly_backward(o.shape, o.twiddle.data(), o.x.data(), o.grad_y.data(),
                              o.grad_x.data(), o.grad_twiddle.data());
}

template <class T>
std::optional<Candidate> make(const Case& c) {
  if (c.layout != Layout::rows) return {};
  switch (c.op) {
    case Op::forward:
      return Candidate{"butterfly", [o = operands<T>(c, 1)] { forward(*o); }};
    case Op::kmatrix_forward:
      return Candidate{"butterfly", [o = operands<T>(c, 2)] { forward(*o); }};
    case Op::backward:
      return Candidate{"butterfly", [o = operands<T>(c, 1)] { backward(*o); }};
    case Op::step:
      return Candidate{"butterfly", [o = operands<T>(c, 1)] {
                         forward(*o);
                         backward(*o);
                       }};
    case Op::forward_frozen:
      break;
  }
  return {};
}

}  // namespace

std::optional<Candidate> butterfly(const Case& c) {
  return dispatch_floating(c.dtype, "bench",
                           [&]<class T>() -> std::optional<Candidate> { return make<T>(c); });
}

}  // namespace papilio::bench
