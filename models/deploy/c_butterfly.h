// Butterflies as C functions whose inner loops compilers vectorise. Internal to models.
//
// The vector of n = rows x columns is transposed between factors where that makes strides large:
// a factor of a stride below `columns` works on the transposed vector, and so all of them work on
// runs of many elements with their twiddles in order of use. The loops over a run have a constant
// number of turns, which lets GCC vectorise them from -O2 on.
#pragma once

#include <string>
#include <vector>

#include "papilio/models/deploy/c_file.h"
#include "papilio/models/deploy/factors.h"

namespace papilio::models {

struct CButterfly {
  std::string name;      ///< of the function; empty: there is nothing to do
  bool scratch = false;  ///< it takes a second vector to work in
};

/// Adds to `file` a function `(const float *t, float *v[, float *u])` that multiplies v in place by
/// the factors with the twiddle t; complex: v holds n real, then n imaginary parts.
CButterfly c_butterfly(CFile& file, const std::string& name, const std::vector<Factor>& factors,
                       bool complex);
/// The twiddle t of these factors.
std::vector<double> c_twiddle(const std::vector<Factor>& factors, bool complex);

}  // namespace papilio::models
