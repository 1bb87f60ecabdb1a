#include "papilio/layers/butterfly_algebra.h"

#include <algorithm>
#include <complex>
#include <vector>

#include "papilio/layers/fourier_butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Numbers = std::vector<Complex>;

constexpr Matrix2 kIdentity{1, 0, 0, 1};

size_t at(int64_t i) { return static_cast<size_t>(i); }

const Butterfly& checked(const char* what, const Butterfly& layer) {
  check(layer.nstacks() == 1, what, ": ", layer.describe(), " has ", layer.nstacks(),
        " stacks; give it an n of at least ", layer.out_features());
  check(!layer.bias().defined(), what, ": ", layer.describe(), " has a bias; make it without");
  return layer;
}

const Butterfly& checked_square(const char* what, const Butterfly& layer) {
  check(layer.in_features() == layer.n() && layer.out_features() == layer.n(), what, ": ",
        layer.describe(), " is not square of size n = ", layer.n());
  return checked(what, layer);
}

void check_dtypes(const char* what, const Butterfly& left, const Butterfly& right) {
  check(left.dtype() == right.dtype(), what, ": ", left.describe(), " is ", left.dtype(), ", ",
        right.describe(), " is ", right.dtype(), "; convert one");
}

// The twiddle of a layer, by place.
class Twiddle {
 public:
  explicit Twiddle(const Butterfly& layer)
      : n_(layer.n()), factors_(log2_exact(n_)), values_(numbers_of(layer.untied_twiddle())) {}

  Matrix2 operator()(int64_t block, int64_t factor, int64_t pair) const {
    const Complex* m = &values_[at(((block * factors_ + factor) * (n_ / 2) + pair) * 4)];
    return {m[0], m[1], m[2], m[3]};
  }
  Matrix2 operator()(const TwiddlePlace& p) const { return (*this)(p.block, p.factor, p.pair); }

 private:
  int64_t n_, factors_;
  Numbers values_;
};

bool increasing(const Butterfly& layer, int64_t block) {
  return layer.increasing_stride() == (block % 2 == 0);
}

// A layer of the same sizes with another twiddle.
template <class Matrix>
Butterfly rebuilt(const Butterfly& layer, const Matrix& matrix) {
  return Butterfly::from_twiddle(
      layer.in_features(), layer.out_features(),
      make_twiddle(layer.n(), layer.nblocks(), layer.increasing_stride(), layer.dtype(), matrix),
      layer.increasing_stride());
}

// Multiplies the columns of the first factor, or the rows of the last one, by d [n].
Butterfly folded(const Butterfly& layer, const Numbers& d, bool first) {
  check(layer.n() > 1, "butterfly: ", layer.describe(),
        " has no factors to multiply; give it n = 2");
  const Twiddle twiddle(layer);
  const int64_t block = first ? 0 : layer.nblocks() - 1,
                factor = first ? 0 : log2_exact(layer.n()) - 1;
  return rebuilt(layer, [&](const TwiddlePlace& place) {
    Matrix2 m = twiddle(place);
    if (place.block != block || place.factor != factor) return m;
    const Complex p = d[at(place.p)], q = d[at(place.q())];
    m[0] *= p, m[3] *= q;
    m[1] *= first ? q : p, m[2] *= first ? p : q;
    return m;
  });
}

// d, checked, and `fill` behind its end up to n.
Numbers diagonal(const Tensor& d, int64_t features, const Butterfly& layer) {
  check(d.shape() == Shape{features} && d.dtype() == layer.dtype(), "butterfly: the diagonal is ",
        d, ", ", layer.describe(), " takes [", features, "] ", layer.dtype());
  Numbers values = numbers_of(d);
  values.resize(at(layer.n()), 1);
  return values;
}

Butterfly with_n(const Butterfly& layer, int64_t n) {
  return layer.n() < n ? expanded(layer, n) : converted(layer, layer.dtype());
}

}  // namespace

Butterfly diagonal_times(const Tensor& d, const Butterfly& layer) {
  checked("diagonal_times", layer);
  return folded(layer, diagonal(d, layer.out_features(), layer), false);
}

Butterfly times_diagonal(const Butterfly& layer, const Tensor& d) {
  checked("times_diagonal", layer);
  return folded(layer, diagonal(d, layer.in_features(), layer), true);
}

Butterfly product(const Butterfly& left, const Butterfly& right) {
  checked("product", left), checked("product", right);
  check_dtypes("product", left, right);
  check(left.in_features() == right.out_features(), "product: ", left.describe(), " takes ",
        left.in_features(), " features, ", right.describe(), " gives ", right.out_features());
  const int64_t n = std::max(left.n(), right.n());
  Butterfly second = with_n(left, n), first = with_n(right, n);
  if (right.out_features() < n) {
    Numbers cut(at(right.out_features()), 1);
    cut.resize(at(n), 0);
    first = folded(first, cut, false);
  }
  if (increasing(first, first.nblocks() - 1) == second.increasing_stride())
    first = with_identity_block(first, BlockPosition::last);
  return Butterfly::from_twiddle(
      right.in_features(), left.out_features(),
      concat({first.untied_twiddle().detach(), second.untied_twiddle().detach()}, 1),
      first.increasing_stride());
}

Butterfly kronecker(const Butterfly& left, const Butterfly& right) {
  checked("kronecker", left), checked_square("kronecker", right);
  check_dtypes("kronecker", left, right);
  Butterfly a = with_n(left, left.n()), b = with_n(right, right.n());
  if (a.increasing_stride() != b.increasing_stride())
    b = with_identity_block(b, BlockPosition::first);
  while (a.nblocks() < b.nblocks()) a = with_identity_block(a, BlockPosition::last);
  while (b.nblocks() < a.nblocks()) b = with_identity_block(b, BlockPosition::last);

  // Strides below b.n() mix elements of one row, those above are of rows.
  const Twiddle of_a(a), of_b(b);
  const int64_t n = b.n(), inner = log2_exact(n), outer = log2_exact(a.n());
  const Tensor twiddle = make_twiddle(
      a.n() * n, a.nblocks(), a.increasing_stride(), a.dtype(), [&](const TwiddlePlace& place) {
        const bool up = increasing(a, place.block);
        if (place.stride < n)
          return of_b(place.block, up ? place.factor : place.factor - outer, place.pair % (n / 2));
        return of_a(place.block, up ? place.factor - inner : place.factor, place.pair / n);
      });
  return Butterfly::from_twiddle(left.in_features() * n, left.out_features() * n, twiddle,
                                 a.increasing_stride());
}

Butterfly transposed(const Butterfly& layer) {
  checked("transposed", layer);
  const NoTape guard;
  return Butterfly::from_twiddle(layer.out_features(), layer.in_features(),
                                 transposed_twiddle(layer.untied_twiddle()),
                                 layer.increasing_stride() == (layer.nblocks() % 2 == 0));
}

Butterfly conjugated(const Butterfly& layer) {
  const NoTape guard;
  return Butterfly::from_twiddle(layer.in_features(), layer.out_features(),
                                 conjugated(layer.untied_twiddle()), layer.increasing_stride());
}

Butterfly inverse(const Butterfly& layer) {
  checked_square("inverse", layer);
  const Twiddle twiddle(layer);
  return transposed(rebuilt(layer, [&](const TwiddlePlace& place) {
    const Matrix2 m = twiddle(place);
    const Complex determinant = m[0] * m[3] - m[1] * m[2];
    check(determinant != 0.0, "inverse: ", layer.describe(), " is singular: block ", place.block,
          ", factor ", place.factor, ", pair ", place.pair, " has determinant 0");
    return Matrix2{m[3] / determinant, -m[2] / determinant, -m[1] / determinant,
                   m[0] / determinant};
  }));
}

Butterfly flipped(const Butterfly& layer) {
  checked_square("flipped", layer);
  const Twiddle twiddle(layer);
  const std::vector<int64_t> reversed =
      layer.n() > 1 ? bit_reversal(layer.n() / 2) : std::vector<int64_t>();
  const bool direction = !layer.increasing_stride();
  return Butterfly::from_twiddle(layer.in_features(), layer.out_features(),
                                 make_twiddle(layer.n(), layer.nblocks(), direction, layer.dtype(),
                                              [&](const TwiddlePlace& place) {
                                                return twiddle(place.block, place.factor,
                                                               reversed[at(place.pair)]);
                                              }),
                                 direction);
}

Butterfly expanded(const Butterfly& layer, int64_t n) {
  checked("expanded", layer);
  const Twiddle twiddle(layer);
  const int64_t added = log2_exact(n) - log2_exact(layer.n());
  check(added >= 0, "expanded: n = ", n, " is below that of ", layer.describe());
  return Butterfly::from_twiddle(
      layer.in_features(), layer.out_features(),
      make_twiddle(n, layer.nblocks(), layer.increasing_stride(), layer.dtype(),
                   [&](const TwiddlePlace& place) {
                     if (place.stride >= layer.n() || place.p >= layer.n()) return kIdentity;
                     return twiddle(
                         place.block,
                         increasing(layer, place.block) ? place.factor : place.factor - added,
                         place.pair);
                   }),
      layer.increasing_stride());
}

Butterfly with_identity_block(const Butterfly& layer, BlockPosition position) {
  checked("with_identity_block", layer);
  const bool first = position == BlockPosition::first;
  const Tensor identity = make_twiddle(layer.n(), 1, true, layer.dtype(),
                                       [](const TwiddlePlace&) { return kIdentity; });
  const NoTape guard;
  const Tensor twiddle = layer.untied_twiddle();
  return Butterfly::from_twiddle(
      layer.in_features(), layer.out_features(),
      first ? concat({identity, twiddle}, 1) : concat({twiddle, identity}, 1),
      layer.increasing_stride() != first);
}

Butterfly converted(const Butterfly& layer, DType dtype) {
  const NoTape guard;
  Tensor twiddle = layer.untied_twiddle();
  if (is_complex(twiddle.dtype()) && is_real(dtype)) twiddle = real(twiddle);
  return Butterfly::from_twiddle(layer.in_features(), layer.out_features(), twiddle.to(dtype),
                                 layer.increasing_stride());
}

}  // namespace papilio
