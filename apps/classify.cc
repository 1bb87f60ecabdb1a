// classify: what a saved model sees in pictures, from the checkpoint alone.

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <vector>

#include "papilio/apps/common/app.h"
#include "papilio/core/log.h"
#include "papilio/core/ops.h"
#include "papilio/data/image_folder.h"
#include "papilio/models/checkpoint.h"

using namespace papilio;

namespace {

struct Guess {
  int64_t label;
  double probability;
};

std::vector<Guess> best_guesses(const Tensor& logits, int64_t count) {
  const Tensor logs = log_softmax(logits);
  std::vector<Guess> all;
  for (int64_t c = 0; c < logs.numel(); ++c)
    all.push_back({c, std::exp(static_cast<double>(logs.data<float>()[c]))});
  std::ranges::stable_sort(all, std::greater(), &Guess::probability);
  all.resize(std::min(all.size(), static_cast<size_t>(count)));
  return all;
}

Tensor as_batch(const Tensor& image) {
  return reshape(image, {1, image.dim(0), image.dim(1), image.dim(2)});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Prints the likeliest classes of pictures (JPEG or PNG), as the checkpoint's model sees\n"
      "them. The file says how a picture becomes the model's input. A picture that can't be\n"
      "read is named, the others go on, and the exit code is 1.",
      "classify");
  app.footer("Example: classify runs/k/best.safetensors cat.jpg dog.jpg --top 3");
  std::string file, json;
  std::vector<std::string> pictures;
  int64_t top = 5;
  app.add_option("checkpoint", file, "File that a trainer wrote")->required()->type_name("FILE");
  app.add_option("pictures", pictures, "Pictures")->required()->type_name("IMAGE");
  app.add_option("--top", top, "Classes to print for each picture")
      ->check(apps::positive())
      ->capture_default_str();
  apps::add_threads(app);
  apps::add_json(app, json);

  return apps::run(app, argc, argv, [&] {
    const models::Checkpoint checkpoint = models::read_checkpoint(file);
    const auto model = models::load(file);
    check(checkpoint.input.is_object() && checkpoint.input.contains("height"), "'", file,
          "' does not say how a picture becomes its input; train it with one of Papilio's "
          "trainers, or set Module::input()");
    std::ostream& out = json == "-" ? std::cerr : std::cout;
    Config report = Config::Array{};
    int failures = 0;
    for (const std::string& path : pictures) {
      Tensor image;
      try {
        image = data::read_picture(path, checkpoint.input);
      } catch (const Error& error) {
        ++failures;
        std::cerr << error.what() << '\n';
        report.push_back({{"picture", path}, {"error", error.message()}});
        continue;
      }
      Config guesses = Config::Array{};
      out << path << '\n';
      for (const auto& [label, probability] : best_guesses((*model)(as_batch(image)), top)) {
        const auto i = static_cast<size_t>(label);
        const std::string name =
            i < checkpoint.classes.size() ? checkpoint.classes[i] : concat("class ", label);
        out << "  " << std::fixed << std::setprecision(4) << probability << "  " << name << '\n';
        guesses.push_back({{"label", label}, {"class", name}, {"probability", probability}});
      }
      report.push_back({{"picture", path}, {"guesses", guesses}});
    }
    apps::write_json(json, {{"model", model->describe()}, {"pictures", report}});
    return failures == 0 ? apps::kSuccess : apps::kFailure;
  });
}
