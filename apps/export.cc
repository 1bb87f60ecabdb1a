// export: a saved model in another form, for deployment.

#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "papilio/apps/common/app.h"
#include "papilio/apps/export/form.h"

using namespace papilio;

namespace {

const std::map<std::string, apps::Exporter> kForms = {
    {"c", apps::export_c}, {"frozen", apps::export_frozen}, {"onnx", apps::export_onnx}};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Writes a checkpoint's model in a form for deployment, and says how large it is.\n"
      "frozen: a checkpoint whose twiddles are stored in their frozen form, about half of the\n"
      "numbers; all programs read it like any other. The state of training is left out.\n"
      "c: one C99 file without dependencies, with papilio_forward(x, y) for one example; for\n"
      "models of dense and structured layers.\n"
      "onnx: an ONNX file of opset 13 for batches of any size, butterflies as MatMul.\n"
      "Inputs of c and onnx are raw, as those of the model: pixels in [0, 1], channels last.",
      "export");
  app.footer("Example: papilio-export runs/a/best.safetensors --to frozen --out a.safetensors");
  std::string file, form, to, json;
  bool force = false, frozen = false;
  std::vector<std::string> names;
  for (const auto& [name, exporter] : kForms) names.push_back(name);
  app.add_option("checkpoint", file, "File that a trainer or save() wrote")
      ->required()
      ->type_name("FILE");
  app.add_option("--to", form, "The form")->required()->check(CLI::IsMember(names));
  app.add_option("--out", to, "File to write")->required()->type_name("FILE");
  app.add_flag("--force", force, "Replace an existing file");
  app.add_flag("--frozen", frozen,
               "With --to c: twiddles in their frozen form, about half of the numbers");
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    check(!frozen || form != "onnx",
          "--frozen: an ONNX file holds products of factors, which have no frozen form; leave the "
          "flag out");
    apps::check_output(file, to, force);
    const apps::ExportSource source{file, models::read_checkpoint(file), models::load(file),
                                    frozen};
    const Config report = kForms.at(form)(source, to, json == "-" ? std::cerr : std::cout);
    apps::write_json(json, report);
    return apps::kSuccess;
  });
}
