// What the sources that are compiled once and those compiled for every SIMD target know of
// each other. Internal to the kernels.
//
// Vectors hold `lanes` consecutive numbers of one row. When n is smaller than that, several samples
// make up one row. A vector in memory is a "slot": the real parts, then the imaginary ones.
#pragma once

#include <cstdint>

#include "papilio/core/dtype.h"

namespace papilio::kernels {

template <class T>
using Real = real_type<T>;

/// Rows of vectors in memory. Vector v of row r begins at data + v * vector_pitch + r * row_pitch,
/// which count reals. `planar` vectors are slots, others are as std::complex. The first `width`
/// numbers of a row are there: the others read as zero and are not written.
template <class T>
struct Rows {
  Real<T>* data;
  int64_t vector_pitch, row_pitch;
  bool planar;
  int64_t width;
};

/// What becomes of a result before it is stored: times scale, plus bias, rectified. Both are arrays
/// of slots, one a vector, or null. Finish{} does nothing.
template <class T>
struct Finish {
  const Real<T>* scale;
  const Real<T>* bias;
  bool relu;    ///< real T only
  bool stream;  ///< stores that bypass the caches, which need aligned whole vectors
  bool any() const { return scale || bias || relu || stream; }
};

/// What the next tile reads and writes: the passes of this one ask the memory for it.
struct NextTile {
  struct Region {
    const void* begin = nullptr;
    int64_t bytes = 0;
  };
  Region reads[3], writes;
};

/// The butterfly of one stack over some rows.
template <class T>
struct RowsPlan {
  int levels;       ///< log2 n
  int64_t vectors;  ///< of a row
  int64_t nblocks;
  bool increasing_stride;
  int64_t rows;
  /// Packed factors in the order of application, `factor_pitch` reals apart. A factor has for each
  /// vector the slots D and O: it makes y = D x + O x', where x' are the partners of x. A frozen
  /// one has O only, and D = 1.
  const Real<T>* twiddle;
  int64_t factor_pitch;
  bool frozen;
  Finish<T> finish = {};
  const NextTile* next = nullptr;  ///< null: nothing is asked for
};

/// Features-major numbers in memory: feature f of column c is number f * pitch + c, or stands in
/// slots when planar. The first `features` are there: the others read as zero and are not written.
template <class T>
struct Columns {
  Real<T>* data;
  int64_t pitch;
  bool planar;
  int64_t features;
  int64_t ahead = 0;  ///< loads prefetch what stands so many reals further on; 0 = nothing
};

/// The butterfly of one stack over a tile of columns.
template <class T>
struct ColumnsPlan {
  int levels;  ///< log2 n
  int64_t nblocks;
  bool increasing_stride;
  int vectors;  ///< of columns, 1 ... max_columns
  /// The caller's factors [nblocks, log2 n, n/2, 2, 2], or frozen [nblocks, log2 n, n/2, 2].
  const Real<T>* twiddle;
  bool frozen;
  const Real<T>*scale = nullptr, *bias = nullptr;  ///< [n], as Finish has it; or null
  bool relu = false;
};

template <class T>
struct ButterflyKernels {
  int lanes;
  int max_columns;  ///< vectors of a tile of columns

  /// Packs the matrices [pairs, 2, 2] of the factor of stride 2^level, pairs = vectors * lanes / 2.
  /// Frozen: packs the pairs [pairs, 2] of the upper right and the lower left entry.
  void (*pack)(int level, int64_t vectors, bool frozen, const T* matrices, Real<T>* packed);
  /// The way back, from the sum of `parts` packed factors, part_pitch reals apart, added up in
  /// order; never frozen.
  void (*unpack_sum)(int level, int64_t vectors, const Real<T>* packed, int64_t parts,
                     int64_t part_pitch, T* matrices);

  /// y from x; `scratch` is rows * vectors slots. x and y may not overlap.
  void (*forward)(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& y, Real<T>* scratch);

  /// The same of columns; `scratch` is n * vectors slots.
  void (*forward_columns)(const ColumnsPlan<T>& plan, const Columns<T>& x, const Columns<T>& y,
                          Real<T>* scratch);

  /// out, planar, is grad where y > 0 (everywhere if y is null). Adds its rows to the slots of
  /// bias_sums, one a vector, unless null.
  void (*gate)(int64_t rows, int64_t vectors, const Rows<T>* y, const Rows<T>& grad,
               const Rows<T>& out, Real<T>* bias_sums);
  /// The number of slots of scratch for each vector of the rows that backward needs.
  int64_t (*backward_scratch)(const RowsPlan<T>& plan);
  /// grad_x from grad_y and x. Adds to grad_twiddle, packed as the twiddle, or overwrites it.
  void (*backward)(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& grad_y,
                   const Rows<T>& grad_x, bool add, Real<T>* grad_twiddle, Real<T>* scratch);
};

/// The kernels of the SIMD target in use.
template <class T>
ButterflyKernels<T> butterfly_kernels();

}  // namespace papilio::kernels
