#include "papilio/models/deploy.h"
#include "papilio/models/deploy/chain.h"
#include "papilio/models/deploy/onnx_convnet.h"
#include "papilio/models/deploy/onnx_graph.h"
#include "papilio/models/deploy/onnx_layers.h"

namespace papilio::models {
namespace {

std::string onnx_chain(OnnxGraph& graph, Module& model, const Shape& example,
                       std::vector<DeployedLayer>& rows, int64_t& outputs) {
  const Chain chain = chain_of(model, example, "onnx");
  check(chain.steps.empty() || !chain.steps.back().complex_out,
        "export to onnx: the model's output is complex; end it with a Complex2Real layer");
  outputs = chain.outputs;
  std::string at = example.rank() == 1 ? "x" : graph.reshape("x", {-1, chain.inputs});
  for (const Step& step : chain.steps) {
    const int64_t before = graph.bytes();
    at = onnx_step(graph, step, at);
    rows.push_back({step.layer, step.type, graph.bytes() - before, onnx_note(step)});
  }
  return at;
}

}  // namespace

Deployment onnx_file(Module& model, const Shape& example) {
  OnnxGraph graph;
  Deployment result;
  int64_t outputs = 0;
  const auto write = is_convnet(model) ? onnx_convnet : onnx_chain;
  const std::string y = write(graph, model, example, result.layers, outputs);
  result.file = graph.file(model.describe(), example, {outputs}, y);
  return result;
}

}  // namespace papilio::models
