// A feed-forward model as the list of its steps, which exporters write out. Internal to models.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio::models {

/// (x - mean) * factor; f64 [features].
struct StandardizeStep {
  Tensor mean, factor;
};

/// x W^T + bias, then perhaps ReLU; weight [out, in] and bias [out] or undefined, f64 or c128.
struct DenseStep {
  Tensor weight, bias;
  bool relu = false;
};

/// Which 2 x 2 matrices of a factor of stride s are one:
///   none     none
///   strides  those of pairs that are equal modulo s: s matrices
///   reversed those of pairs in one block of 2 s, blocks counted with their bits in reverse: n / 2s
///            matrices. It is `strides` between two bit reversals.
enum class Tying { none, strides, reversed };

/// Butterflies of size n on x padded with zeros, nstacks side by side cut to the step's outputs,
/// then bias and perhaps ReLU.
struct ButterflyStep {
  int64_t n = 1;
  bool increasing_stride = true;  ///< of the first block
  /// f64 or c128; untied (nstacks, nblocks, log2 n, n/2, 2, 2), or tied (nstacks, nblocks, n-1, 2,
  /// 2) with the factor of stride s in rows s-1 ..., or under `reversed` that of stride n / 2s.
  Tensor twiddle;
  std::vector<Tying> tying;  ///< of each block; `none` for all of them or for none
  Tensor bias;               ///< f64 or c128, or undefined
  bool real_part = false;    ///< of the product, before the bias
  bool relu = false;
};

/// y[j] = x[index[j]]
struct GatherStep {
  std::vector<int64_t> index;
};
struct ReluStep {};
/// Imaginary part 0.
struct ComplexStep {};
struct RealStep {};

struct Step {
  std::string layer, type;  ///< path and describe() of the module
  int64_t in = 0, out = 0;  ///< features
  bool complex_in = false, complex_out = false;
  std::variant<StandardizeStep, DenseStep, ButterflyStep, GatherStep, ReluStep, ComplexStep,
               RealStep>
      what;
};

struct Chain {
  int64_t inputs = 0, outputs = 0;
  std::vector<Step> steps;
};

/// The steps of `model` for examples of that shape, flattened. They are found by watching the
/// layers that it calls on random examples: any model whose layers follow each other, also with
/// relu() as a plain function between them. A StructuredLinear of no other form becomes dense. `to`
/// names what is written in messages. Throws Error that names every layer that has no form here,
/// and where a model is no chain.
Chain chain_of(Module& model, const Shape& example, const std::string& to);

Step relu_step(int64_t features);
/// The steps of one structured layer, bias and fused ReLU included.
std::vector<Step> steps_of(StructuredLinear& layer, const std::string& path);

}  // namespace papilio::models
