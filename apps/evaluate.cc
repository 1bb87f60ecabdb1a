// evaluate: how good and how fast a saved model is, from the file alone.

#include "papilio/models/evaluate.h"

#include <iostream>
#include <vector>

#include "papilio/apps/common/app.h"
#include "papilio/core/file.h"
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

// A field of a CSV file: in quotes, so that names may hold commas.
std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string(2, c) : std::string(1, c);
  return field + '"';
}

std::string confusion_csv(const models::Report& report) {
  const Tensor& counts = report.score->confusion;
  const auto name = [&](int64_t label) {
    const auto i = static_cast<size_t>(label);
    return quoted(i < report.classes.size() ? report.classes[i] : concat("class ", label));
  };
  std::string text = quoted("class");
  for (int64_t j = 0; j < counts.dim(1); ++j) text += "," + name(j);
  for (int64_t i = 0; i < counts.dim(0); ++i) {
    text += "\n" + name(i);
    for (int64_t j = 0; j < counts.dim(1); ++j)
      text += concat(",", counts.data<int64_t>()[i * counts.dim(1) + j]);
  }
  return text + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Evaluates a checkpoint: top-1 and top-5 accuracy, loss, accuracy by class,\n"
      "parameters, latency at batch 1 and throughput at batch 256 (large images: 32). Without "
      "--data: everything but accuracy and loss.",
      "evaluate");
  app.footer(
      "Example: evaluate runs/a/best.safetensors --data cifar10:cifar-10-batches-bin --json -");
  std::string file, spec, split = "test", json, logits_file, confusion_file;
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
  app.add_option(
         "--confusion", confusion_file,
         "Write the confusion matrix as CSV: a row for each class, a column for each answer; "
         "needs --data")
      ->type_name("FILE.csv");
  apps::add_threads(app);
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    check((logits_file.empty() && confusion_file.empty()) || !spec.empty(),
          "--logits and --confusion need --data");
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
      if (!confusion_file.empty()) write_file(confusion_file, confusion_csv(report));
    }
    (json == "-" ? std::cerr : std::cout) << report << '\n';
    apps::write_json(json, report.to_config());
    return apps::kSuccess;
  });
}
