// What the inputs of a network's dense layers look like: the statistics that weigh the errors of
// their approximations.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/layers/linear.h"

namespace papilio::models {

struct LayerInputs {
  std::string path;         ///< of the layer, "hidden"
  Linear* layer = nullptr;  ///< in the model
  int64_t rows = 0;         ///< that were seen; 0: the layer was not called
  Shape example = {};       ///< of the input for one image, without the batch axis
  Tensor mean;              ///< f64 [in]
  Tensor second_moment;     ///< f64 [in, in], the mean of x x^T over the rows
};

/// Of all f32 Linear layers of the model that are not replaced, from forward passes over `images`
/// examples (all, if there are fewer) drawn by the seed, without augmentation. `watch` is called
/// before every batch; what it throws is passed on.
std::vector<LayerInputs> measure_inputs(
    Module& model, const data::AnyDataset& dataset, int64_t images, uint64_t seed,
    const std::function<void()>& watch = [] {});

}  // namespace papilio::models
