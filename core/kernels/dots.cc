#include "papilio/core/kernels/dots.h"

#include <algorithm>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/dots.cc"
#include "papilio/core/kernels/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// A tile of kRows x kColumns sums stays in registers.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kRows = 4, kColumns = 5;  // of 32 registers
#else
constexpr int kRows = 2, kColumns = 5;  // of 16
#endif

// The last count < kLanes numbers of a row, and zeros.
HWY_INLINE V load_part(const float* p, int64_t count) {
  HWY_ALIGN float part[hn::MaxLanes(D())] = {};
  std::copy_n(p, count, part);
  return hn::Load(D(), part);
}

#if HWY_TARGET == HWY_SCALAR
constexpr int kGroup = 1;
using Sums = D;
HWY_INLINE V sums_of_lanes(const V (&v)[1]) { return v[0]; }
#else
constexpr int kGroup = 4;
using Sums = hn::Full128<float>;

template <class DV>
HWY_INLINE hn::Vec<Sums> sum_of_blocks([[maybe_unused]] DV d, hn::Vec<DV> v) {
  if constexpr (hn::MaxLanes(DV()) == 4) {
    return v;
  } else {
    const hn::Half<DV> half;
    return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
// Lane i is the sum of the lanes of v[i], in an order that doesn't depend on i.
HWY_INLINE hn::Vec<Sums> sums_of_lanes(const V (&v)[4]) {
  const D d;
  const V even = hn::Add(hn::InterleaveLower(d, v[0], v[2]), hn::InterleaveUpper(d, v[0], v[2]));
  const V odd = hn::Add(hn::InterleaveLower(d, v[1], v[3]), hn::InterleaveUpper(d, v[1], v[3]));
  return sum_of_blocks(
      d, hn::Add(hn::InterleaveLower(d, even, odd), hn::InterleaveUpper(d, even, odd)));
}
#endif

template <int kM, int kN, class Load>
HWY_INLINE void add_products(V (&sum)[kM][kN], const DotsShape& s, const float* a, const float* b,
                             const Load& load) {
  V x[kM];
  HWY_UNROLL(8)
  for (int i = 0; i < kM; ++i) x[i] = load(a + i * s.lda);
  HWY_UNROLL(8)
  for (int j = 0; j < kN; ++j) {
    const V y = load(b + j * s.ldb);
    HWY_UNROLL(8)
    for (int i = 0; i < kM; ++i) sum[i][j] = hn::MulAdd(x[i], y, sum[i][j]);
  }
}

template <int kM, int kN>
void tile(const DotsShape& s, const float* a, const float* b, const float* bias, float* c) {
  const D d;
  V sum[kM][kN];
  HWY_UNROLL(8)
  for (int i = 0; i < kM; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < kN; ++j) sum[i][j] = hn::Zero(d);
  }
  int64_t at = 0;
  for (; at + kLanes <= s.k; at += kLanes)
    add_products(sum, s, a + at, b + at, [d](const float* p) { return hn::LoadU(d, p); });
  if (at < s.k)
    add_products(sum, s, a + at, b + at, [&](const float* p) { return load_part(p, s.k - at); });
  // The sums of a tile one after the other, and zeros, in groups.
  constexpr int kCount = kM * kN, kGroups = (kCount + kGroup - 1) / kGroup;
  HWY_ALIGN float totals[kGroups * kGroup];
  HWY_UNROLL(32)
  for (int g = 0; g < kGroups; ++g) {
    V group[kGroup];
    HWY_UNROLL(4)
    for (int t = 0; t < kGroup; ++t) {
      const int from = g * kGroup + t;
      group[t] = from < kCount ? sum[from / kN][from % kN] : hn::Zero(d);
    }
    hn::Store(sums_of_lanes(group), Sums(), totals + g * kGroup);
  }
  for (int i = 0; i < kM; ++i)
    for (int j = 0; j < kN; ++j) c[i * s.ldc + j] = totals[i * kN + j] + (bias ? bias[j] : 0.0f);
}

// The sum over the last k mod (4 kLanes) numbers. Out of line: most rows have none.
HWY_NOINLINE float rest_of_dot(const float* a, const float* b, int64_t count) {
  const D d;
  V sum = hn::Zero(d);
  int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes)
    sum = hn::MulAdd(hn::LoadU(d, a + at), hn::LoadU(d, b + at), sum);
  if (at < count)
    sum = hn::MulAdd(load_part(a + at, count - at), load_part(b + at, count - at), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// kRows rows of b by one row of a, into four sums each that don't wait for each other: c[j] is the
// same to the last bit for every kRows.
template <int kRows>
HWY_INLINE void dots_of_rows(const DotsShape& s, const float* a, const float* b, const float* bias,
                             float* c) {
  const D d;
  const int64_t k = s.k, whole = k / (4 * kLanes) * (4 * kLanes);
  V sum[kRows][4];
  HWY_UNROLL(2)
  for (int j = 0; j < kRows; ++j) sum[j][0] = sum[j][1] = sum[j][2] = sum[j][3] = hn::Zero(d);
  for (int64_t at = 0; at < whole; at += 4 * kLanes) {
    HWY_UNROLL(4)
    for (int part = 0; part < 4; ++part) {
      const V x = hn::LoadU(d, a + at + part * kLanes);
      HWY_UNROLL(2)
      for (int j = 0; j < kRows; ++j)
        sum[j][part] =
            hn::MulAdd(x, hn::LoadU(d, b + j * s.ldb + at + part * kLanes), sum[j][part]);
    }
  }
  HWY_UNROLL(2)
  for (int j = 0; j < kRows; ++j) {
    const V all = hn::Add(hn::Add(sum[j][0], sum[j][1]), hn::Add(sum[j][2], sum[j][3]));
    c[j] = hn::GetLane(hn::SumOfLanes(d, all)) + (bias ? bias[j] : 0.0f);
    if (whole < k) c[j] += rest_of_dot(a + whole, b + j * s.ldb + whole, k - whole);
  }
}

// One row of a. Rows of b that stay in the second level of the cache are taken two at a time; of a
// larger b one after the other, as two streams from farther away are a fifth slower.
void dots_of_row(const DotsShape& s, const float* a, const float* b, const float* bias, float* c) {
  constexpr int64_t kCached = int64_t{256} << 10;
  const bool in_pairs = s.n * s.k * int64_t{sizeof(float)} <= kCached;
  int64_t j = 0;
  for (; in_pairs && j + 2 <= s.n; j += 2)
    dots_of_rows<2>(s, a, b + j * s.ldb, bias ? bias + j : nullptr, c + j);
  for (; j < s.n; ++j) dots_of_rows<1>(s, a, b + j * s.ldb, bias ? bias + j : nullptr, c + j);
}

using Tile = void (*)(const DotsShape& s, const float* a, const float* b, const float* bias,
                      float* c);
template <int kM>
Tile tile_of_rows(int64_t columns) {
  constexpr Tile kTiles[kColumns] = {tile<kM, 1>, tile<kM, 2>, tile<kM, 3>, tile<kM, 4>,
                                     tile<kM, 5>};
  return kTiles[std::min<int64_t>(columns, kColumns) - 1];
}
Tile tile_of(int64_t rows, int64_t columns) {
  switch (std::min<int64_t>(rows, kRows)) {
    case 1:
      return tile_of_rows<1>(columns);
    case 2:
      return tile_of_rows<2>(columns);
    case 3:
      return tile_of_rows<std::min(3, kRows)>(columns);
    default:
      return tile_of_rows<kRows>(columns);
  }
}

void dots_in_tiles(const DotsShape& s, const float* a, const float* b, const float* bias,
                   float* c) {
  const auto run = [&](int64_t i, int64_t j) {
    tile_of(s.m - i, s.n - j)(s, a + i * s.lda, b + j * s.ldb, bias ? bias + j : nullptr,
                              c + i * s.ldc + j);
  };
  if (s.m < s.n) {  // the longer matrix is read once, the other stays in a cache
    for (int64_t j = 0; j < s.n; j += kColumns)
      for (int64_t i = 0; i < s.m; i += kRows) run(i, j);
  } else {
    for (int64_t i = 0; i < s.m; i += kRows)
      for (int64_t j = 0; j < s.n; j += kColumns) run(i, j);
  }
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(dots_of_row);
HWY_EXPORT(dots_in_tiles);

void dots(const DotsShape& s, const float* a, const float* b, const float* bias, float* c) {
  ensure_simd_target();
  const auto serial =
      s.m == 1 ? HWY_DYNAMIC_DISPATCH(dots_of_row) : HWY_DYNAMIC_DISPATCH(dots_in_tiles);
  const bool by_rows = s.m > s.n;
  // Matrices of less than 4 MB are read sooner by one thread than a second one is woken up.
  const int64_t grain =
      std::max<int64_t>(1, (int64_t{1} << 21) / std::max<int64_t>(s.k * (by_rows ? s.n : s.m), 1));
  parallel_for(
      by_rows ? s.m : s.n,
      [&](int64_t begin, int64_t end) {
        DotsShape part = s;
        (by_rows ? part.m : part.n) = end - begin;
        if (by_rows)
          serial(part, a + begin * s.lda, b, bias, c + begin * s.ldc);
        else
          serial(part, a, b + begin * s.ldb, bias ? bias + begin : nullptr, c + begin);
      },
      grain);
}

}  // namespace papilio::kernels
#endif
