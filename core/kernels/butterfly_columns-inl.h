// The forward passes over features-major arrays: vectors hold the same feature of several samples,
// so that every factor mixes whole vectors, and a 2 x 2 matrix is four broadcast numbers. Compiled
// once for each SIMD target.
//
// Long because levels, edges and the order of the passes belong together.

#if defined(PAPILIO_BUTTERFLY_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_COLUMNS_INL_H_
#undef PAPILIO_BUTTERFLY_COLUMNS_INL_H_
#else
#define PAPILIO_BUTTERFLY_COLUMNS_INL_H_
#endif

#include "papilio/core/kernels/butterfly_passes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// The most vectors of columns that share a broadcast. Three would fit into the registers too, but
// their tile of n = 1024 is larger than what the second-level cache holds beside the twiddle and y.
template <class T>
constexpr int kMaxColumns = Numbers<T>::kPlanes == 2 && kDataRegisters == 8 ? 1 : 2;

// Of the next tile: the strides of a first pass are more than the processor foresees by itself.
template <class T>
HWY_INLINE void fetch(const Real<T>* p) {
  for (size_t line = 0; line < sizeof(Real<T>) * Numbers<T>::kSlot; line += 64)
    __builtin_prefetch(reinterpret_cast<const char*>(p) + line);
}

template <class T, int kBits, bool kUp, bool kFrozen, int kColumns>
struct ColumnsPass {
  using N = Numbers<T>;
  static constexpr int kFeatures = 1 << kBits;
  static constexpr int64_t kPair = (kFrozen ? 2 : 4) * N::kPlanes;  // reals for a 2 x 2 matrix

  static HWY_INLINE void level(auto bit, const Real<T>* t, int64_t pitch,
                               N (&x)[kFeatures][kColumns]) {
    using L = Level<bit>;
    HWY_UNROLL(8)
    for (int i = 0; i < kFeatures / 2; ++i) {
      const Real<T>* m = t + i * pitch;
      N(&p)[kColumns] = x[L::first(i)], (&q)[kColumns] = x[L::first(i) + L::kDistance];
      if constexpr (kFrozen) {
        const N b = N::broadcast(m), c = N::broadcast(m + N::kPlanes);
        HWY_UNROLL(4)
        for (int v = 0; v < kColumns; ++v) {
          const N y = mul_add(b, q[v], p[v]);
          q[v] = mul_add(c, p[v], q[v]);
          p[v] = y;
        }
      } else {
        const N a = N::broadcast(m), b = N::broadcast(m + N::kPlanes),
                c = N::broadcast(m + 2 * N::kPlanes), d = N::broadcast(m + 3 * N::kPlanes);
        HWY_UNROLL(4)
        for (int v = 0; v < kColumns; ++v) {
          const N y = mul_add(b, q[v], mul(a, p[v]));
          q[v] = mul_add(c, p[v], mul(d, q[v]));
          p[v] = y;
        }
      }
    }
  }

  // kEdge: slots for scratch memory, else the caller's arrays.
  template <Edge kEdge>
  static HWY_INLINE void load(const Columns<T>& in, int64_t feature, N (&x)[kColumns]) {
    const Real<T>* p = in.data + feature * in.pitch * N::kPlanes;
    const bool absent = kEdge == Edge::cut && !in.planar && feature >= in.features;
    if (in.ahead != 0) {
      HWY_UNROLL(4)
      for (int v = 0; v < kColumns; ++v) fetch<T>(p + v * N::kSlot + in.ahead);
    }
    HWY_UNROLL(4)
    for (int v = 0; v < kColumns; ++v, p += N::kSlot)
      x[v] = absent                                                 ? N::zero()
             : kEdge == Edge::slots || N::kPlanes == 1 || in.planar ? N::load(p)
                                                                    : N::load_array(p);
  }

  template <Edge kEdge>
  static HWY_INLINE void store(const Columns<T>& out, int64_t feature, N (&x)[kColumns]) {
    Real<T>* p = out.data + feature * out.pitch * N::kPlanes;
    if (kEdge == Edge::cut && !out.planar && feature >= out.features) return;
    HWY_UNROLL(4)
    for (int v = 0; v < kColumns; ++v, p += N::kSlot)
      kEdge == Edge::slots || N::kPlanes == 1 || out.planar ? x[v].store(p) : x[v].store_array(p);
  }

  static HWY_INLINE void finish(const ColumnsPlan<T>& plan, int64_t feature, N (&x)[kColumns]) {
    const N scale = plan.scale ? N::broadcast(plan.scale + feature * N::kPlanes) : N::zero();
    const N bias = plan.bias ? N::broadcast(plan.bias + feature * N::kPlanes) : N::zero();
    HWY_UNROLL(4)
    for (int v = 0; v < kColumns; ++v) {
      if (plan.scale) x[v] = mul(x[v], scale);
      if (plan.bias) x[v] = add(x[v], bias);
      if constexpr (N::kPlanes == 1)
        if (plan.relu) x[v] = rectify(x[v]);
    }
  }

  template <Edge kEdge>
  static HWY_INLINE void group(const Pass<T>& pass, const ColumnsPlan<T>& plan,
                               const Columns<T>& in, const Columns<T>& out, int64_t feature,
                               int64_t pair, bool finishes) {
    N x[kFeatures][kColumns];
    HWY_UNROLL(8)
    for (int f = 0; f < kFeatures; ++f) load<kEdge>(in, feature + f * pass.stride, x[f]);
    const Real<T>* t = pass.twiddle + pass.first_level * pass.level_pitch + pair * kPair;
    walk<T, kBits, false, kUp>(
        [&](auto bit) PAPILIO_INLINE_LAMBDA {
          level(bit, t + bit * pass.level_pitch, pass.stride * kPair, x);
        },
        [&](auto) PAPILIO_INLINE_LAMBDA {});
    if (kEdge == Edge::cut && finishes)
      for (int f = 0; f < kFeatures; ++f)
        if (feature + f * pass.stride < out.features) finish(plan, feature + f * pass.stride, x[f]);
    if (kEdge == Edge::whole && finishes) {
      HWY_UNROLL(8)
      for (int f = 0; f < kFeatures; ++f) finish(plan, feature + f * pass.stride, x[f]);
    }
    HWY_UNROLL(8)
    for (int f = 0; f < kFeatures; ++f) store<kEdge>(out, feature + f * pass.stride, x[f]);
  }
  static HWY_NOINLINE void cut_group(const Pass<T>& pass, const ColumnsPlan<T>& plan,
                                     const Columns<T>& in, const Columns<T>& out, int64_t feature,
                                     int64_t pair, bool finishes) {
    group<Edge::cut>(pass, plan, in, out, feature, pair, finishes);
  }

  static HWY_NOINLINE void run(const Pass<T>& pass_, const ColumnsPlan<T>& plan,
                               const Columns<T>& in_, const Columns<T>& out_) {
    const Pass<T> pass = pass_;  // copies stay in registers: stores may alias what is in memory
    const Columns<T> in = in_, out = out_;
    const bool finishes = !out.planar && (plan.scale || plan.bias || plan.relu);
    const bool plain = (N::kPlanes == 1 || (in.planar && out.planar)) && !finishes;
    for (int64_t i = pass.begin; i < pass.end; ++i) {
      const int64_t inner = i & (pass.stride - 1), outer = i - inner;
      const int64_t feature = outer * kFeatures + inner;
      const int64_t pair = outer * (kFeatures / 2) + inner;
      const int64_t last = feature + (kFeatures - 1) * pass.stride;
      if (last >= in.features || last >= out.features)
        cut_group(pass_, plan, in_, out_, feature, pair, finishes);
      else if (plain)
        group<Edge::slots>(pass, plan, in, out, feature, pair, false);
      else
        group<Edge::whole>(pass, plan, in, out, feature, pair, finishes);
    }
  }
};

// Calls the ColumnsPass that the pass asks for.
template <class T>
HWY_INLINE void run_columns(const Pass<T>& pass, const ColumnsPlan<T>& plan, const Columns<T>& in,
                            const Columns<T>& out) {
  unroll<kForwardBits<T>>([&](auto i) HWY_ATTR {
    constexpr int kBits = i + 1;
    if (pass.bits != kBits) return;
    unroll<kMaxColumns<T>>([&](auto c) HWY_ATTR {
      constexpr int kColumns = c + 1;
      if (plan.vectors != kColumns) return;
      const auto call = [&](auto up, auto frozen) HWY_ATTR {
        ColumnsPass<T, kBits, up, frozen, kColumns>::run(pass, plan, in, out);
      };
      const auto frozen = [&](auto up) HWY_ATTR {
        plan.frozen ? call(up, std::true_type()) : call(up, std::false_type());
      };
      pass.increasing ? frozen(std::true_type()) : frozen(std::false_type());
    });
  });
}

template <class T>
void forward_columns(const ColumnsPlan<T>& plan, const Columns<T>& x, const Columns<T>& y,
                     Real<T>* scratch) {
  using N = Numbers<T>;
  const Schedule schedule = make_schedule(plan.levels, 0, kForwardBits<T>, kForwardBits<T>);
  const int64_t n = int64_t{1} << plan.levels, passes = schedule.count * plan.nblocks;
  const Columns<T> tile = {scratch, plan.vectors * N::kLanes, true, n};
  // As rows of n vectors without lane levels.
  const RowsPlan<T> rows = {.levels = plan.levels,
                            .vectors = n,
                            .nblocks = plan.nblocks,
                            .increasing_stride = plan.increasing_stride,
                            .rows = 1,
                            .twiddle = plan.twiddle,
                            .factor_pitch = n * (plan.frozen ? 1 : 2) * N::kPlanes,
                            .frozen = plan.frozen,
                            .finish = {}};
  const auto get = [&](int64_t i) HWY_ATTR {
    Pass<T> pass = make_pass(rows, schedule, i);
    pass.stride = int64_t{1} << pass.first_level;
    return pass;
  };
  depth_first<T>(passes, row_parts(schedule), get, [&](int64_t i, const Pass<T>& pass) HWY_ATTR {
    run_columns(pass, plan, i == 0 ? x : tile, i == passes - 1 ? y : tile);
  });
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
