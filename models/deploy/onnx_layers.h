// The steps of a chain as ONNX nodes. Internal to models.
//
// A vector is [batch, features]; a complex one [batch, 2 features], each real part before its
// imaginary part.
#pragma once

#include <string>

#include "papilio/models/deploy/chain.h"
#include "papilio/models/deploy/onnx_graph.h"

namespace papilio::models {

/// Appends the step to the graph: from the value named `x` to the one whose name is returned.
std::string onnx_step(OnnxGraph& graph, const Step& step, const std::string& x);
/// What to say of the step in a report; often nothing.
std::string onnx_note(const Step& step);

}  // namespace papilio::models
