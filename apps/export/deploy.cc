// The forms that run without Papilio.
#include "papilio/models/deploy.h"

#include <iomanip>
#include <ostream>

#include "papilio/apps/export/form.h"
#include "papilio/core/file.h"
#include "papilio/models/evaluate.h"

namespace papilio::apps {
namespace {

Shape example_of(const ExportSource& source) {
  const Shape example = models::example_shape(source.checkpoint);
  check(example.rank() > 0, "'", source.file,
        "': the shape of one example is unknown; save the model with input() or a config that has "
        "'inputs'");
  return example;
}

Config write(const ExportSource& source, const std::string& to, std::ostream& text,
             const models::Deployment& deployment) {
  write_file(to, deployment.file);
  const auto line = [&](const std::string& name, int64_t bytes, const std::string& note) {
    text << std::left << std::setw(20) << name << std::right << std::setw(12) << bytes
         << (note.empty() ? "" : "  ") << note << '\n';
  };
  text << source.model->describe() << '\n';
  Config layers = Config::Array{};
  for (const models::DeployedLayer& row : deployment.layers) {
    line(row.layer.empty() ? row.type : row.layer, row.weight_bytes, row.note);
    layers.push_back({{"layer", row.layer},
                      {"type", row.type},
                      {"weight_bytes", row.weight_bytes},
                      {"note", row.note}});
  }
  const auto bytes = static_cast<int64_t>(deployment.file.size());
  line("bytes of weights", deployment.weight_bytes(), "");
  line("bytes of the file", bytes, "");
  return {{"model", source.model->describe()},
          {"bytes", bytes},
          {"weight_bytes", deployment.weight_bytes()},
          {"layers", layers}};
}

}  // namespace

Config export_c(const ExportSource& source, const std::string& to, std::ostream& text) {
  return write(source, to, text,
               models::c_source(*source.model, example_of(source), {.frozen = source.frozen}));
}

Config export_onnx(const ExportSource& source, const std::string& to, std::ostream& text) {
  return write(source, to, text, models::onnx_file(*source.model, example_of(source)));
}

}  // namespace papilio::apps
