// FFTW's transform of the same size: the fastest thing of this shape that people know.
#pragma once

#include <optional>
#include <string>

#include "papilio/apps/bench/workload.h"

namespace papilio::bench {

/// "fftw-3.3.10-sse2-avx", or empty when this program was built without FFTW.
std::string fftw_version();

/// The complex transforms of size n of one batch, out of place, planned with FFTW_MEASURE for one
/// thread, in the precision of c.dtype. None for the ops that have no counterpart there (backward,
/// step), and when this program was built without FFTW.
std::optional<Candidate> fft(const Case& c);

}  // namespace papilio::bench
