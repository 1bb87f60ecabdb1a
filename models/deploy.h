// A model in forms that run without Papilio: C source and ONNX.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio::models {

struct DeployedLayer {
  std::string layer, type;   ///< path and describe() of the layer
  int64_t weight_bytes = 0;  ///< of its numbers, in memory
  std::string note;          ///< what became of it, when that is not plain; or empty
};

struct Deployment {
  std::string file;                   ///< the bytes of the file to be written
  std::vector<DeployedLayer> layers;  ///< in the order of their work
  int64_t weight_bytes() const;       ///< of all layers
};

struct CSourceOptions {
  /// Untied twiddles in the frozen form, about half of the numbers, wherever there is one.
  bool frozen = false;
};

/// One C99 file without dependencies with `void papilio_forward(const float* x, float* y)` and the
/// macros PAPILIO_INPUTS and PAPILIO_OUTPUTS: y is model(x) of one example, to rounding. Computes
/// in float on the stack alone, so that several threads may call it; its inner loops are for the
/// compiler to vectorise. Standardize becomes a part of the layer after it.
///
/// For models whose layers follow each other: dense and structured layers on flattened examples,
/// Standardize, Relu, relu(), Flatten, Dropout, Real2Complex and Complex2Real. Of the registered
/// models these are compressed_mlp and structured, also with layers that were replaced;
/// MixedConvnet, ResidualMlp, ResNet and ShuffleNet have batch norm or convolutions and are
/// refused. `example` is the shape of one example. Throws Error that names every layer of another
/// type, and where the model is no chain.
Deployment c_source(Module& model, const Shape& example, const CSourceOptions& options = {});

/// An ONNX file of opset 13: input "x" [batch, ...] as the model takes it, output "y" [batch, ...],
/// both f32. Butterflies are a few MatMuls by block-diagonal matrices between Reshape and
/// Transpose: the product of up to five factors is one of blocks of up to 32 x 32 numbers. Complex
/// layers compute with pairs of reals. Convolutional models work on channels-first images inside.
///
/// For the models of c_source(), and ResNet, ShuffleNet, MixedConvnet and ResidualMlp. Throws Error
/// as it does.
Deployment onnx_file(Module& model, const Shape& example);

}  // namespace papilio::models
