#include "papilio/layers/kmatrix_algebra.h"

#include <algorithm>
#include <complex>
#include <utility>
#include <vector>

#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;

constexpr Matrix2 kIdentity{1, 0, 0, 1};

size_t at(int64_t i) { return static_cast<size_t>(i); }

Butterfly square(const Butterfly& layer) {
  return Butterfly::from_twiddle(layer.n(), layer.n(), layer.twiddle(), layer.increasing_stride());
}

// What the sum does in a block of one member, beside the member's own factors: q0 holds x, q1
// computes, q3 is the sum so far.
struct SumBlock {
  size_t member;
  int64_t block;            // of the member
  bool first, last, final;  // block of its member; final: of all
};

Matrix2 sum_matrix(const SumBlock& b, const TwiddlePlace& place, int64_t quarter) {
  const int64_t q = place.p / quarter;  // of the first of both elements
  const bool inner = place.stride == quarter;
  if (b.first && inner && q == 0) return {1, 0, 1, 0};              // q1 = q0
  if (b.last && !b.final && !inner && q == 1) return {1, 0, 1, 1};  // q3 += q1
  if (b.final && inner) return {0, 1, 0, 1};                        // q0 = q1, q2 = q3
  if (b.final && !inner && q == 0) return {1, 1, 0, 1};             // q0 += q2
  return kIdentity;
}

}  // namespace

KMatrix as_kmatrix(const Butterfly& layer) {
  Butterfly blocks = expanded(layer, std::max<int64_t>(layer.n(), 2));
  if (blocks.increasing_stride()) blocks = with_identity_block(blocks, BlockPosition::first);
  if (blocks.nblocks() % 2 == 1) blocks = with_identity_block(blocks, BlockPosition::last);
  return KMatrix::from_twiddle(layer.in_features(), layer.out_features(), blocks.twiddle());
}

Butterfly as_butterfly(const KMatrix& layer) {
  check(layer.nstacks() == 1, "kmatrix: ", layer.describe(), " has ", layer.nstacks(),
        " stacks; give it an expansion that makes n at least ", layer.out_features());
  check(!layer.bias().defined(), "kmatrix: ", layer.describe(), " has a bias; make it without");
  const NoTape guard;
  return Butterfly::from_twiddle(layer.in_features(), layer.out_features(), layer.untied_twiddle(),
                                 false);
}

KMatrix product(const KMatrix& left, const KMatrix& right) {
  return as_kmatrix(product(as_butterfly(left), as_butterfly(right)));
}

KMatrix sum(std::span<const KMatrix> members) {
  check(!members.empty(), "kmatrix: the sum of no K-matrices");
  const KMatrix& like = members[0];
  std::vector<Butterfly> parts;
  std::vector<SumBlock> blocks;
  int64_t n = 2;
  for (const KMatrix& member : members) {
    check(member.in_features() == like.in_features() &&
              member.out_features() == like.out_features() && member.dtype() == like.dtype(),
          "kmatrix: the sum of ", like.describe(), " and ", member.describe(),
          "; sizes and dtypes must be the same");
    const bool final = parts.size() + 1 == members.size();
    for (int64_t b = 0; b < 2 * member.width(); ++b) {
      const bool last = b == 2 * member.width() - 1;
      blocks.push_back({parts.size(), b, b == 0, last, last && final});
    }
    parts.push_back(as_butterfly(member));
    n = std::max(n, member.n());
  }
  std::vector<Tensor> twiddles;
  for (const Butterfly& part : parts)
    twiddles.push_back(expanded(part, n).untied_twiddle().to(DType::c128));
  const int64_t factors = log2_exact(n), pairs = n / 2;
  const Tensor twiddle = make_twiddle(
      4 * n, static_cast<int64_t>(blocks.size()), false, like.dtype(),
      [&](const TwiddlePlace& place) {
        const SumBlock& b = blocks[at(place.block)];
        if (place.stride >= n) return sum_matrix(b, place, n);
        if (place.p / n != 1) return kIdentity;
        const int64_t factor = b.block % 2 == 0 ? place.factor - 2 : place.factor;
        const Complex* m = twiddles[b.member].data<Complex>() +
                           ((b.block * factors + factor) * pairs + place.pair - pairs) * 4;
        return Matrix2{m[0], m[1], m[2], m[3]};
      });
  return KMatrix::from_twiddle(like.in_features(), like.out_features(), twiddle);
}

KMatrix kronecker(const KMatrix& left, const KMatrix& right) {
  const Butterfly a = as_butterfly(left), b = as_butterfly(right);
  const int64_t n = right.n();
  if (right.in_features() == n && right.out_features() == n) return as_kmatrix(kronecker(a, b));

  // Features [i, j] of the rows move to where rows of n features have them, and back.
  const Butterfly both = kronecker(square(a), square(b));
  const auto spread = [&](int64_t rows, int64_t columns) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < rows * columns; ++i) places.push_back(i / columns * n + i % columns);
    return completed_permutation(std::move(places), both.n());
  };
  const DType dtype = left.dtype();
  const Butterfly in = permutation_as_butterfly(
                      inverse_permutation(spread(left.in_features(), right.in_features())), false,
                      dtype),
                  out = permutation_as_butterfly(spread(left.out_features(), right.out_features()),
                                                 false, dtype);
  return KMatrix::from_twiddle(left.in_features() * right.in_features(),
                               left.out_features() * right.out_features(),
                               product(out, product(both, in)).twiddle());
}

}  // namespace papilio
