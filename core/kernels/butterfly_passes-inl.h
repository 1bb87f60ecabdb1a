// What the passes of forward and backward share: which factors a pass does, on which vectors, and
// how rows are loaded and stored. Compiled once for each SIMD target.
//
// A factor of stride >= lanes mixes whole vectors: the partner of vector v is vector v XOR stride.
// For a smaller stride s the partner of a lane is lane XOR s of the same vector ("lane levels"). A
// pass does several factors on a group of vectors that stays in registers. The rows of a tile come
// innermost: they share the loads of the twiddle and, in backward, add up its gradient in
// registers.
//
// Long because both directions and both layouts share it.

#if defined(PAPILIO_BUTTERFLY_PASSES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PAPILIO_BUTTERFLY_PASSES_INL_H_
#undef PAPILIO_BUTTERFLY_PASSES_INL_H_
#else
#define PAPILIO_BUTTERFLY_PASSES_INL_H_
#endif

#include <cstring>

#include "papilio/core/kernels/butterfly_kernels.h"
#include "papilio/core/kernels/butterfly_vectors-inl.h"
#include "papilio/core/memory.h"

HWY_BEFORE_NAMESPACE();
namespace papilio::kernels::HWY_NAMESPACE {

constexpr int log2_floor(int v) { return v < 2 ? 0 : 1 + log2_floor(v / 2); }

template <class T>
constexpr int kLaneLevels = log2_floor(Numbers<T>::kLanes);

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kDataRegisters = 16;  // of 32
#else
constexpr int kDataRegisters = 8;  // of 16
#endif

// The most factors of stride >= lanes that a forward pass does.
template <class T>
constexpr int kForwardBits = kDataRegisters == 16 && Numbers<T>::kPlanes == 1 ? 3 : 2;

// One pass over a block. Level e is the factor of stride 2^e, wherever it comes in the order.
template <class T>
struct Pass {       // without initial values: a table of many is never filled
  int lane_levels;  // levels 0 ... lane_levels - 1,
  int bits;         // and levels first_level ... first_level + bits - 1
  int first_level;
  bool increasing, frozen;
  bool whole;      // mixes all of the row; other passes stay within its parts
  int64_t stride;  // of first_level, in vectors
  int64_t rows;
  int64_t groups;          // of 2^bits vectors, in a row
  const Real<T>* twiddle;  // of level 0
  int64_t level_pitch;     // reals from the twiddle of a level to that of the next one
  int64_t begin, end;      // the groups to do
  Finish<T> finish;
  // Level 0 and level pitch of the block after this one, when the same groups go through its lane
  // levels and following bits at once: the seam of a decreasing and an increasing block.
  const Real<T>* seam_twiddle;
  int64_t seam_pitch;
};

// ---------------------------------------------------------------- rows in memory

// How the rows of a group stand in memory.
enum class Edge {
  slots,  // vectors are slots, and there is no Finish
  whole,  // the caller's arrays, whole vectors
  cut,    // the caller's arrays, whose rows may end anywhere
};

// Whether the lanes of a vector that are there can be loaded and stored alone, without a branch.
template <class T>
constexpr bool kMasked = HWY_TARGET == HWY_AVX3&& Numbers<T>::kPlanes == 1;

// The first of these lanes are there.
template <class T>
HWY_INLINE auto present(const Rows<T>& rows, int64_t vector) {
  constexpr int64_t kLanes = Numbers<T>::kLanes;
  const int64_t left = rows.planar ? kLanes : rows.width - vector * kLanes;
  return hn::FirstN(Tag<T>(), static_cast<size_t>(left < 0 ? 0 : left < kLanes ? left : kLanes));
}

// Vector number `vector` of kCount rows, which begin at p.
template <Edge kEdge, class T, int kCount>
HWY_INLINE void load(const Rows<T>& rows, const Real<T>* p, int64_t vector,
                     Numbers<T> (&x)[kCount]) {
  using N = Numbers<T>;
  if (kEdge == Edge::slots || (rows.planar && !(kEdge == Edge::cut && kMasked<T>))) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r] = N::load(p + r * rows.row_pitch);
  } else if constexpr (kEdge == Edge::cut && kMasked<T>) {
    const auto mask = present(rows, vector);
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r)
      x[r].re = hn::MaskedLoad(mask, Tag<T>(), p + r * rows.row_pitch);
  } else if (kEdge == Edge::whole || rows.width - vector * N::kLanes >= N::kLanes) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r] = N::load_array(p + r * rows.row_pitch);
  } else {
    const int64_t left = rows.width - vector * N::kLanes;
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) {
      alignas(64) Real<T> part[N::kSlot] = {};
      if (left > 0)
        std::memcpy(part, p + r * rows.row_pitch, static_cast<size_t>(left) * sizeof(T));
      x[r] = N::load_array(part);
    }
  }
}

template <class T, int kCount>
HWY_INLINE void apply(const Finish<T>& finish, int64_t vector, Numbers<T> (&x)[kCount]) {
  using N = Numbers<T>;
  if (finish.scale) {
    const N scale = N::load(finish.scale + vector * N::kSlot);
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r] = mul(x[r], scale);
  }
  if (finish.bias) {
    const N bias = N::load(finish.bias + vector * N::kSlot);
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r] = add(x[r], bias);
  }
  if constexpr (N::kPlanes == 1)
    if (finish.relu) {
      HWY_UNROLL(4)
      for (int r = 0; r < kCount; ++r) x[r] = rectify(x[r]);
    }
}

template <Edge kEdge, class T, int kCount>
HWY_INLINE void store(Numbers<T> (&x)[kCount], const Rows<T>& rows, const Finish<T>& finish,
                      Real<T>* p, int64_t vector) {
  using N = Numbers<T>;
  if constexpr (kEdge != Edge::slots) apply(finish, vector, x);
  if constexpr (kEdge == Edge::cut && kMasked<T>) {
    const auto mask = present(rows, vector);
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r)
      hn::BlendedStore(x[r].re, mask, Tag<T>(), p + r * rows.row_pitch);
  } else if (kEdge == Edge::slots || rows.planar) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r].store(p + r * rows.row_pitch);
  } else if (kEdge == Edge::whole && finish.stream) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r].stream_array(p + r * rows.row_pitch);
  } else if (kEdge == Edge::whole || rows.width - vector * N::kLanes >= N::kLanes) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) x[r].store_array(p + r * rows.row_pitch);
  } else if (const int64_t left = rows.width - vector * N::kLanes; left > 0) {
    HWY_UNROLL(4)
    for (int r = 0; r < kCount; ++r) {
      alignas(64) Real<T> part[N::kSlot];
      x[r].store_array(part);
      std::memcpy(p + r * rows.row_pitch, part, static_cast<size_t>(left) * sizeof(T));
    }
  }
}

// Whether all vectors of the rows can be loaded and stored as slots.
template <class T>
HWY_INLINE bool plain(const Rows<T>& rows, const Pass<T>& pass) {
  return rows.planar || (Numbers<T>::kPlanes == 1 &&
                         rows.width >= (pass.groups << pass.bits) * Numbers<T>::kLanes);
}

// Whether the rows hold all of the vector.
template <class T>
HWY_INLINE bool holds(const Rows<T>& rows, int64_t vector) {
  return rows.planar || rows.width >= (vector + 1) * Numbers<T>::kLanes;
}

// A tile of rows in scratch memory: each vector of all rows, then the next vector.
template <class T>
HWY_INLINE Rows<T> scratch_rows(const RowsPlan<T>& plan, Real<T>* scratch, int64_t index) {
  constexpr int64_t kSlot = Numbers<T>::kSlot;
  return {scratch + index * plan.rows * plan.vectors * kSlot, plan.rows * kSlot, kSlot, true, 0};
}

// ---------------------------------------------------------------- groups of vectors

// Pair i of a level of stride 2^kBit vectors in a group is on its vectors first(i) and first(i) +
// distance.
template <int kBit>
struct Level {
  static constexpr int kDistance = 1 << kBit;
  static constexpr int first(int i) { return (i >> kBit << (kBit + 1)) + (i & (kDistance - 1)); }
};

// Calls high(bit) for the bits of a pass and lane(level) for its lane levels, in the order of
// growing strides or the reverse.
template <class T, int kBits, bool kLanes, bool kUp, class High, class Lane>
HWY_INLINE void walk(const High& high, const Lane& lane) {
  constexpr int kLow = kLanes ? kLaneLevels<T> : 0;
  if constexpr (kUp) {
    unroll<kLow>([&](auto e) PAPILIO_INLINE_LAMBDA { lane(e); });
    unroll<kBits>([&](auto e) PAPILIO_INLINE_LAMBDA { high(e); });
  } else {
    unroll<kBits>(
        [&](auto i) PAPILIO_INLINE_LAMBDA { high(std::integral_constant<int, kBits - 1 - i>()); });
    unroll<kLow>([&](auto i)
                     PAPILIO_INLINE_LAMBDA { lane(std::integral_constant<int, kLow - 1 - i>()); });
  }
}

// ---------------------------------------------------------------- schedules

// The passes of one block, in the order of growing strides.
struct Schedule {
  int count = 0;
  int lane_levels[32], bits[32], first_level[32];

  HWY_INLINE void add(int lane, int b, int first) {
    lane_levels[count] = lane, bits[count] = b, first_level[count] = first;
    ++count;
  }
};

// Passes of at most max_bits levels of stride >= lanes, about equally many in each; the first one
// does the lane levels too, and then at most low_bits of the others.
HWY_INLINE Schedule make_schedule(int levels, int lane_levels, int max_bits, int low_bits) {
  Schedule s;
  const int lanes = levels < lane_levels ? levels : lane_levels;
  int left = levels - lanes;
  while (s.count == 0 || left > 0) {
    const int passes = (left + max_bits - 1) / max_bits;
    int bits = passes > 0 ? left / passes : 0;
    if (s.count == 0 && lanes > 0 && bits > low_bits) bits = low_bits;
    s.add(s.count == 0 ? lanes : 0, bits, levels - left);
    left -= bits;
  }
  return s;
}

// Pass number i (in the order of application) of a block of the rows' butterfly.
template <class T>
HWY_INLINE Pass<T> make_pass(const RowsPlan<T>& plan, const Schedule& schedule, int64_t block,
                             int64_t i) {
  Pass<T> pass = {};
  pass.increasing = plan.increasing_stride != (block % 2 == 1);
  const int64_t s = pass.increasing ? i : schedule.count - 1 - i;
  const int64_t first_factor = block * plan.levels + (pass.increasing ? 0 : plan.levels - 1);
  pass.lane_levels = schedule.lane_levels[s];
  pass.bits = schedule.bits[s];
  pass.first_level = schedule.first_level[s];
  pass.frozen = plan.frozen;
  pass.whole = s == schedule.count - 1;
  // In vectors; columns, which have no lane levels, set their own.
  const int64_t high = pass.first_level - kLaneLevels<T>;
  pass.stride = pass.lane_levels > 0 || high < 0 ? 1 : int64_t{1} << high;
  pass.rows = plan.rows;
  pass.groups = plan.vectors >> pass.bits;
  pass.twiddle = plan.twiddle + first_factor * plan.factor_pitch;
  pass.level_pitch = pass.increasing ? plan.factor_pitch : -plan.factor_pitch;
  return pass;
}

// Pass number `index` of all blocks.
template <class T>
HWY_INLINE Pass<T> make_pass(const RowsPlan<T>& plan, const Schedule& schedule, int64_t index) {
  return make_pass(plan, schedule, index / schedule.count, index % schedule.count);
}

// Calls body(step, pass) for the steps 0 ... count - 1: those that mix the whole row one after the
// other, the ones between them together on one part of the row after the other, which stays in the
// first-level cache. get(step), called once for each step in their order, is its Pass.
template <class T, class Get, class Body>
HWY_INLINE void depth_first(int64_t count, int64_t parts, const Get& get, const Body& body) {
  constexpr int kMost = 64;  // steps between two whole ones: at most 31 before and after a turn
  Pass<T> passes[kMost];
  bool one_is_left = false;
  for (int64_t step = 0; step < count;) {
    int steps = 0;
    do {
      if (!one_is_left) passes[steps] = get(step + steps);
      one_is_left = false;
    } while (!passes[steps++].whole && step + steps < count && steps < kMost);
    if (steps > 1 && passes[steps - 1].whole) --steps, one_is_left = true;
    const int64_t pieces = steps > 1 ? parts : 1;
    for (int64_t piece = 0; piece < pieces; ++piece)
      for (int s = 0; s < steps; ++s) {
        const int64_t groups = passes[s].groups / pieces;
        passes[s].begin = piece * groups, passes[s].end = (piece + 1) * groups;
        body(step + s, passes[s]);
      }
    step += steps;
    if (one_is_left) passes[0] = passes[steps];
  }
}

// The share of a pass, or of its groups, in what the next tile needs. Few lines at a time: a burst
// of them is waited for.
template <class T>
HWY_INLINE void fetch_next(const RowsPlan<T>& plan, const Pass<T>& pass, int64_t step,
                           int64_t steps) {
  if (!plan.next) return;
  const double whole = 1.0 / static_cast<double>(steps * pass.groups),
               from = static_cast<double>(step * pass.groups + pass.begin) * whole,
               to = static_cast<double>(step * pass.groups + pass.end) * whole;
  const auto share = [&](const NextTile::Region& region) HWY_ATTR {
    const auto size = static_cast<double>(region.bytes);
    const auto begin = static_cast<int64_t>(size * from);
    return NextTile::Region{static_cast<const char*>(region.begin) + begin,
                            static_cast<int64_t>(size * to) - begin};
  };
  for (const NextTile::Region& all : plan.next->reads) {
    const NextTile::Region part = share(all);
    memory::fetch(part.begin, part.bytes);
  }
  const NextTile::Region part = share(plan.next->writes);
  memory::fetch<memory::Access::write>(part.begin, part.bytes);
}

// The number of parts of a row between its whole passes.
HWY_INLINE int64_t row_parts(const Schedule& schedule) {
  return schedule.count < 2 ? 1 : int64_t{1} << schedule.bits[schedule.count - 1];
}

}  // namespace papilio::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
