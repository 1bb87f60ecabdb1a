// What `compress` says.
#pragma once

#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/models/compress.h"
#include "papilio/models/evaluate.h"

namespace papilio::apps {

/// models::score(), which throws models::Interrupted at Ctrl-C while a models::Interrupt lives.
models::Score score(Module& model, const data::AnyDataset& dataset);

/// A network as the report compares it.
struct State {
  models::Score score;                ///< on the test set
  int64_t parameters = 0, bytes = 0;  ///< trained real numbers; of the file
  models::Speed speed = {};
};
/// Without the speed; throws as score() does.
State state_of(Module& model, const std::string& file, const data::AnyDataset& test);

struct Compression {
  State before = {}, after = {};
  double projected_accuracy = 0;  ///< on the test set, before the training
  std::vector<models::CompressedLayer> layers = {};
  models::Budget budget;
  double max_loss = 0.5;  ///< points of accuracy
};

Config to_config(const std::vector<models::CompressedLayer>& layers);
/// The inverse.
std::vector<models::CompressedLayer> layers_of(const Config& config);
/// The report of --json.
Config to_config(const Compression& compression);
/// For people.
void print(std::ostream& out, const Compression& compression);
/// A sentence with the figures when the accuracy or the budget is missed, else empty.
std::string shortcoming(const Compression& compression);

}  // namespace papilio::apps
