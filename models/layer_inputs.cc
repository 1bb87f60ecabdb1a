#include "papilio/models/layer_inputs.h"

#include <algorithm>

#include "papilio/data/loader.h"

namespace papilio::models {
namespace {

void accumulate(Tensor& sum, const Tensor& part) {
  double* to = sum.mutable_data<double>();
  const std::span<const float> from = part.span<float>();
  for (size_t i = 0; i < from.size(); ++i) to[i] += static_cast<double>(from[i]);
}

void divide(Tensor& sum, int64_t count) {
  double* to = sum.mutable_data<double>();
  for (int64_t i = 0; i < sum.numel(); ++i) to[i] /= static_cast<double>(count);
}

}  // namespace

std::vector<LayerInputs> measure_inputs(Module& model, const data::AnyDataset& dataset,
                                        int64_t images, uint64_t seed,
                                        const std::function<void()>& watch) {
  const NoTape guard;
  std::vector<LayerInputs> all;
  for (const auto& [path, layer] : linear_layers(model)) {
    const int64_t in = layer->in_features();
    if (layer->dtype() == DType::f32 && !layer->replacement())
      all.push_back({.path = path,
                     .layer = layer,
                     .mean = Tensor::zeros({in}, DType::f64),
                     .second_moment = Tensor::zeros({in, in}, DType::f64)});
  }
  int64_t seen = 0;
  const CallObserver observer([&](Module& module, const Tensor& input, const Tensor&) {
    const auto found = std::ranges::find(all, &module, &LayerInputs::layer);
    if (found == all.end()) return;
    const Tensor x = reshape(input, {input.shape().leading().numel(), input.dim(-1)});
    accumulate(found->second_moment, matmul(transpose(x), x));
    accumulate(found->mean, sum(x, 0));
    found->rows += x.dim(0);
    found->example = Shape(std::span(input.shape().begin() + 1, input.shape().end()));
  });
  const data::Loader loader(dataset, {.batch = 256, .shuffle = true, .seed = seed});
  for (const auto& [pictures, labels] : loader.epoch(0)) {
    watch();
    model(pictures);
    seen += labels.numel();
    if (seen >= images) break;
  }
  for (LayerInputs& inputs : all) {
    divide(inputs.mean, std::max<int64_t>(inputs.rows, 1));
    divide(inputs.second_moment, std::max<int64_t>(inputs.rows, 1));
  }
  return all;
}

}  // namespace papilio::models
