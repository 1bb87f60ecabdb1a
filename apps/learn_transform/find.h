// The target matrix that a command line asks for, and the ways to find a fast algorithm for it.
#pragma once

#include <string>

#include "papilio/layers/baselines.h"
#include "papilio/models/factorize.h"

namespace papilio::learn {

struct Request {
  std::string target;  ///< a name of target_matrix(), or file:PATH
  int64_t size = 64;   ///< of a name
  double noise = 0;    ///< standard deviation of what is added, in RMS entries of the target
  std::string method = "auto";  ///< of FactorizeOptions, or oracle
  FactorizeOptions options;     ///< model "" is the paper's for this target
};

struct Target {
  Tensor matrix;  ///< undefined when it is too large, and only its entries are asked for
  Tensor clean;   ///< without noise; undefined as above
  int64_t rows, columns;
  double tolerance = 0;  ///< RMSE that the rounding of a file's 32-bit numbers leaves; else 0
};
/// Throws Error that names the file when it can't be read, holds no matrix or has entries that are
/// not finite.
Target make_target(const Request& request);

/// The model of Dao et al. 2019 for a named target: bp, bpp or bpbp; auto for files and others.
std::string paper_model(const std::string& target);

/// By request.method. For cosine, sine, Hartley and Haar transforms, which no plain butterfly is,
/// the closed form is the exact constructor of layers/transforms.h: by name, or where the matrix of
/// a file is a multiple of one. The layer may be null, as that of factorize().
Factorization find(const Target& target, const Request& request);

struct Baselines {
  Baseline sparse, low_rank, both;
};
/// At 2 n log2 n numbers.
Baselines baselines(const Tensor& matrix);

/// All of --json.
Config report(const Target& target, const Request& request, Factorization& found);

}  // namespace papilio::learn
