// The forward passes over rows of vectors. Compiled once for each SIMD target.
//
// Long because levels, groups, edges and the order of the passes belong together.

#if defined(PAPILIO_BUTTERFLY_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_FORWARD_INL_H_
#undef PAPILIO_BUTTERFLY_FORWARD_INL_H_
#else
#define PAPILIO_BUTTERFLY_FORWARD_INL_H_
#endif

#include "papilio/core/kernels/butterfly_passes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

// kSeam: downwards through the factors of one block, then upwards through those of the next.
template <class T, bool kLanes, int kBits, bool kUp, bool kFrozen, bool kSlots, bool kSeam = false>
struct ForwardPass {
  using N = Numbers<T>;
  static constexpr int kVectors = 1 << kBits;
  static constexpr int64_t kTwiddle =
      (kFrozen ? 1 : 2) * N::kSlot;  // reals for a vector of a level
  static constexpr int kFit = kDataRegisters / (kVectors * N::kPlanes);
  static constexpr int kRows = kFit < 1 ? 1 : kFit > 4 ? 4 : kFit;  // that share a load of twiddles

  template <int kCount>
  static HWY_INLINE void lane_level(auto level, const Real<T>* t, N (&x)[kVectors][kCount]) {
    HWY_UNROLL(8)
    for (int i = 0; i < kVectors; ++i, t += kTwiddle) {
      if constexpr (kFrozen) {
        const N o = N::load(t);
        HWY_UNROLL(4)
        for (int r = 0; r < kCount; ++r)
          x[i][r] = mul_add(o, x[i][r].template swap<1 << level>(), x[i][r]);
      } else {
        const N d = N::load(t), o = N::load(t + N::kSlot);
        HWY_UNROLL(4)
        for (int r = 0; r < kCount; ++r)
          x[i][r] = mul_add(o, x[i][r].template swap<1 << level>(), mul(d, x[i][r]));
      }
    }
  }

  template <int kCount>
  static HWY_INLINE void high_level(auto bit, const Real<T>* t, int64_t pitch,
                                    N (&x)[kVectors][kCount]) {
    using L = Level<bit>;
    HWY_UNROLL(8)
    for (int i = 0; i < kVectors / 2; ++i) {
      const Real<T>*tp = t + L::first(i) * pitch, *tq = tp + L::kDistance * pitch;
      N(&p)[kCount] = x[L::first(i)], (&q)[kCount] = x[L::first(i) + L::kDistance];
      if constexpr (kFrozen) {
        const N op = N::load(tp), oq = N::load(tq);
        HWY_UNROLL(4)
        for (int r = 0; r < kCount; ++r) {
          const N y = mul_add(op, q[r], p[r]);
          q[r] = mul_add(oq, p[r], q[r]);
          p[r] = y;
        }
      } else {
        const N dp = N::load(tp), op = N::load(tp + N::kSlot);
        const N dq = N::load(tq), oq = N::load(tq + N::kSlot);
        HWY_UNROLL(4)
        for (int r = 0; r < kCount; ++r) {
          const N y = mul_add(op, q[r], mul(dp, p[r]));
          q[r] = mul_add(oq, p[r], mul(dq, q[r]));
          p[r] = y;
        }
      }
    }
  }

  // The levels of the pass within one block.
  template <bool kGrowing, int kCount>
  static HWY_INLINE void levels(const Pass<T>& pass, const Real<T>* first, int64_t pitch,
                                int64_t vector, int64_t stride, N (&x)[kVectors][kCount]) {
    const Real<T>* twiddle = first + vector * kTwiddle;
    walk<T, kBits, kLanes, kGrowing>(
        [&](auto bit) PAPILIO_INLINE_LAMBDA {
          high_level<kCount>(bit, twiddle + (pass.first_level + bit) * pitch, stride * kTwiddle, x);
        },
        [&](auto level) PAPILIO_INLINE_LAMBDA {
          if (kBits > 0 || level < pass.lane_levels)
            lane_level<kCount>(level, twiddle + level * pitch, x);
        });
  }

  // The group whose first vector is `vector`, of kCount rows.
  template <Edge kEdge, int kCount>
  static HWY_INLINE void group(const Pass<T>& pass, const Rows<T>& in, const Rows<T>& out,
                               int64_t vector, int64_t row) {
    const int64_t stride = kLanes ? 1 : pass.stride;
    N x[kVectors][kCount];
    const Real<T>* from = in.data + vector * in.vector_pitch + row * in.row_pitch;
    HWY_UNROLL(8)
    for (int i = 0; i < kVectors; ++i)
      load<kEdge>(in, from + i * stride * in.vector_pitch, vector + i * stride, x[i]);
    levels<kUp, kCount>(pass, pass.twiddle, pass.level_pitch, vector, stride, x);
    if constexpr (kSeam)
      levels<true, kCount>(pass, pass.seam_twiddle, pass.seam_pitch, vector, stride, x);
    Real<T>* to = out.data + vector * out.vector_pitch + row * out.row_pitch;
    HWY_UNROLL(8)
    for (int i = 0; i < kVectors; ++i)
      store<kEdge>(x[i], out, pass.finish, to + i * stride * out.vector_pitch, vector + i * stride);
  }

  template <Edge kEdge>
  static HWY_INLINE void rows(const Pass<T>& pass, const Rows<T>& in, const Rows<T>& out,
                              int64_t vector) {
    int64_t row = 0;
    for (; row + kRows <= pass.rows; row += kRows) group<kEdge, kRows>(pass, in, out, vector, row);
    if constexpr (kRows > 1)
      for (; row < pass.rows; ++row) group<kEdge, 1>(pass, in, out, vector, row);
  }
  static HWY_NOINLINE void cut_rows(const Pass<T>& pass, const Rows<T>& in, const Rows<T>& out,
                                    int64_t vector) {
    rows<Edge::cut>(pass, in, out, vector);
  }

  static HWY_NOINLINE void run(const Pass<T>& pass_, const Rows<T>& in_, const Rows<T>& out_) {
    const Pass<T> pass = pass_;  // copies stay in registers: stores may alias what is in memory
    const Rows<T> in = in_, out = out_;
    for (int64_t i = pass.begin; i < pass.end; ++i) {
      const int64_t inner = kLanes ? 0 : i & (pass.stride - 1);
      const int64_t vector = (i - inner) * kVectors + inner;
      if constexpr (kSlots) {
        rows<Edge::slots>(pass, in, out, vector);
      } else {
        const int64_t last = vector + (kVectors - 1) * (kLanes ? 1 : pass.stride);
        holds(in, last) && holds(out, last) ? rows<Edge::whole>(pass, in, out, vector)
                                            : cut_rows(pass_, in_, out_, vector);
      }
    }
  }
};

// Calls the ForwardPass that the pass asks for.
template <class T>
HWY_INLINE void run_forward(const Pass<T>& pass, const Rows<T>& in, const Rows<T>& out) {
  const auto with = [&](auto lanes, auto bits) HWY_ATTR {
    const auto call = [&](auto up, auto frozen, auto slots) HWY_ATTR {
      if constexpr (lanes && !up)
        if (pass.seam_twiddle)
          return ForwardPass<T, lanes, bits, up, frozen, slots, true>::run(pass, in, out);
      ForwardPass<T, lanes, bits, up, frozen, slots>::run(pass, in, out);
    };
    const auto slots = [&](auto up, auto frozen) HWY_ATTR {
      plain(in, pass) && plain(out, pass) && !pass.finish.any()
          ? call(up, frozen, std::true_type())
          : call(up, frozen, std::false_type());
    };
    const auto frozen = [&](auto up) HWY_ATTR {
      pass.frozen ? slots(up, std::true_type()) : slots(up, std::false_type());
    };
    pass.increasing ? frozen(std::true_type()) : frozen(std::false_type());
  };
  unroll<kForwardBits<T> + 1>([&](auto bits) HWY_ATTR {
    if (pass.bits != bits) return;
    if constexpr (kLaneLevels < T >> 0)
      if (pass.lane_levels > 0) return with(std::true_type(), bits);
    if constexpr (bits > 0) with(std::false_type(), bits);
  });
}

// Calls next() for one step after the other: passes, but the last one of a decreasing block and the
// first one of the next block, both of the lane levels, are one step with a seam. Counts instead of
// dividing, which took a twentieth of the time of one row of 1024.
template <class T>
class ForwardSteps {
 public:
  HWY_INLINE ForwardSteps(const RowsPlan<T>& plan, const Schedule& schedule)
      : plan_(plan), schedule_(schedule) {
    const int64_t after_first = plan.nblocks - (plan.increasing_stride ? 1 : 0);
    count_ = plan.nblocks * schedule.count - (kLaneLevels<T> > 0 ? after_first / 2 : 0);
  }
  HWY_INLINE int64_t count() const { return count_; }
  HWY_INLINE Pass<T> next() {
    Pass<T> pass = make_pass(plan_, schedule_, block_, i_);
    const bool seam = kLaneLevels<T> > 0 && !pass.increasing && i_ == schedule_.count - 1 &&
                      block_ + 1 < plan_.nblocks;
    advance();
    if (seam) {
      const Pass<T> up = make_pass(plan_, schedule_, block_, i_);
      pass.seam_twiddle = up.twiddle, pass.seam_pitch = up.level_pitch;
      pass.whole = pass.whole || up.whole;
      advance();
    }
    if (block_ == plan_.nblocks) pass.finish = plan_.finish;
    return pass;
  }

 private:
  HWY_INLINE void advance() {
    if (++i_ == schedule_.count) i_ = 0, ++block_;
  }

  const RowsPlan<T>& plan_;
  const Schedule& schedule_;
  int64_t count_, block_ = 0, i_ = 0;
};

template <class T>
void forward(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& y, Real<T>* scratch) {
  const Schedule schedule =
      make_schedule(plan.levels, kLaneLevels<T>, kForwardBits<T>, kForwardBits<T>);
  const Rows<T> tile = scratch_rows(plan, scratch, 0);
  ForwardSteps<T> steps(plan, schedule);
  depth_first<T>(
      steps.count(), row_parts(schedule), [&](int64_t) HWY_ATTR { return steps.next(); },
      [&](int64_t step, const Pass<T>& pass) HWY_ATTR {
        fetch_next(plan, pass, step, steps.count());
        run_forward(pass, step == 0 ? x : tile, step == steps.count() - 1 ? y : tile);
      });
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
