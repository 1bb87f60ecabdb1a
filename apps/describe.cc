// describe: a saved model as a table, a row for each layer.

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <map>

#include "papilio/apps/common/app.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
#include "papilio/models/registry.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"
#include "papilio/models/summary.h"

using namespace papilio;

namespace {

// All that can be said of weights whose class is unknown.
Config list_tensors(const models::Checkpoint& checkpoint, std::ostream& out) {
  size_t width = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) width = std::max(width, name.size());
  Config rows = Config::Array{};
  for (const auto& [name, tensor] : checkpoint.tensors) {
    out << std::left << std::setw(static_cast<int>(width)) << name << "  " << text(tensor) << "  "
        << tensor.bytes() << " bytes\n";
    Config shape = Config::Array{};
    for (const int64_t size : tensor.shape()) shape.push_back(size);
    rows.push_back({{"name", name},
                    {"dtype", text(tensor.dtype())},
                    {"shape", shape},
                    {"bytes", tensor.bytes()}});
  }
  return {{"model", {}}, {"tensors", rows}};
}

// Models that can be described without a file: their options, by default and as flags, and the
// shape of an example.
struct Described {
  Config defaults;
  Shape (*example)(const Config& config);
};

Shape square_of(const Config& config) {
  const int64_t size = config.at("image_size").as_int();
  return {size, size, 3};
}

std::map<std::string, Described> described_models() {
  return {{"shufflenet", {models::ShuffleNet({.statistics = {}}, Rng(0)).config(), square_of}},
          {"resnet", {models::ResNet({.statistics = {}}, Rng(0)).config(), [](const Config&) {
                        return Shape{32, 32, 3};
                      }}}};
}

// "--image-size" is the flag of "image_size".
std::string flag_of(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

// The defaults with what the command line sets instead, of the default's type.
Config configured(const std::string& model, const Config& defaults,
                  const std::map<std::string, std::string>& given) {
  Config config = defaults;
  for (const auto& [key, value] : given) {
    if (value.empty()) continue;
    const Config* own = defaults.find(key);
    check(own != nullptr, flag_of(key), ": ", model, " has no such option");
    config[key] = own->is_string() ? Config(value) : Config::parse(value);
  }
  return config;
}

Config table(Module& model, const Shape& example, std::ostream& out) {
  const auto rows = models::summarize(model, example);
  out << model.describe() << '\n';
  models::print(out, rows);
  return {{"model", model.describe()},
          {"parameters", model.parameter_count()},
          {"layers", models::to_config(rows)}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Prints a checkpoint's model as a table, a row for each layer: output shape for one\n"
      "example, trained parameters (real numbers), flops and bytes, and the same for the\n"
      "dense equivalent. Of a file that names no registered model: its tensors. --model\n"
      "describes an untrained model by name, without a file.",
      "describe");
  std::string file, json;
  const std::map<std::string, Described> models_by_name = described_models();
  std::vector<std::string> names;
  std::map<std::string, std::string> given;
  for (const auto& [name, described] : models_by_name) {
    names.push_back(name);
    for (const auto& [key, value] : described.defaults.as_object()) given.try_emplace(key);
  }
  std::string model_name;
  app.add_option("checkpoint", file, "File that a trainer or save() wrote")->type_name("FILE");
  app.add_option("--model", model_name, "Model to describe instead of a file")
      ->check(CLI::IsMember(names));
  for (auto& [key, value] : given)
    app.add_option(flag_of(key), value, "Of --model")->type_name("VALUE");
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    std::ostream& out = json == "-" ? std::cerr : std::cout;
    check(file.empty() != model_name.empty(), "give a checkpoint or --model NAME, one of them");
    if (!model_name.empty()) {
      const auto& [defaults, example] = models_by_name.at(model_name);
      const Config config = configured(model_name, defaults, given);
      const auto model = models::make(model_name, config);
      apps::write_json(json, table(*model, example(config), out));
      return apps::kSuccess;
    }
    const models::Checkpoint checkpoint = models::read_checkpoint(file);
    const Shape example = models::example_shape(checkpoint);
    Config report;
    if (checkpoint.model.empty() || example.rank() == 0) {
      report = list_tensors(checkpoint, out);
    } else {
      report = table(*models::load(file), example, out);
    }
    apps::write_json(json, report);
    return apps::kSuccess;
  });
}
