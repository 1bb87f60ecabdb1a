// Compression: the dense layers of a trained network replaced by smaller ones that give nearly the
// same outputs, within a budget.
#pragma once

#include <string>
#include <vector>

#include "papilio/models/budget.h"
#include "papilio/models/projection.h"

namespace papilio::models {

struct CompressOptions {
  /// The class: "low-rank", "monarch", "butterfly", "kmatrix", or "auto", the best of them for each
  /// layer.
  std::string to = "auto";
  Budget budget = {};
  int64_t images = 8192;  ///< on which the inputs of the layers are measured
  ProjectionOptions projection = {};
};
/// The names that CompressOptions::to can be.
std::vector<std::string> compress_classes();

/// What became of one dense layer.
struct CompressedLayer {
  std::string path;
  std::string method = "dense";  ///< name of make_class(), or "dense": it stays as it is
  std::string before, after;     ///< describe()
  int64_t parameters_before = 0, parameters_after = 0;
  double error = 0;  ///< relative error of the output, see Projection
  /// At batch 1 on this processor.
  double latency_us_before = 0, latency_us_after = 0;
  std::string note;  ///< why it stays dense
};

/// Replaces the Linear layers of `model` by Linear::replace(). Within params and latency: by those
/// whose errors' squares have the least sum, of all classes and sizes. Within error: each by the
/// one with the fewest parameters. Throws Error, with the figures, when there is no dense layer,
/// and when the budget can't be met; the model is then unchanged. After what
/// options.projection.watch throws, some of its layers may be replaced.
std::vector<CompressedLayer> compress(Module& model, const data::AnyDataset& train,
                                      const CompressOptions& options);

}  // namespace papilio::models
