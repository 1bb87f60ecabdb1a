// The networks of models/ with batch norm as ONNX: convolutional ones and ResidualMlp. Internal to
// models.
#pragma once

#include <string>
#include <vector>

#include "papilio/models/deploy.h"
#include "papilio/models/deploy/onnx_graph.h"

namespace papilio::models {

/// ResNet, ShuffleNet, MixedConvnet or ResidualMlp.
bool is_convnet(const Module& model);
/// Appends such a model for images [height, width, channels] to the graph, from "x" to the value
/// whose name is returned, and its layers to `rows`; `outputs` becomes the number of logits. Every
/// layer is computed on random images while it is written, so that a model that computes otherwise
/// than its nodes say is an Error.
std::string onnx_convnet(OnnxGraph& graph, Module& model, const Shape& example,
                         std::vector<DeployedLayer>& rows, int64_t& outputs);

}  // namespace papilio::models
