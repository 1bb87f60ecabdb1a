// What butterfly.cc, which is compiled once, and butterfly_simd.cc, compiled for every SIMD target,
// know of each other. Internal to the kernels.
//
// Vectors hold `lanes` consecutive elements of one row. Rows have at least two vectors: when n is
// smaller, several samples make up one row.
#pragma once

#include <cstdint>

#include "papilio/core/dtype.h"

namespace papilio::kernels {

template <class T>
using Real = real_type<T>;

/// Rows of vectors in memory. Vector v of row r begins at data + v * vector_pitch + r * row_pitch,
/// which count reals. `planar` vectors keep their real parts before their imaginary ones, others
/// are as std::complex.
template <class T>
struct Rows {
  Real<T>* data;
  int64_t vector_pitch, row_pitch;
  bool planar;
};

/// The butterfly of one stack over some rows.
template <class T>
struct RowsPlan {
  int levels;       ///< log2 n
  int64_t vectors;  ///< of a row
  int64_t nblocks;
  bool increasing_stride;
  int64_t rows;
  /// [nblocks, levels, vectors / 2 * lanes, 2, 2], `packed` or as the caller's.
  const Real<T>* twiddle;
  bool packed;
};

template <class T>
struct ButterflyKernels {
  int lanes;
  int64_t forward_tile,
      backward_tile;    ///< about the size in bytes of the rows that are worked on together
  int64_t packed_rows;  ///< packing the twiddle pays from this number of rows

  /// Turns lanes * count matrices [2, 2] into `count` times four vectors.
  void (*pack)(const Real<T>* matrices, int64_t count, Real<T>* packed);
  /// The way back, from the sum of `parts` packed arrays, part_pitch reals apart, added up in
  /// order.
  void (*unpack_sum)(const Real<T>* packed, int64_t parts, int64_t part_pitch, int64_t count,
                     Real<T>* matrices);

  /// y from x; `scratch` is rows * vectors slots. x and y may not overlap.
  void (*forward)(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& y, Real<T>* scratch);

  /// The number of slots (vectors) of scratch for each vector of the rows that backward needs.
  int64_t (*backward_scratch)(const RowsPlan<T>& plan);
  /// grad_x from grad_y and x. Adds to grad_twiddle, which is packed like the twiddle; that must be
  /// packed.
  void (*backward)(const RowsPlan<T>& plan, const Rows<T>& x, const Rows<T>& grad_y,
                   const Rows<T>& grad_x, Real<T>* grad_twiddle, Real<T>* scratch);
};

/// The kernels of the SIMD target in use.
template <class T>
ButterflyKernels<T> butterfly_kernels();

}  // namespace papilio::kernels
