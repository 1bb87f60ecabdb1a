// A model as a table, a row for each layer: what it computes, holds and costs, beside its dense
// equivalent.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio::models {

struct LayerSummary {
  std::string path;         ///< "hidden"
  std::string description;  ///< "Butterfly(1024, 1024)"
  Shape output;             ///< for one example, without the batch axis
  /// Real numbers in trained tensors; a shared parameter counts where it stands first.
  int64_t parameters = 0;
  int64_t flops = 0;  ///< for one example
  int64_t bytes = 0;  ///< of trained tensors and buffers
  int64_t dense_parameters = 0,
          dense_flops = 0;  ///< of the dense equivalent; of the layer itself when there is none
};

/// One row for each layer that has tensors or costs of its own, in the order of the calls, from one
/// forward pass over an example of that shape.
std::vector<LayerSummary> summarize(Module& model, const Shape& example);
/// The rows and their sum as an array of objects.
Config to_config(const std::vector<LayerSummary>& rows);
/// The rows and their sum as a table for people.
void print(std::ostream& out, const std::vector<LayerSummary>& rows);

}  // namespace papilio::models
