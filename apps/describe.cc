// describe: a saved model as a table, a row for each layer.

#include <algorithm>
#include <iomanip>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/evaluate.h"
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Prints a checkpoint's model as a table, a row for each layer: output shape for one\n"
      "example, trained parameters (real numbers), flops and bytes, and the same for the\n"
      "dense equivalent. Of a file that names no registered model: its tensors.",
      "describe");
  std::string file, json;
  app.add_option("checkpoint", file, "File that a trainer or save() wrote")
      ->required()
      ->type_name("FILE");
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    std::ostream& out = json == "-" ? std::cerr : std::cout;
    const models::Checkpoint checkpoint = models::read_checkpoint(file);
    const Shape example = models::example_shape(checkpoint);
    Config report;
    if (checkpoint.model.empty() || example.rank() == 0) {
      report = list_tensors(checkpoint, out);
    } else {
      const auto model = models::load(file);
      const auto rows = models::summarize(*model, example);
      out << model->describe() << '\n';
      models::print(out, rows);
      report = {{"model", model->describe()},
                {"parameters", model->parameter_count()},
                {"layers", models::to_config(rows)}};
    }
    apps::write_json(json, report);
    return apps::kSuccess;
  });
}
