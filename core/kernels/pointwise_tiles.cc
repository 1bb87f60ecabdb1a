#include "papilio/core/kernels/pointwise_tiles.h"

#include <algorithm>

#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/pointwise_tiles.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<float>()));
using Whole = HWY_CAPPED(float, kLanes);
using Half = HWY_CAPPED(float, std::max<int64_t>(kLanes / 2, 1));
using Quarter = HWY_CAPPED(float, std::max<int64_t>(kLanes / 4, 1));

// Sums of kPixels or kRows by up to three vectors stay in registers.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kPixels = 8, kRows = 8;  // of 32 registers
#else
constexpr int kPixels = 4, kRows = 4;  // of 16
#endif
constexpr int kVectors = 3;

// The next columns that one tile takes.
Panel next_panel(int64_t first, int64_t columns) {
  const int64_t left = columns - first;
  if (left >= kLanes) {
    const int64_t width = std::min<int64_t>(left / kLanes, kVectors) * kLanes;
    return {first, width, width};
  }
  for (const int64_t width : {kLanes / 4, kLanes / 2})
    if (left <= width) return {first, left, width};
  return {first, left, kLanes};
}

// Calls run.operator()<tag, vectors, partial>() for the panel; a partial one is a vector that has
// more lanes than columns.
template <class Run>
HWY_INLINE void with_form(const Panel& panel, const Run& run) {
  if (panel.width == 3 * kLanes) return run.template operator()<Whole, 3, false>();
  if (panel.width == 2 * kLanes) return run.template operator()<Whole, 2, false>();
  const bool partial = panel.count < panel.width;
  const auto one = [&]<class D>(D) HWY_ATTR {
    partial ? run.template operator()<D, 1, true>() : run.template operator()<D, 1, false>();
  };
  if (panel.width == kLanes) return one(Whole());
  if (panel.width * 2 == kLanes) return one(Half());
  one(Quarter());
}

// The first `count` lanes, and zeros, by halves.
template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, int64_t count, const float* from) {
#if HWY_TARGET == HWY_SCALAR
  return count > 0 ? hn::LoadU(d, from) : hn::Zero(d);
#else
  constexpr auto kAll = static_cast<int64_t>(hn::MaxLanes(D()));
  if constexpr (kAll == 1) {
    return count > 0 ? hn::LoadU(d, from) : hn::Zero(d);
  } else {
    const hn::Half<D> half;
    if (count * 2 <= kAll) return hn::ZeroExtendVector(d, load_part(half, count, from));
    return hn::Combine(d, load_part(half, count - kAll / 2, from + kAll / 2),
                       hn::LoadU(half, from));
  }
#endif
}
// The first `count` lanes by halves.
template <class D>
HWY_INLINE void store_part(D d, hn::Vec<D> v, int64_t count, float* to) {
#if HWY_TARGET == HWY_SCALAR
  if (count > 0) hn::StoreU(v, d, to);
#else
  constexpr auto kAll = static_cast<int64_t>(hn::MaxLanes(D()));
  if constexpr (kAll == 1) {
    if (count > 0) hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    if (count * 2 < kAll) return store_part(half, hn::LowerHalf(half, v), count, to);
    hn::StoreU(hn::LowerHalf(half, v), half, to);
    if (count * 2 > kAll) store_part(half, hn::UpperHalf(half, v), count - kAll / 2, to + kAll / 2);
  }
#endif
}

// ---------------------------------------------------------------- y = x matrix

enum class Factors { one, ordered, two };

// Where a group of some pixels stands, and what lies between two of them.
struct Place {
  const float *x, *matrix, *other_x, *other_matrix, *bias, *residual;
  const int64_t* order;
  float* y;
  int64_t x_step, other_step, y_step;
};

// Asks for what the same group of pixels kAhead numbers later reads and writes, `columns` of y in
// each; not for windows of x that overlap.
template <int kP, Factors kFactors>
HWY_INLINE void fetch_ahead(const Place& at, int64_t inner, int64_t other_inner, int64_t group,
                            int64_t groups, int64_t columns) {
  const auto later = [=](const float* from, int64_t count, int64_t step, auto access) PAPILIO_PART {
    constexpr int64_t kLine = 16;
    const bool fetched = group > 0 && group * count / kLine == (group - 1) * count / kLine;
    if (fetched || step != groups * count) return;
    from += (kAhead / step / kP + 1) * kP * step;
    for (int64_t p = 0; p < kP; ++p, from += step) fetch<access>(from, count);
  };
  constexpr std::integral_constant<Access, Access::read> kRead;
  constexpr std::integral_constant<Access, Access::write> kWrite;
  later(at.x, inner, at.x_step, kRead);
  if (kFactors == Factors::two) later(at.other_x, other_inner, at.other_step, kRead);
  if (at.residual) later(at.residual, columns, at.y_step, kRead);
  later(at.y, columns, at.y_step, kWrite);
}

// Adds what is to be added to the sums and puts them into y.
template <class D, int kV, bool kPartial, int kP>
HWY_INLINE void finish(const Place& at, int64_t count, bool relu, hn::Vec<D> (&sum)[kP][kV]) {
  const D d;
  constexpr auto kN = static_cast<int64_t>(hn::MaxLanes(d));
  const auto for_each = [&](const auto& visit) PAPILIO_PART {
    HWY_UNROLL(8)
    for (int p = 0; p < kP; ++p) {
      HWY_UNROLL(8)
      for (int v = 0; v < kV; ++v) visit(sum[p][v], p * at.y_step + v * kN);
    }
  };
  if (const float* from = at.residual)
    for_each([&](auto& s, int64_t i) PAPILIO_PART {
      s = hn::Add(s, kPartial ? load_part(d, count, from + i) : hn::LoadU(d, from + i));
    });
  if (relu) for_each([&](auto& s, int64_t) PAPILIO_PART { s = relu_of(d, s); });
  float* to = at.y;
  for_each([&](auto& s, int64_t i) PAPILIO_PART {
    kPartial ? store_part(d, s, count, to + i) : hn::StoreU(s, d, to + i);
  });
}

// x is of the first pixel, the next ones x_step further on.
template <bool kOrdered, class D, int kV, int kP>
HWY_INLINE void add_product(const float* x, int64_t x_step, const int64_t* order, int64_t inner,
                            const float* matrix, hn::Vec<D> (&sum)[kP][kV]) {
  const D d;
  constexpr auto kN = static_cast<int64_t>(hn::MaxLanes(d));
  for (int64_t k = 0; k < inner; ++k, matrix += kV * kN) {
    const float* column = x + (kOrdered ? order[k] : k);
    hn::Vec<D> m[kV];
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v) m[v] = hn::LoadU(d, matrix + v * kN);
    HWY_UNROLL(8)
    for (int p = 0; p < kP; ++p) {
      const auto factor = hn::Set(d, column[p * x_step]);
      HWY_UNROLL(8)
      for (int v = 0; v < kV; ++v) sum[p][v] = hn::MulAdd(factor, m[v], sum[p][v]);
    }
  }
}

template <class D, int kV, bool kPartial, int kP, Factors kFactors>
HWY_INLINE void multiply_group(const Place& at, int64_t inner, int64_t other_inner, int64_t count,
                               bool relu) {
  const D d;
  constexpr auto kN = static_cast<int64_t>(hn::MaxLanes(d));
  hn::Vec<D> sum[kP][kV];
  HWY_UNROLL(8)
  for (int v = 0; v < kV; ++v) {
    const auto start = at.bias ? hn::LoadU(d, at.bias + v * kN) : hn::Zero(d);
    HWY_UNROLL(8)
    for (int p = 0; p < kP; ++p) sum[p][v] = start;
  }
  add_product<kFactors == Factors::ordered, D>(at.x, at.x_step, at.order, inner, at.matrix, sum);
  if constexpr (kFactors == Factors::two)
    add_product<false, D>(at.other_x, at.other_step, nullptr, other_inner, at.other_matrix, sum);
  finish<D, kV, kPartial, kP>(at, count, relu, sum);
}

// All groups of kP pixels, of which the first `whole` may be stored as whole vectors.
template <class D, int kV, bool kPartial, int kP, Factors kFactors, bool kFetch>
void multiply_pixels(const MultiplyTile& t, int64_t first, int64_t whole) {
  const int64_t inner = t.factor.inner, other_inner = t.another.inner, columns = t.columns,
                groups = t.groups, count = t.panel.count, matrix_step = inner * t.panel.width,
                other_matrix_step = other_inner * t.panel.width, y_step = groups * columns,
                y_at = first * y_step + t.panel.first;
  const bool relu = t.relu;
  Place at{.x = t.factor.x + first * t.factor.x_step,
           .matrix = t.factor.packed,
           .other_x = t.another.x + first * t.another.x_step,
           .other_matrix = t.another.packed,
           .bias = t.bias ? t.bias + t.panel.first : nullptr,
           .residual = t.residual ? t.residual + y_at : nullptr,
           .order = t.order,
           .y = t.y + y_at,
           .x_step = t.factor.x_step,
           .other_step = t.another.x_step,
           .y_step = y_step};
  const auto some = [&](int64_t end, int64_t g, auto partial) PAPILIO_PART {
    for (; g < end; ++g) {
      if constexpr (kFetch) fetch_ahead<kP, kFactors>(at, inner, other_inner, g, groups, columns);
      multiply_group<D, kV, partial, kP, kFactors>(at, inner, other_inner, count, relu);
      if (kFactors == Factors::ordered)
        at.order += inner;
      else
        at.x += inner;
      at.matrix += matrix_step;
      if (kFactors == Factors::two) at.other_x += other_inner, at.other_matrix += other_matrix_step;
      at.y += columns;
      if (at.bias) at.bias += columns;
      if (at.residual) at.residual += columns;
    }
  };
  some(whole, 0, std::false_type());
  if constexpr (kPartial) some(groups, whole, std::true_type());
}

struct Multiply {
  const MultiplyTile& t;
  template <class D, int kV, bool kPartial>
  HWY_ATTR void operator()() const {
    if (t.order) return run<D, kV, kPartial, Factors::ordered>();
    t.another.inner ? run<D, kV, kPartial, Factors::two>() : run<D, kV, kPartial, Factors::one>();
  }
  template <class D, int kV, bool kPartial, Factors kFactors>
  HWY_ATTR void run() const {
    // Where this panel is all there is of a group, a whole vector may reach into the next groups of
    // the pixel: they come later.
    const int64_t reached = (t.panel.width - 1) / t.columns;
    const int64_t whole = !kPartial            ? t.groups
                          : t.panel.first == 0 ? std::max<int64_t>(t.groups - reached, 0)
                                               : 0;
    int64_t p = 0;
    const auto pixels = [&](auto fetches) HWY_ATTR {
      for (; p + kPixels <= t.pixels; p += kPixels)
        multiply_pixels<D, kV, kPartial, kPixels, kFactors, fetches>(t, p, whole);
    };
    if (t.from_memory && t.panel.first == 0) pixels(std::true_type());
    pixels(std::false_type());
    for (; p < t.pixels; ++p) multiply_pixels<D, kV, kPartial, 1, kFactors, false>(t, p, whole);
  }
};
void multiply(const MultiplyTile& t) { with_form(t.panel, Multiply{t}); }

// ---------------------------------------------------------------- sums of outer products

template <class D, int kV, bool kPartial, int kR, bool kFetch>
HWY_INLINE void add_outer_rows(const OuterTile& t, int64_t pixels, const float* a, const float* b,
                               float* sums, const float* next_a, const float* next_b) {
  const D d;
  constexpr auto kN = static_cast<int64_t>(hn::MaxLanes(d));
  const int64_t a_step = t.groups * t.rows, b_step = t.groups * t.columns;
  hn::Vec<D> sum[kR][kV];
  HWY_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v) sum[r][v] = hn::LoadU(d, sums + (r * kV + v) * kN);
  }
  for (int64_t p = 0; p < pixels; ++p, a += a_step, b += b_step) {
    if constexpr (kFetch) {
      fetch(next_a + p * t.rows, t.rows);
      fetch(next_b + p * t.columns, t.columns);
    }
    hn::Vec<D> x[kV];
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v)
      x[v] = kPartial ? load_part(d, t.panel.count, b) : hn::LoadU(d, b + v * kN);
    HWY_UNROLL(8)
    for (int r = 0; r < kR; ++r) {
      const auto factor = hn::Set(d, a[r]);
      HWY_UNROLL(8)
      for (int v = 0; v < kV; ++v) sum[r][v] = hn::MulAdd(factor, x[v], sum[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v) hn::StoreU(sum[r][v], d, sums + (r * kV + v) * kN);
  }
}

// A partial vector reads columns of the next group too, whose sums nobody looks at; at the end of
// the array it must not.
struct AddOuter {
  const OuterTile& t;
  template <class D, int kV, bool kPartial>
  HWY_ATTR void operator()() const {
    for (int64_t g = 0; g < t.groups; ++g) {
      const int64_t step = t.groups * t.columns, offset = g * t.columns + t.panel.first,
                    room = t.readable - offset - t.panel.width;
      const int64_t safe =
          kPartial ? std::clamp<int64_t>(room < 0 ? 0 : room / step + 1, 0, t.pixels) : t.pixels;
      add_group<D, kV, false>(g, 0, safe);
      if constexpr (kPartial)
        if (safe < t.pixels) add_group<D, kV, true>(g, safe, t.pixels - safe);
    }
  }

  template <class D, int kV, bool kPartial>
  HWY_ATTR HWY_INLINE void add_group(int64_t g, int64_t first, int64_t pixels) const {
    const float* a = t.a + (first * t.groups + g) * t.rows;
    const float* b = t.b + (first * t.groups + g) * t.columns + t.panel.first;
    float* sums = t.sums + g * t.rows * t.panel.width;
    int64_t r = 0;
    // Every group asks for its share of what follows the tile.
    const float *next_a = t.a + (t.groups + g) * t.pixels * t.rows,
                *next_b = t.b + (t.groups + g) * t.pixels * t.columns;
    const auto rows = [&](auto count) HWY_ATTR {
      for (; r + count <= t.rows; r += count)
        (r == 0 && t.panel.first == 0
             ? add_outer_rows<D, kV, kPartial, count, true>
             : add_outer_rows<D, kV, kPartial, count, false>)(t, pixels, a + r, b,
                                                              sums + r * t.panel.width, next_a,
                                                              next_b);
    };
    rows(std::integral_constant<int, kRows>());
    rows(std::integral_constant<int, std::min(kRows, 6)>());
    rows(std::integral_constant<int, std::min(kRows, 4)>());
    rows(std::integral_constant<int, 3>());
    rows(std::integral_constant<int, 2>());
    rows(std::integral_constant<int, 1>());
  }
};
void add_outer(const OuterTile& t) { with_form(t.panel, AddOuter{t}); }

PointwiseLoops pointwise_loops_of_target() {
  return {.pixels_at_once = kPixels,
          .next_panel = next_panel,
          .multiply = multiply,
          .add_outer = add_outer};
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(pointwise_loops_of_target);

PointwiseLoops pointwise_loops() {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(pointwise_loops_of_target)();
}

}  // namespace papilio::kernels
#endif
