// The backward passes over rows of vectors. Compiled once for each SIMD target.
//
// Long because a pass goes forward again before it goes back.

#if defined(PAPILIO_BUTTERFLY_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_BACKWARD_INL_H_
#undef PAPILIO_BUTTERFLY_BACKWARD_INL_H_
#else
#define PAPILIO_BUTTERFLY_BACKWARD_INL_H_
#endif

#include "papilio/core/kernels/butterfly_forward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// The most factors of stride >= lanes that a backward pass does: its 2^bits * bits * 2 sums should
// stay in registers. The pass of the lane levels does no others.
template <class T>
constexpr int kBackwardBits = kDataRegisters == 16 && Numbers<T>::kPlanes == 1 ? 2 : 1;
template <class T>
constexpr int kBackwardLowBits = kLaneLevels<T> == 0 ? kBackwardBits<T> : 0;

template <class T, bool kLanes, int kBits, bool kUp, bool kSlots>
struct BackwardPass {
  using N = Numbers<T>;
  static constexpr int kVectors = 1 << kBits;
  static constexpr int kLow = kLanes ? kLaneLevels<T> : 0;
  static constexpr int kLevels = kLow + kBits;
  static constexpr int kLast = kUp ? kLevels - 1 : 0;  // of forward
  static constexpr int64_t kTwiddle = 2 * N::kSlot;
  static constexpr Edge kEdge = kSlots ? Edge::slots : Edge::cut;

  const Pass<T>& pass;
  int64_t stride;

  const Real<T>* twiddle(int64_t vector, int e) const {
    const int level = e < kLow ? e : pass.first_level + e - kLow;
    return pass.twiddle + level * pass.level_pitch + vector * kTwiddle;
  }

  // Rows shorter than a vector have fewer lane levels.
  HWY_INLINE bool exists(int e) const { return kBits > 0 || !kLanes || e < pass.lane_levels; }

  // The vectors of one row, forward as far as the inputs of all levels.
  HWY_INLINE void recompute(const Real<T>* const (&twiddles)[kLevels], N (&x)[kVectors],
                            N (&inputs)[kLevels][kVectors]) const {
    walk<T, kBits, kLanes, kUp>(
        [&](auto bit) PAPILIO_INLINE_LAMBDA {
          constexpr int e = kLow + bit;
          HWY_UNROLL(4)
          for (int i = 0; i < kVectors; ++i) inputs[e][i] = x[i];
          if constexpr (e != kLast)
            ForwardPass<T, kLanes, kBits, kUp, false, true>::template high_level<1>(
                bit, twiddles[e], stride * kTwiddle, columns(x));
        },
        [&](auto level) PAPILIO_INLINE_LAMBDA {
          HWY_UNROLL(4)
          for (int i = 0; i < kVectors; ++i) inputs[level][i] = x[i];
          if constexpr (level != kLast)
            if (exists(level))
              ForwardPass<T, kLanes, kBits, kUp, false, true>::template lane_level<1>(
                  level, twiddles[level], columns(x));
        });
  }
  static HWY_INLINE N (&columns(N (&x)[kVectors]))[kVectors][1] {
    return *reinterpret_cast<N(*)[kVectors][1]>(&x);
  }

  template <int kBit>
  HWY_INLINE void high_level(const Real<T>* t, const N (&x)[kVectors], N (&sums)[kVectors][2],
                             N (&g)[kVectors]) const {
    using L = Level<kBit>;
    HWY_UNROLL(2)
    for (int i = 0; i < kVectors / 2; ++i) {
      constexpr int d = L::kDistance;
      const int p = L::first(i), q = p + d;
      sums[p][0] = conj_mul_add(x[p], g[p], sums[p][0]);
      sums[p][1] = conj_mul_add(x[q], g[p], sums[p][1]);
      sums[q][0] = conj_mul_add(x[q], g[q], sums[q][0]);
      sums[q][1] = conj_mul_add(x[p], g[q], sums[q][1]);
      const Real<T>*tp = t + p * stride * kTwiddle, *tq = t + q * stride * kTwiddle;
      const N y = conj_mul_add(N::load(tq + N::kSlot), g[q], conj_mul(N::load(tp), g[p]));
      g[q] = conj_mul_add(N::load(tp + N::kSlot), g[p], conj_mul(N::load(tq), g[q]));
      g[p] = y;
    }
  }

  template <int kLevel>
  static HWY_INLINE void lane_level(const Real<T>* t, const N (&x)[kVectors],
                                    N (&sums)[kVectors][2], N (&g)[kVectors]) {
    HWY_UNROLL(4)
    for (int i = 0; i < kVectors; ++i, t += kTwiddle) {
      sums[i][0] = conj_mul_add(x[i], g[i], sums[i][0]);
      sums[i][1] = conj_mul_add(x[i].template swap<1 << kLevel>(), g[i], sums[i][1]);
      const N other = conj_mul(N::load(t + N::kSlot), g[i]);
      g[i] = conj_mul_add(N::load(t), g[i], other.template swap<1 << kLevel>());
    }
  }

  HWY_INLINE void back(const Real<T>* const (&twiddles)[kLevels],
                       const N (&inputs)[kLevels][kVectors], N (&sums)[kLevels][kVectors][2],
                       N (&g)[kVectors]) const {
    walk<T, kBits, kLanes, !kUp>(
        [&](auto bit) PAPILIO_INLINE_LAMBDA {
          constexpr int e = kLow + bit;
          high_level<bit>(twiddles[e], inputs[e], sums[e], g);
        },
        [&](auto level) PAPILIO_INLINE_LAMBDA {
          if (exists(level)) lane_level<level>(twiddles[level], inputs[level], sums[level], g);
        });
  }

  // All rows of the group whose first vector is `vector`.
  HWY_INLINE void group(const Rows<T>& x, const Rows<T>& grad_in, const Rows<T>& grad_out, bool add,
                        Real<T>* grad_twiddle, int64_t vector) const {
    const Real<T>* twiddles[kLevels];
    N sums[kLevels][kVectors][2];
    HWY_UNROLL(8)
    for (int e = 0; e < kLevels; ++e) {
      twiddles[e] = twiddle(vector, e);
      const bool begun = add && exists(e);
      const Real<T>* p = grad_twiddle + (twiddles[e] - pass.twiddle);
      HWY_UNROLL(4)
      for (int i = 0; i < kVectors; ++i, p += stride * kTwiddle) {
        sums[e][i][0] = begun ? N::load(p) : N::zero();
        sums[e][i][1] = begun ? N::load(p + N::kSlot) : N::zero();
      }
    }
    for (int64_t row = 0; row < pass.rows; ++row) {
      N v[kVectors], inputs[kLevels][kVectors];
      load_group(x, vector, row, v);
      recompute(twiddles, v, inputs);
      N g[kVectors];
      load_group(grad_in, vector, row, g);
      back(twiddles, inputs, sums, g);
      Real<T>* to = grad_out.data + vector * grad_out.vector_pitch + row * grad_out.row_pitch;
      HWY_UNROLL(4)
      for (int i = 0; i < kVectors; ++i)
        store<kEdge>(columns(g)[i], grad_out, Finish<T>{}, to + i * stride * grad_out.vector_pitch,
                     vector + i * stride);
    }
    HWY_UNROLL(8)
    for (int e = 0; e < kLevels; ++e) {
      if (!exists(e)) continue;
      Real<T>* p = grad_twiddle + (twiddles[e] - pass.twiddle);
      HWY_UNROLL(4)
      for (int i = 0; i < kVectors; ++i, p += stride * kTwiddle) {
        sums[e][i][0].store(p);
        sums[e][i][1].store(p + N::kSlot);
      }
    }
  }
  HWY_INLINE void load_group(const Rows<T>& rows, int64_t vector, int64_t row,
                             N (&v)[kVectors]) const {
    const Real<T>* from = rows.data + vector * rows.vector_pitch + row * rows.row_pitch;
    HWY_UNROLL(4)
    for (int i = 0; i < kVectors; ++i)
      load<kEdge>(rows, from + i * stride * rows.vector_pitch, vector + i * stride, columns(v)[i]);
  }

  static HWY_NOINLINE void run(const Pass<T>& pass_, const Rows<T>& x_, const Rows<T>& grad_in_,
                               const Rows<T>& grad_out_, bool add, Real<T>* grad_twiddle) {
    const Pass<T> copy = pass_;  // stays in registers: stores may alias what is in memory
    const Rows<T> x = x_, grad_in = grad_in_, grad_out = grad_out_;
    const BackwardPass self{copy, kLanes ? 1 : copy.stride};
    for (int64_t i = copy.begin; i < copy.end; ++i) {
      const int64_t inner = kLanes ? 0 : i & (self.stride - 1);
      self.group(x, grad_in, grad_out, add, grad_twiddle, (i - inner) * kVectors + inner);
    }
  }
};

// Calls the BackwardPass that the pass asks for; grad_twiddle is that of level 0 of its block.
template <class T>
HWY_INLINE void run_backward(const Pass<T>& pass, const Rows<T>& x, const Rows<T>& grad_in,
                             const Rows<T>& grad_out, bool add, Real<T>* grad_twiddle) {
  const auto with = [&](auto lanes, auto bits) HWY_ATTR {
    const auto call = [&](auto up, auto slots) HWY_ATTR {
      BackwardPass<T, lanes, bits, up, slots>::run(pass, x, grad_in, grad_out, add, grad_twiddle);
    };
    const auto slots = [&](auto up) HWY_ATTR {
      plain(x, pass) && plain(grad_in, pass) && plain(grad_out, pass) ? call(up, std::true_type())
                                                                      : call(up, std::false_type());
    };
    pass.increasing ? slots(std::true_type()) : slots(std::false_type());
  };
  if constexpr (kLaneLevels < T >> 0)
    if (pass.lane_levels > 0) return with(std::true_type(), std::integral_constant<int, 0>());
  unroll<kBackwardBits<T>>([&](auto i) HWY_ATTR {
    if (pass.bits == i + 1) with(std::false_type(), std::integral_constant<int, i + 1>());
  });
}

// out = grad where y > 0 (everywhere if y is null), and adds its rows to bias_sums (not if null).
template <class T>
void gate(int64_t rows, int64_t vectors, const Rows<T>* y, const Rows<T>& grad, const Rows<T>& out,
          Real<T>* bias_sums) {
  using N = Numbers<T>;
  for (int64_t v = 0; v < vectors; ++v) {
    N sum = bias_sums ? N::load(bias_sums + v * N::kSlot) : N::zero();
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = [&](const Rows<T>& from) HWY_ATTR {
        N x[1];
        load<Edge::cut>(from, from.data + v * from.vector_pitch + r * from.row_pitch, v, x);
        return x[0];
      };
      N g = at(grad);
      if constexpr (N::kPlanes == 1)
        if (y) g.re = hn::IfThenElseZero(hn::Gt(at(*y).re, N::zero().re), g.re);
      sum = add(sum, g);
      g.store(out.data + v * out.vector_pitch + r * out.row_pitch);
    }
    if (bias_sums) sum.store(bias_sums + v * N::kSlot);
  }
}

template <class T>
HWY_INLINE Schedule backward_schedule(const RowsPlan<T>& plan) {
  return make_schedule(plan.levels, kLaneLevels<T>, kBackwardBits<T>, kBackwardLowBits<T>);
}

template <class T>
int64_t backward_scratch(const RowsPlan<T>& plan) {
  // The inputs of all passes but the first, and a gradient.
  return backward_schedule(plan).count * plan.nblocks;
}

template <class T>
void backward(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& grad_y,
              const Rows<T>& grad_x, bool add, Real<T>* grad_twiddle, Real<T>* scratch) {
  const Schedule schedule = backward_schedule(plan);
  const int64_t passes = schedule.count * plan.nblocks;
  const Rows<T> gradient = scratch_rows(plan, scratch, 0);
  const auto input = [&](int64_t i)
                         HWY_ATTR { return i == 0 ? x : scratch_rows(plan, scratch, i); };
  // First forward to the input of the last pass, then back through all of them.
  const auto index = [&](int64_t step)
                         HWY_ATTR { return step < passes - 1 ? step : 2 * passes - 2 - step; };
  const auto get = [&](int64_t step) HWY_ATTR { return make_pass(plan, schedule, index(step)); };
  depth_first<T>(
      2 * passes - 1, row_parts(schedule), get, [&](int64_t step, const Pass<T>& pass) HWY_ATTR {
        const int64_t i = index(step);
        fetch_next(plan, pass, step, 2 * passes - 1);
        if (step < passes - 1) return run_forward(pass, input(i), input(i + 1));
        run_backward(pass, input(i), i == passes - 1 ? grad_y : gradient,
                     i == 0 ? grad_x : gradient, add, grad_twiddle + (pass.twiddle - plan.twiddle));
      });
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
