// How good and how fast a model is. Training and evaluation share score(), so that their figures
// agree exactly.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/layers/module.h"
#include "papilio/models/checkpoint.h"

namespace papilio::models {

struct Score {
  int64_t images = 0;
  double accuracy = 0;  ///< share of images whose largest logit is at the label, in [0, 1]
  double top5 = 0;      ///< share of images whose label is among the five largest logits
  double loss = 0;      ///< mean cross-entropy
  std::vector<double> class_accuracy;  ///< by label; NaN for a class without images
  Tensor confusion;  ///< i64 [classes, classes]: images of the row's label taken for the column's
};

/// Runs a classifier over a data set in batches of 256, or of 32 for large images, the last one
/// smaller, without a tape.
/// `each_logits` sees the logits [batch, classes] of every batch in order. Throws Error when the
/// model does not give one row of logits an image.
Score score(Module& model, const data::AnyDataset& dataset,
            const std::function<void(const Tensor&)>& each_logits = {});

struct Speed {
  double latency_us = 0;         ///< median time of forward() on one example
  double images_per_second = 0;  ///< of forward() in such batches, from the median time
  int64_t batch = 256;           ///< 32 for images of more than 64 x 64 pixels in colour
};
/// Median time of forward() on one random example, measured for so long.
double measure_latency_us(Module& model, const Shape& example, double seconds = 0.3);
/// Times forward() on random input of the shape of one example, in this thread's number of threads,
/// for about a second.
Speed measure_speed(Module& model, const Shape& example);

/// For comparisons of models that take the same example: times of forward() on one random example,
/// each measured for so long. The models take turns, and a figure is the smallest of the rounds'
/// medians, so that what else the machine does touches all of them alike.
std::vector<double> measure_latencies_us(const std::vector<Module*>& models, const Shape& example,
                                         double seconds = 0.3);
/// Speeds, measured in this way.
std::vector<Speed> measure_speeds(const std::vector<Module*>& models, const Shape& example);

/// Everything that `evaluate` prints. What is unknown is absent.
struct Report {
  std::string model, data;
  std::optional<Score> score;
  std::vector<std::string> classes;
  int64_t parameters = 0;                    ///< real numbers in trained tensors
  std::optional<int64_t> hidden_parameters;  ///< of CompressedMlp's hidden layer, without its bias
  std::optional<double> compression;         ///< of CompressedMlp
  std::optional<Speed> speed;

  /// Keys: model, data, images, accuracy, top5, loss, class_accuracy, confusion, parameters,
  /// hidden_parameters, compression, latency_us, images_per_second; absent ones are null.
  Config to_config() const;
};
std::ostream& operator<<(std::ostream& out, const Report& report);

/// score() and measure_speed() in one report.
Report evaluate(Module& model, const data::AnyDataset& dataset,
                const std::function<void(const Tensor&)>& each_logits = {});
/// The report without data: `example` is the shape of one example, [] if unknown, which leaves the
/// speed out.
Report evaluate_speed(Module& model, const Shape& example);

/// Shape of one example for a checkpoint's model: [height, width, channels] of its input block, or
/// else [inputs] of its config; [] when neither is there.
Shape example_shape(const Checkpoint& checkpoint);

}  // namespace papilio::models
