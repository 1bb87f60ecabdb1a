// evaluate: how good and how fast a saved model is, from the file alone.

#include "papilio/models/evaluate.h"

#include <iostream>
#include <vector>

#include "papilio/apps/common/app.h"
#include "papilio/core/log.h"
#include "papilio/core/npy.h"
#include "papilio/data/open.h"
#include "papilio/models/checkpoint.h"

using namespace papilio;

namespace {

// All logits as one tensor [images, classes].
class Logits {
 public:
  void add(const Tensor& batch) { parts_.push_back(batch); }
  Tensor all() const { return concat(std::span<const Tensor>(parts_), 0); }

 private:
  std::vector<Tensor> parts_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Evaluates a checkpoint: accuracy, loss, accuracy by class, parameters, latency at\n"
      "batch 1 and throughput at batch 256. Without --data: everything but accuracy and loss.",
      "evaluate");
  app.footer(
      "Example: evaluate runs/a/best.safetensors --data cifar10:cifar-10-batches-bin --json -");
  std::string file, spec, split = "test", json, logits_file;
  app.add_option("checkpoint", file, "File that a trainer or save() wrote")
      ->required()
      ->type_name("FILE");
  app.add_option("--data", spec, "Data set, NAME[:DIRECTORY]")->type_name("NAME:DIR");
  app.add_option("--split", split, "test or train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
  app.add_option("--logits", logits_file,
                 "Write the logits [images, classes] as a NumPy file; needs --data")
      ->type_name("FILE.npy");
  apps::add_threads(app);
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    check(logits_file.empty() || !spec.empty(), "--logits needs --data");
    const models::Checkpoint checkpoint = models::read_checkpoint(file);
    const auto model = models::load(file);
    models::Report report;
    if (spec.empty()) {
      report = models::evaluate_speed(*model, models::example_shape(checkpoint));
    } else {
      const auto dataset = data::open(
          spec, split == "test" ? data::Split::test : data::Split::train, checkpoint.input);
      Logits logits;
      report = models::evaluate(*model, dataset, [&](const Tensor& batch) {
        if (!logits_file.empty()) logits.add(batch);
      });
      if (!logits_file.empty()) write_npy(logits_file, logits.all());
    }
    (json == "-" ? std::cerr : std::cout) << report << '\n';
    apps::write_json(json, report.to_config());
    return apps::kSuccess;
  });
}
