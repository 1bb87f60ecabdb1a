#include <algorithm>

#include "papilio/core/kernels/pointwise_tiles.h"
#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/pointwise_outer.cc"
#include "papilio/core/kernels/highway-inl.h"
#include "papilio/core/kernels/pointwise_panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

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
      memory::fetch(next_a + p * t.rows, t.rows * int64_t{sizeof(float)});
      memory::fetch(next_b + p * t.columns, t.columns * int64_t{sizeof(float)});
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

OuterLoop outer_loop_of_target() { return add_outer; }

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(outer_loop_of_target);

OuterLoop pointwise_outer_loop() {
  ensure_simd_target();
  return HWY_DYNAMIC_DISPATCH(outer_loop_of_target)();
}

}  // namespace papilio::kernels
#endif
