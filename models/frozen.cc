#include "papilio/models/frozen.h"

#include <bit>
#include <cmath>
#include <complex>

#include "papilio/core/ops.h"
#include "papilio/layers/twiddle.h"

namespace papilio::models {
namespace {

// Of a twiddle in either form.
struct Sizes {
  int64_t stacks, factors, pairs;

  // Calls body(offset of a 2 x 2 matrix, of its off-diagonal, of its diagonal) for all matrices;
  // the last is -1 where the diagonal is 1.
  template <class Body>
  void for_each_matrix(const Body& body) const {
    for (int64_t s = 0; s < stacks; ++s)
      for (int64_t f = 0; f < factors; ++f)
        for (int64_t i = 0; i < pairs; ++i) {
          const int64_t off_diagonal = ((s * (factors + 1) + f) * pairs + i) * 2;
          body(((s * factors + f) * pairs + i) * 4, off_diagonal,
               f == factors - 1 ? off_diagonal + 2 * pairs : -1);
        }
  }
};

}  // namespace

Tensor compact_twiddle(const Tensor& twiddle, const std::string& name) {
  check(twiddle.rank() == 6 && twiddle.numel() > 0, "the frozen tensor '", name, "' is ", twiddle,
        ", not an untied twiddle");
  const Sizes sizes{twiddle.dim(0), twiddle.dim(1) * twiddle.dim(2), twiddle.dim(3)};
  Tensor compact({sizes.stacks, sizes.factors + 1, sizes.pairs, 2}, twiddle.dtype());
  dispatch_floating(twiddle.dtype(), "frozen twiddle", [&]<class T>() {
    const T* from = twiddle.data<T>();
    T* to = compact.mutable_data<T>();
    sizes.for_each_matrix([&](int64_t matrix, int64_t off_diagonal, int64_t diagonal) {
      const T* m = from + matrix;
      to[off_diagonal] = m[1], to[off_diagonal + 1] = m[2];
      if (diagonal >= 0)
        to[diagonal] = m[0], to[diagonal + 1] = m[3];
      else
        check(m[0] == T(1) && m[3] == T(1), "the frozen tensor '", name,
              "' is not in that form: call freeze()");
    });
  });
  return compact;
}

Tensor expanded_twiddle(const Tensor& compact, const std::string& name) {
  const bool four = compact.rank() == 4 && compact.dim(0) >= 1 && compact.dim(2) >= 1 &&
                    compact.dim(3) == 2 && std::has_single_bit(uint64_t(compact.dim(2)));
  const int64_t levels = four ? log2_exact(2 * compact.dim(2)) : 1;
  check(four && compact.dim(1) > 1 && (compact.dim(1) - 1) % levels == 0 &&
            compact.dtype() != DType::i64,
        "the frozen tensor '", name, "' is stored as ", compact,
        ", expected floating-point numbers [nstacks, nblocks log2 n + 1, n/2, 2]");
  const Sizes sizes{compact.dim(0), compact.dim(1) - 1, compact.dim(2)};
  Tensor twiddle({sizes.stacks, sizes.factors / levels, levels, sizes.pairs, 2, 2},
                 compact.dtype());
  dispatch_floating(compact.dtype(), "frozen twiddle", [&]<class T>() {
    for (const T& x : compact.span<T>())
      check(std::isfinite(std::real(x)) && std::isfinite(std::imag(x)), "the frozen tensor '", name,
            "' has a value that is not finite");
    const T* from = compact.data<T>();
    T* to = twiddle.mutable_data<T>();
    sizes.for_each_matrix([&](int64_t matrix, int64_t off_diagonal, int64_t diagonal) {
      T* m = to + matrix;
      m[0] = diagonal < 0 ? T(1) : from[diagonal], m[1] = from[off_diagonal];
      m[2] = from[off_diagonal + 1], m[3] = diagonal < 0 ? T(1) : from[diagonal + 1];
    });
  });
  return twiddle;
}

}  // namespace papilio::models
