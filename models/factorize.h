// factorize(): finds a fast algorithm for a given matrix (Dao et al. 2019, section 4.1).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "papilio/layers/product.h"
#include "papilio/optim/halving.h"

namespace papilio {

struct FactorizeOptions {
  /// gradient: the search below. closed-form: no search; one butterfly with the best permutation of
  /// eight (layers/closed_form.h), two blocks for a circulant or Toeplitz matrix, which is found
  /// exactly. auto: closed form, and when that does not reach the tolerance, gradient; the better.
  std::string method = "auto";
  /// bp, bpp, bpbp: the permutations and butterflies of Dao et al. 2019; bb: a butterfly of
  /// decreasing strides, then one of increasing ones; kmatrix: the same as (BB*)^w_e, with the
  /// endings -w2 and -e2 for other widths and expansions than 1. More endings: -real and -complex
  /// for the twiddles (complex, and for a real matrix the real part of the product is taken), -tied
  /// (bp, bpp, bpbp) and -untied (bb, kmatrix). auto: bp, bpp and bpbp compete. Of the search.
  std::string model = "auto";
  /// RMSE, the Frobenius norm of the difference over sqrt(in * out), that is good enough; the
  /// search ends at half of it. 0: default_tolerance().
  double tolerance = 0;
  DType dtype = DType::f64;  ///< or f32: twiddles and products; c128 and c64 mean the same
  std::string permutation_search = "enumerated";  ///< or "learned"
  int64_t trials = 0;                             ///< 0: 96
  double budget_seconds = 0;                      ///< 0: none
  uint64_t seed = 0;
  int workers = 0;  ///< trials at a time; 0: threads()
  /// Of the search, so that it goes on after an interruption: see optim::HalvingOptions.
  std::string state_file = {};
  std::function<bool()> stop = {};
  /// Called with the RMSE so far instead of the loss.
  std::function<void(const optim::HalvingProgress&)> progress = {};
};

struct FactorizeReport {
  std::string method, model, dtype, permutation_search;
  double rmse = 0;            ///< measured on the layer's own matrix
  double relative_error = 0;  ///< Frobenius norm of the difference over that of the matrix
  double seconds = 0;
  int64_t parameters = 0;       ///< reals
  int64_t multiplications = 0;  ///< real ones, of one vector by the layer
  /// v of x -> x[v] for each permutation of the chain.
  std::vector<std::vector<int64_t>> permutations;
  int64_t trials = 0;    ///< that were begun
  bool reached = false;  ///< the tolerance
  bool interrupted = false;
};

struct Factorization {
  /// Null only with method gradient, when the search was interrupted, or its budget used up, before
  /// a first trial had ended a rung.
  std::unique_ptr<StructuredLinear> layer;
  FactorizeReport report;
};

/// Finds a layer whose matrix is `matrix` [out, in], real or complex. Sizes that are no powers of
/// two are padded with zeros.
///
/// Gradient learning begins with random values. A trial first finds the permutations: "learned", by
/// Adam on relaxed ones (layers/permutation_choices.h), which are then rounded; or it is given a
/// candidate
/// ("enumerated"). Then Adam trains the twiddles with a rate of 0.02 to 0.2, by a cosine to 0, and
/// L-BFGS ends what is near. Successive halving chooses among candidates, random initial values,
/// rates, shared and separate choices, and whether the imaginary part is to vanish.
///
/// The layer is a Product. What is interrupted returns the best so far. Throws Error for a matrix
/// that is empty, not floating or not finite, and for options that don't fit together.
Factorization factorize(const Tensor& matrix, const FactorizeOptions& options = {});

/// RMSE that rounding leaves: 1e-12 in double precision, 2e-7 in single (`dtype` f32 or c64), times
/// the norm of an average column (1 for a matrix of zeros).
double default_tolerance(const Tensor& matrix, DType dtype);

/// Real multiplications of one vector by butterflies and permutations: 16 for a complex 2 x 2
/// block, 4 for a real one.
int64_t multiplications(Product& layer);

}  // namespace papilio
