#include "papilio/models/deploy.h"
#include "papilio/models/deploy/chain.h"
#include "papilio/models/deploy/onnx_graph.h"
#include "papilio/models/deploy/onnx_layers.h"

namespace papilio::models {

Deployment onnx_file(Module& model, const Shape& example) {
  const Chain chain = chain_of(model, example, "onnx");
  check(chain.steps.empty() || !chain.steps.back().complex_out,
        "export to onnx: the model's output is complex; end it with a Complex2Real layer");
  OnnxGraph graph;
  Deployment result;
  std::string at = example.rank() == 1 ? "x" : graph.reshape("x", {-1, chain.inputs});
  for (const Step& step : chain.steps) {
    const int64_t before = graph.bytes();
    at = onnx_step(graph, step, at);
    result.layers.push_back(
        {step.layer, step.type, graph.bytes() - before, onnx_note(step)});
  }
  result.file = graph.file(model.describe(), example, {chain.outputs}, at);
  return result;
}

}  // namespace papilio::models
