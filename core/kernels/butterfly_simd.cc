// The butterfly passes over rows of vectors, compiled once for each SIMD target.
//
// A factor of stride >= lanes mixes whole vectors. For a smaller stride s, two neighbouring vectors
// are rearranged so that the first elements of all pairs stand in one and the second ones in the
// other, both in the order of the pairs ("pairs of stride s"); their twiddles are then consecutive
// as well. To go from stride s to 2s, or back, takes one exchange of lanes, and vectors as loaded
// are pairs of stride `lanes`.
//
// Long because forward and backward passes are made of the same steps on vectors.
//
// A pass does several factors on a group of vectors that stays in registers. The rows of a tile
// come innermost, so that they share the loads of the twiddle and, in backward, add up its gradient
// in registers.

#include <cstring>

#include "papilio/core/kernels/butterfly_kernels.h"
#include "papilio/core/kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "papilio/core/kernels/butterfly_simd.cc"
#include "papilio/core/kernels/highway-inl.h"
// After highway-inl.h, as each target compiles it anew.
#include "papilio/core/kernels/butterfly_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

constexpr int log2_floor(int v) { return v < 2 ? 0 : 1 + log2_floor(v / 2); }

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kDataRegisters = 16;  // of 32
#else
constexpr int kDataRegisters = 8;  // of 16
#endif

template <class T>
struct Tuning {
  static constexpr int kPlanes = Numbers<T>::kPlanes;
  static constexpr int kLaneLevels = log2_floor(Numbers<T>::kLanes);
  // The most factors of stride >= lanes in one pass.
  static constexpr int kForwardBits = kDataRegisters == 16 && kPlanes == 1 ? 3 : 2;
  static constexpr int kBackwardBits = 2;
  // Likewise, in the pass that does the factors of smaller stride.
  static constexpr int kForwardLowBits = kForwardBits;
  static constexpr int kBackwardLowBits = kLaneLevels == 0 ? kBackwardBits : 0;
};

// One pass of a block. Level e is the factor of stride 2^e, wherever it comes in the order.
template <class T>
struct Pass {
  int lane_levels;  // levels 0 ... lane_levels - 1
  int bits;         // and then first_level, first_level + 1, ...
  int first_level;
  bool increasing;
  bool packed;
  int64_t vectors, rows;
  int64_t stride;  // of first_level, in vectors
  const Real<T>* twiddle;
  int64_t level_pitch;  // reals from the twiddle of a level to that of the next one
};

template <class T>
HWY_INLINE Numbers<T> load(const Rows<T>& rows, const Real<T>* p) {
  return Numbers<T>::kPlanes == 1 || rows.planar ? Numbers<T>::load(p) : Numbers<T>::load_array(p);
}
template <class T>
HWY_INLINE void store(const Numbers<T>& v, const Rows<T>& rows, Real<T>* p) {
  Numbers<T>::kPlanes == 1 || rows.planar ? v.store(p) : v.store_array(p);
}

// p + pitch, as an addition that is really done: GCC otherwise makes every p + i * pitch of an
// unrolled loop a variable of the loop outside, and then runs out of registers for them.
template <class P>
HWY_INLINE P* advance(P* p, int64_t pitch) {
  p += pitch;
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  asm("" : "+r"(p));
#endif
  return p;
}

template <class N>
HWY_INLINE void butterfly(const N (&t)[4], N& p, N& q) {
  const N y = mul_add(t[1], q, mul(t[0], p));
  q = mul_add(t[3], q, mul(t[2], p));
  p = y;
}
template <class N>
HWY_INLINE void butterfly_adjoint(const N (&t)[4], N& p, N& q) {
  const N y = conj_mul_add(t[2], q, conj_mul(t[0], p));
  q = conj_mul_add(t[3], q, conj_mul(t[1], p));
  p = y;
}

// One group of vectors of a pass: kVectors registers (or twice as many), from load to store.
// Registers are in arrays, so every loop over them has to be unrolled; the levels are template
// arguments for that reason.
template <class T, bool kLanes, int kBits, bool kIncreasing>
struct Group {
  using N = Numbers<T>;
  static constexpr int kLow = kLanes ? Tuning<T>::kLaneLevels : 0;
  static constexpr int kVectors = kLanes && kBits == 0 ? 2 : 1 << kBits;
  static constexpr int kPairs = kVectors / 2;
  static constexpr int kLevels = kLow + kBits;

  Pass<T> pass;  // a copy, which stays in registers: stores of vectors may alias what is in memory
  int64_t vector, pair;  // the first ones; the others follow at `stride`
  int64_t stride;

  HWY_INLINE Group(const Pass<T>& p, int64_t index) : pass(p), stride(kLanes ? 1 : p.stride) {
    const int64_t inner = index & (stride - 1), outer = index - inner;
    vector = outer * kVectors + inner;
    pair = outer * kPairs + inner;
  }

  HWY_INLINE void load_row(const Rows<T>& rows, int64_t row, N (&x)[kVectors]) const {
    const Real<T>* p = rows.data + vector * rows.vector_pitch + row * rows.row_pitch;
    HWY_UNROLL(16)
    for (int i = 0; i < kVectors; ++i, p = advance(p, stride * rows.vector_pitch))
      x[i] = load(rows, p);
  }
  HWY_INLINE void store_row(const N (&x)[kVectors], const Rows<T>& rows, int64_t row) const {
    Real<T>* p = rows.data + vector * rows.vector_pitch + row * rows.row_pitch;
    HWY_UNROLL(16)
    for (int i = 0; i < kVectors; ++i, p = advance(p, stride * rows.vector_pitch))
      store(x[i], rows, p);
  }

  static HWY_INLINE void split(N (&x)[kVectors]) {
    HWY_UNROLL(8)
    for (int i = 0; i < kPairs; ++i) x[2 * i].split(x[2 * i + 1]);
  }
  static HWY_INLINE void join(N (&x)[kVectors]) {
    HWY_UNROLL(8)
    for (int i = 0; i < kPairs; ++i) x[2 * i].join(x[2 * i + 1]);
  }
  template <int kChunk>
  static HWY_INLINE void exchange(N (&x)[kVectors]) {
    HWY_UNROLL(8)
    for (int i = 0; i < kPairs; ++i) x[2 * i].template exchange<kChunk>(x[2 * i + 1]);
  }

  // Butterfly i of a level is on the vectors first(i) and first(i) + distance.
  template <int kLevel>
  struct Level {
    static constexpr int kBit = kLevel < kLow ? 0 : kLevel - kLow, kDistance = 1 << kBit;
    static constexpr int first(int i) { return (i >> kBit << (kBit + 1)) + (i & (kDistance - 1)); }
  };
  // Where the matrices of a level begin, in reals from those of the pass, and the way from one
  // butterfly to the next.
  HWY_INLINE int64_t matrices(int level) const {
    const int block_level = level < kLow ? level : pass.first_level + level - kLow;
    return block_level * pass.level_pitch + pair * 4 * N::kSlot;
  }
  HWY_INLINE int64_t matrices_pitch() const { return stride * 4 * N::kSlot; }

  template <bool kPacked>
  static HWY_INLINE void load_matrices(const Real<T>* p, N (&t)[4]) {
    if constexpr (kPacked)
      load_packed(p, t);
    else
      N::load_matrices(p, t);
  }
  static HWY_INLINE void load_packed(const Real<T>* p, N (&t)[4]) {
    HWY_UNROLL(4)
    for (int c = 0; c < 4; ++c) t[c] = N::load(p + c * N::kSlot);
  }
  static HWY_INLINE void store_packed(const N (&t)[4], Real<T>* p) {
    HWY_UNROLL(4)
    for (int c = 0; c < 4; ++c) t[c].store(p + c * N::kSlot);
  }

  // Walks up, from small to large strides, or down, and calls steps.level<...>() for each level and
  // .exchange<...>(), .split() or .join() between.
  template <bool kUp, class Steps>
  HWY_INLINE void walk(Steps& steps) const {
    if constexpr (kUp) {
      if constexpr (kLow > 0) {
        steps.split();
        unroll<kLow>([&](auto e) PAPILIO_INLINE_LAMBDA {
          if (kBits > 0 || e < pass.lane_levels) steps.template level<e>();
          steps.template exchange<1 << e>();
        });
      }
      unroll<kBits>([&](auto e) PAPILIO_INLINE_LAMBDA { steps.template level<kLow + e>(); });
    } else {
      unroll<kBits>([&](auto e) PAPILIO_INLINE_LAMBDA { steps.template level<kLevels - 1 - e>(); });
      if constexpr (kLow > 0) {
        unroll<kLow>([&](auto i) PAPILIO_INLINE_LAMBDA {
          constexpr int e = kLow - 1 - i;
          steps.template exchange<1 << e>();
          if (kBits > 0 || e < pass.lane_levels) steps.template level<e>();
        });
        steps.join();
      }
    }
  }

  template <int kRows, bool kPacked>
  struct Forward {
    const Group& group;
    N x[kRows][kVectors];

    template <int kLevel>
    HWY_INLINE void level() {
      using L = Level<kLevel>;
      const Real<T>* p = group.pass.twiddle + group.matrices(kLevel);
      HWY_UNROLL(8)
      for (int i = 0; i < kPairs; ++i, p = advance(p, group.matrices_pitch())) {
        N t[4];
        load_matrices<kPacked>(p, t);
        HWY_UNROLL(8)
        for (int r = 0; r < kRows; ++r)
          butterfly(t, x[r][L::first(i)], x[r][L::first(i) + L::kDistance]);
      }
    }
    template <int kChunk>
    HWY_INLINE void exchange() {
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) Group::exchange<kChunk>(x[r]);
    }
    HWY_INLINE void split() {
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) Group::split(x[r]);
    }
    HWY_INLINE void join() {
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) Group::join(x[r]);
    }
  };

  template <int kRows, bool kPacked>
  HWY_INLINE void forward(const Rows<T>& in, const Rows<T>& out, int64_t row) const {
    Forward<kRows, kPacked> f{*this, {}};
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) load_row(in, row + r, f.x[r]);
    walk<kIncreasing>(f);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) store_row(f.x[r], out, row + r);
  }

  // Forward through one row, keeping the inputs of the levels.
  struct Recompute {
    const Group& group;
    N x[kVectors], inputs[kLevels][kVectors];

    template <int kLevel>
    HWY_INLINE void level() {
      using L = Level<kLevel>;
      HWY_UNROLL(16)
      for (int i = 0; i < kVectors; ++i) inputs[kLevel][i] = x[i];
      if constexpr (kLevel == (kIncreasing ? kLevels - 1 : 0)) return;
      const Real<T>* p = group.pass.twiddle + group.matrices(kLevel);
      HWY_UNROLL(8)
      for (int i = 0; i < kPairs; ++i, p = advance(p, group.matrices_pitch())) {
        N t[4];
        load_packed(p, t);
        butterfly(t, x[L::first(i)], x[L::first(i) + L::kDistance]);
      }
    }
    template <int kChunk>
    HWY_INLINE void exchange() {
      Group::exchange<kChunk>(x);
    }
    HWY_INLINE void split() { Group::split(x); }
    HWY_INLINE void join() {}  // after the last level
  };

  struct Backward {
    const Group& group;
    const N (&inputs)[kLevels][kVectors];
    N (&sums)[kLevels][kPairs][4];
    N g[kVectors];

    template <int kLevel>
    HWY_INLINE void level() {
      using L = Level<kLevel>;
      const Real<T>* p = group.pass.twiddle + group.matrices(kLevel);
      HWY_UNROLL(8)
      for (int i = 0; i < kPairs; ++i, p = advance(p, group.matrices_pitch())) {
        N &gp = g[L::first(i)], &gq = g[L::first(i) + L::kDistance];
        const N &xp = inputs[kLevel][L::first(i)], &xq = inputs[kLevel][L::first(i) + L::kDistance];
        N(&sum)[4] = sums[kLevel][i];
        sum[0] = conj_mul_add(xp, gp, sum[0]);
        sum[1] = conj_mul_add(xq, gp, sum[1]);
        sum[2] = conj_mul_add(xp, gq, sum[2]);
        sum[3] = conj_mul_add(xq, gq, sum[3]);
        N t[4];
        load_packed(p, t);
        butterfly_adjoint(t, gp, gq);
      }
    }
    template <int kChunk>
    HWY_INLINE void exchange() {
      Group::exchange<kChunk>(g);
    }
    HWY_INLINE void split() { Group::split(g); }
    HWY_INLINE void join() { Group::join(g); }
  };

  // All rows: grad_in to grad_out, adding up the gradient of the twiddle.
  HWY_INLINE void backward(const Rows<T>& x, const Rows<T>& grad_in, const Rows<T>& grad_out,
                           Real<T>* grad_twiddle) const {
    N sums[kLevels][kPairs][4];
    HWY_UNROLL(8)
    for (int e = 0; e < kLevels; ++e) HWY_UNROLL(8)
    for (int i = 0; i < kPairs; ++i)
      load_packed(grad_twiddle + matrices(e) + i * matrices_pitch(), sums[e][i]);
    for (int64_t row = 0; row < pass.rows; ++row) {
      Recompute forward{*this, {}, {}};
      load_row(x, row, forward.x);
      walk<kIncreasing>(forward);
      Backward backward{*this, forward.inputs, sums, {}};
      load_row(grad_in, row, backward.g);
      walk<!kIncreasing>(backward);
      store_row(backward.g, grad_out, row);
    }
    HWY_UNROLL(8)
    for (int e = 0; e < kLevels; ++e) HWY_UNROLL(8)
    for (int i = 0; i < kPairs; ++i)
      store_packed(sums[e][i], grad_twiddle + matrices(e) + i * matrices_pitch());
  }
};

// ---------------------------------------------------------------- passes

template <class T>
struct ForwardPass {
  Pass<T> pass_;
  Rows<T> in_, out_;

  template <bool kLanes, int kBits, bool kIncreasing>
  HWY_NOINLINE void run() const {
    const Pass<T> pass = pass_;  // see Group
    const Rows<T> in = in_, out = out_;
    using G = Group<T, kLanes, kBits, kIncreasing>;
    constexpr int kFit = kDataRegisters / (G::kVectors * Numbers<T>::kPlanes);
    constexpr int kRows = kFit < 1 ? 1 : kFit > 4 ? 4 : kFit;
    for (int64_t i = 0; i < pass.vectors / G::kVectors; ++i) {
      const G group(pass, i);
      int64_t row = 0;
      if (pass.packed) {
        for (; row + kRows <= pass.rows; row += kRows)
          group.template forward<kRows, true>(in, out, row);
        if constexpr (kRows > 1)
          for (; row < pass.rows; ++row) group.template forward<1, true>(in, out, row);
      } else {
        for (; row < pass.rows; ++row) group.template forward<1, false>(in, out, row);
      }
    }
  }
};

template <class T>
struct BackwardPass {
  Pass<T> pass_;
  Rows<T> x_, grad_in_, grad_out_;
  Real<T>* grad_twiddle_;  // where pass.twiddle is in the twiddle

  template <bool kLanes, int kBits, bool kIncreasing>
  HWY_NOINLINE void run() const {
    const Pass<T> pass = pass_;  // see Group
    const Rows<T> x = x_, grad_in = grad_in_, grad_out = grad_out_;
    Real<T>* const grad_twiddle = grad_twiddle_;
    using G = Group<T, kLanes, kBits, kIncreasing>;
    for (int64_t i = 0; i < pass.vectors / G::kVectors; ++i)
      G(pass, i).backward(x, grad_in, grad_out, grad_twiddle);
  }
};

// Calls run.run<whether there are lane levels, bits, increasing>() as the pass says.
template <int kBits, int kLowBits, class T, class Run>
HWY_INLINE void dispatch(const Pass<T>& pass, const Run& run) {
  const auto call = [&](auto lanes, auto bits) PAPILIO_INLINE_LAMBDA {
    if ((pass.lane_levels > 0) != lanes || pass.bits != bits) return;
    pass.increasing ? run.template run<lanes, bits, true>()
                    : run.template run<lanes, bits, false>();
  };
  unroll<kBits>([&](auto b) PAPILIO_INLINE_LAMBDA {
    call(std::false_type(), std::integral_constant<int, b + 1>());
  });
  if constexpr (Tuning<T>::kLaneLevels > 0)
    unroll<kLowBits + 1>([&](auto b) PAPILIO_INLINE_LAMBDA { call(std::true_type(), b); });
}

// The passes of one block, in the order of growing strides.
struct Schedule {
  int count = 0;
  int lane_levels[32], bits[32], first_level[32];

  HWY_INLINE void add(int lane, int b, int first) {
    lane_levels[count] = lane, bits[count] = b, first_level[count] = first;
    ++count;
  }
};

template <class T>
HWY_INLINE Schedule make_schedule(int levels, int max_bits, int max_low_bits) {
  constexpr int kLaneLevels = Tuning<T>::kLaneLevels;
  Schedule s;
  int left = levels - kLaneLevels;
  if (kLaneLevels > 0) {
    const int low_bits = left < max_low_bits ? (left < 0 ? 0 : left) : max_low_bits;
    s.add(left < 0 ? levels : kLaneLevels, low_bits, kLaneLevels);
    left -= low_bits;
  }
  while (left > 0) {
    const int passes = (left + max_bits - 1) / max_bits, bits = (left + passes - 1) / passes;
    s.add(0, bits, levels - left);
    left -= bits;
  }
  return s;
}

// Pass number `index` (in the order of application) of the rows' butterfly.
template <class T>
HWY_INLINE Pass<T> make_pass(const RowsPlan<T>& plan, const Schedule& schedule, int64_t index) {
  const int64_t block = index / schedule.count, i = index % schedule.count;
  const bool increasing = plan.increasing_stride != (block % 2 == 1);
  const int64_t s = increasing ? i : schedule.count - 1 - i;
  const int64_t factor_size = plan.vectors / 2 * 4 * Numbers<T>::kSlot;
  const int64_t first_factor = block * plan.levels + (increasing ? 0 : plan.levels - 1);
  Pass<T> pass;
  pass.lane_levels = schedule.lane_levels[s];
  pass.bits = schedule.bits[s];
  pass.first_level = schedule.first_level[s];
  pass.increasing = increasing;
  pass.packed = plan.packed;
  pass.vectors = plan.vectors;
  pass.rows = plan.rows;
  pass.stride = int64_t{1} << (pass.first_level - Tuning<T>::kLaneLevels);
  pass.twiddle = plan.twiddle + first_factor * factor_size;
  pass.level_pitch = increasing ? factor_size : -factor_size;
  return pass;
}

// A tile of rows in scratch memory: each vector of all rows, then the next vector.
template <class T>
HWY_INLINE Rows<T> scratch_rows(const RowsPlan<T>& plan, Real<T>* scratch, int64_t index) {
  constexpr int64_t kSlot = Numbers<T>::kSlot;
  return {scratch + index * plan.rows * plan.vectors * kSlot, plan.rows * kSlot, kSlot, true};
}

// ---------------------------------------------------------------- the entries of ButterflyKernels

template <class T>
void pack(const Real<T>* matrices, int64_t count, Real<T>* packed) {
  using N = Numbers<T>;
  for (int64_t i = 0; i < count; ++i) {
    N t[4];
    N::load_matrices(matrices + i * 4 * N::kSlot, t);
    unroll<4>([&](auto c) PAPILIO_INLINE_LAMBDA { t[c].store(packed + (i * 4 + c) * N::kSlot); });
  }
}

template <class T>
void unpack_sum(const Real<T>* packed, int64_t parts, int64_t part_pitch, int64_t count,
                Real<T>* matrices) {
  using N = Numbers<T>;
  for (int64_t i = 0; i < count; ++i) {
    N t[4];
    unroll<4>([&](auto c) PAPILIO_INLINE_LAMBDA {
      const Real<T>* p = packed + (i * 4 + c) * N::kSlot;
      t[c] = N::load(p);
      for (int64_t part = 1; part < parts; ++part) t[c] = add(t[c], N::load(p + part * part_pitch));
    });
    N::store_matrices(t, matrices + i * 4 * N::kSlot);
  }
}

template <class T>
void forward(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& y, Real<T>* scratch) {
  constexpr int kBits = Tuning<T>::kForwardBits, kLowBits = Tuning<T>::kForwardLowBits;
  const Schedule schedule = make_schedule<T>(plan.levels, kBits, kLowBits);
  const Rows<T> tile = scratch_rows(plan, scratch, 0);
  const int64_t passes = schedule.count * plan.nblocks;
  for (int64_t i = 0; i < passes; ++i) {
    const Pass<T> pass = make_pass(plan, schedule, i);
    dispatch<kBits, kLowBits>(pass,
                              ForwardPass<T>{pass, i == 0 ? x : tile, i == passes - 1 ? y : tile});
  }
}

template <class T>
HWY_INLINE Schedule backward_schedule(const RowsPlan<T>& plan) {
  return make_schedule<T>(plan.levels, Tuning<T>::kBackwardBits, Tuning<T>::kBackwardLowBits);
}

template <class T>
int64_t backward_scratch(const RowsPlan<T>& plan) {
  return backward_schedule(plan).count *
         plan.nblocks;  // the inputs of all passes but the first, and a gradient
}

template <class T>
void backward(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& grad_y,
              const Rows<T>& grad_x, Real<T>* grad_twiddle, Real<T>* scratch) {
  constexpr int kBits = Tuning<T>::kBackwardBits, kLowBits = Tuning<T>::kBackwardLowBits;
  const Schedule schedule = backward_schedule(plan);
  const int64_t passes = schedule.count * plan.nblocks;
  const Rows<T> gradient = scratch_rows(plan, scratch, 0);
  const auto input = [&](int64_t i)
                         HWY_ATTR { return i == 0 ? x : scratch_rows(plan, scratch, i); };
  for (int64_t i = 0; i + 1 < passes; ++i) {
    const Pass<T> pass = make_pass(plan, schedule, i);
    dispatch<kBits, kLowBits>(pass, ForwardPass<T>{pass, input(i), input(i + 1)});
  }
  for (int64_t i = passes - 1; i >= 0; --i) {
    const Pass<T> pass = make_pass(plan, schedule, i);
    dispatch<kBits, kLowBits>(
        pass,
        BackwardPass<T>{pass, input(i), i == passes - 1 ? grad_y : gradient,
                        i == 0 ? grad_x : gradient, grad_twiddle + (pass.twiddle - plan.twiddle)});
  }
}

template <class T>
HWY_INLINE ButterflyKernels<T> make_kernels() {
  return {.lanes = Numbers<T>::kLanes,
          .forward_tile = 32 << 10,
          .backward_tile = 96 << 10,
          .packed_rows = Numbers<T>::kPlanes == 1 ? 3 : 2,
          .pack = pack<T>,
          .unpack_sum = unpack_sum<T>,
          .forward = forward<T>,
          .backward_scratch = backward_scratch<T>,
          .backward = backward<T>};
}
void kernels_f32(ButterflyKernels<float>* k) { *k = make_kernels<float>(); }
void kernels_f64(ButterflyKernels<double>* k) { *k = make_kernels<double>(); }
void kernels_c64(ButterflyKernels<std::complex<float>>* k) {
  *k = make_kernels<std::complex<float>>();
}
void kernels_c128(ButterflyKernels<std::complex<double>>* k) {
  *k = make_kernels<std::complex<double>>();
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace papilio::kernels {

HWY_EXPORT(kernels_f32);
HWY_EXPORT(kernels_f64);
HWY_EXPORT(kernels_c64);
HWY_EXPORT(kernels_c128);

template <>
ButterflyKernels<float> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<float> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_f32)(&kernels);
  return kernels;
}
template <>
ButterflyKernels<double> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<double> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_f64)(&kernels);
  return kernels;
}
template <>
ButterflyKernels<std::complex<float>> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<std::complex<float>> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_c64)(&kernels);
  return kernels;
}
template <>
ButterflyKernels<std::complex<double>> butterfly_kernels() {
  ensure_simd_target();
  ButterflyKernels<std::complex<double>> kernels;
  HWY_DYNAMIC_DISPATCH(kernels_c128)(&kernels);
  return kernels;
}

}  // namespace papilio::kernels
#endif
