// What the found layer costs beside the matrix that it stands for, and beside FFTW.
#pragma once

#include <iosfwd>

#include "papilio/apps/learn_transform/find.h"

namespace papilio::learn {

/// Microseconds of one vector, on one thread; 0 where nothing was measured.
struct Speed {
  double layer_us = 0;
  double gemv_us = 0;  ///< the dense matrix, by the best of the libraries; square ones up to 8192
  double fftw_us = 0;  ///< a complex transform of the same size; with FFTW and for square matrices
};

/// Measures them in turn, in about half a second.
Speed measure_speed(const Target& target, Factorization& found);

void print(std::ostream& out, const Speed& speed);
/// Keys: layer_us, gemv_us, fftw_us, over_gemv, over_fftw; over_* is how many times as long the
/// other takes. Null where nothing was measured.
Config to_config(const Speed& speed);

}  // namespace papilio::learn
