// The structured matrix that is nearest to a trained dense layer: not by its entries, but by its
// outputs on the inputs that the layer has.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "papilio/models/layer_inputs.h"

namespace papilio::models {

/// low-rank:RANK, monarch:BLOCKS, butterfly:BLOCKS or kmatrix:WIDTH, an untrained layer in f32 with
/// a bias. Throws Error that lists the classes for another name.
std::unique_ptr<StructuredLinear> make_class(const std::string& name, int64_t in, int64_t out,
                                             Rng rng);

struct ProjectionOptions {
  int64_t steps = 1000;  ///< of gradient descent, for what has no closed form
  /// Of that at first, for up to four butterflies in a row, and falling to 0; 0.4 of it for
  /// Monarch, (4 / count)^2 for more butterflies, whose product changes the faster.
  double rate = 0.05;
  uint64_t seed = 0;  ///< of its beginning
  /// Called often; what it throws ends the work and is passed on.
  std::function<void()> watch = [] {};
};

struct Projection {
  std::unique_ptr<StructuredLinear> layer;  ///< for Linear::replace()
  /// Root of E|y' - y|^2 / E|y|^2, y the output of the dense layer before its activation and y'
  /// that of `layer`, over the measured inputs.
  double error = 0;
};

/// Finds layers S, c for a dense one W, b that minimise E|(W x + b) - (S x + c)|^2 over inputs x of
/// mean m and covariance C. The best c is b + (W - S) m, which leaves |(W - S) C^(1/2)|_F^2.
class Projector {
 public:
  explicit Projector(const LayerInputs& inputs);

  /// The smallest error of each rank 0, 1, ..., min(in, out).
  std::vector<double> low_rank_errors();
  /// `name` is one of make_class().
  ///
  /// low-rank: the optimum, the projection of W's rows on the leading eigenvectors of W C W^T,
  /// which are the left singular vectors of W C^(1/2). monarch: each pair of blocks so, which is
  /// the optimum when C is block-diagonal, then gradient descent. butterfly, kmatrix: gradient
  /// descent from orthogonal factors. Descent is Adam on all of |(W - S) C^(1/2)|^2 at once, in
  /// float32.
  Projection project(const std::string& name, const ProjectionOptions& options = {});
  /// Of a layer between the same features, with its bias as it is.
  double error(StructuredLinear& layer) const;

 private:
  void factor_outputs();
  void fill_low_rank(StructuredLinear& layer, int64_t rank);
  void fill_monarch(StructuredLinear& layer, const ProjectionOptions& options) const;
  void make_root();
  /// `begun`: the values are a guess; otherwise those of a new layer.
  void descend(StructuredLinear& layer, const ProjectionOptions& options, double rate, bool begun);
  void set_bias(StructuredLinear& layer) const;
  /// Sum of the squares of (W - M) C^(1/2).
  double misfit(const Tensor& matrix) const;

  std::string path_;
  int64_t in_, out_;
  Tensor weight_, bias_, mean_, covariance_;  // f64
  double energy_;                             // E|y|^2
  Tensor directions_, variances_;             // eigenvectors and values of W C W^T, ascending
  Tensor root_;  // f32 [in, in], rows x with sum of x x^T = C, but for a factor
};

}  // namespace papilio::models
