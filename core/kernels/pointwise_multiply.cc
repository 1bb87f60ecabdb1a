#include <algorithm>

#include "papilio/core/kernels/pointwise_tiles.h"
#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/pointwise_multiply.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/pointwise_panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

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
    for (int64_t p = 0; p < kP; ++p, from += step)
      memory::fetch<access>(from, count * int64_t{sizeof(float)});
  };
  constexpr std::integral_constant<memory::Access, memory::Access::read> kRead;
  constexpr std::integral_constant<memory::Access, memory::Access::write> kWrite;
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

PointwiseLoops pointwise_loops_of_target() {
  return {.pixels_at_once = kPixels,
          .next_panel = next_panel,
          .multiply = multiply,
          .add_outer = pointwise_outer_loop()};
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
