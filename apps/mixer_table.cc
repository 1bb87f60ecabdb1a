// mixer_table: ShuffleNet with each of its channel mixers, as a table: learning rates chosen on the
// validation part, several seeds, paired differences.

#include <cstdio>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/table.h"

using namespace papilio;

namespace {

constexpr const char* kTrainer = "train_shufflenet";

struct Options : apps::TableOptions {
  Options()
      : TableOptions{.choose_by = "loss",
                     .rates = {0.05, 0.1, 0.2},
                     .validation = 0.1,
                     .batch = 64,
                     .epochs = 15,
                     .search_epochs = 5,
                     .workers = 1} {}

  std::vector<std::string> mixers = {"shuffle:3", "kmatrix:3", "hadamard:1"};
  double width = 0.25, part = 1, warm_up = 1;
  int64_t groups = 8, image_size = 0;
  std::string mixer_init = "random", augment = "pad-crop";
};

// "kmatrix:3" is a mixer and its number of seeds.
apps::Method method(const std::string& text, const Options& o) {
  const size_t colon = text.find(':');
  apps::Method m{text.substr(0, colon), {"--mixer", text.substr(0, colon)}, 1};
  if (colon != std::string::npos) {
    const std::string seeds = text.substr(colon + 1);
    check(!seeds.empty() && seeds.size() < 4 &&
              seeds.find_first_not_of("0123456789") == std::string::npos && std::stoi(seeds) > 0,
          "--mixers: '", text, "', expected MIXER or MIXER:SEEDS such as kmatrix:3");
    m.seeds = std::stoi(seeds);
  }
  if (m.name == "kmatrix")
    for (const std::string& word : {std::string("--mixer-init"), o.mixer_init,
                                    std::string("--structured-lr"), concat(o.structured_lr)})
      m.arguments.push_back(word);
  return m;
}

apps::Comparison comparison(const Options& o) {
  apps::Comparison c;
  for (const std::string& mixer : o.mixers) c.methods.push_back(method(mixer, o));
  c.common = {"--augment",    o.augment,
              "--data",       o.data,
              "--width",      concat(o.width),
              "--groups",     concat(o.groups),
              "--batch",      concat(o.batch),
              "--warm-up",    concat(o.warm_up),
              "--validation", concat(o.validation),
              "--workers",    concat(o.workers)};
  if (o.image_size > 0) c.common.insert(c.common.end(), {"--image-size", concat(o.image_size)});
  c.search = {"--epochs", concat(o.search_epochs), "--part", concat(o.part)};
  c.final = {"--epochs", concat(o.epochs)};
  for (const double rate : o.rates) c.rates.push_back(rate * static_cast<double>(o.batch) / 256);
  return c;
}

Config row(const apps::MethodResult& r, const apps::MethodResult& baseline) {
  const auto mean = [&](const char* key) { return apps::spread(apps::values(r, key)).mean; };
  Config row = {{"mixer", r.name},
                {"parameters", r.runs.front().at("parameters")},
                {"top5", mean("test_top5")},
                {"images_per_second", mean("images_per_second")}};
  apps::add_outcome(row, r, baseline);
  return row;
}

void print(const Config& rows, const std::string& baseline, std::ostream& people) {
  char line[200];
  std::snprintf(line, sizeof(line), "%-9s %8s %6s %11s %16s %7s %9s  %s\n", "mixer", "lr", "seeds",
                "parameters", "top-1 %", "top-5 %", "images/s", ("minus " + baseline).c_str());
  people << line;
  for (const Config& r : rows.as_array()) {
    std::string difference;
    if (const Config* d = r.find("difference")) {
      std::snprintf(line, sizeof(line), "%+.2f", 100 * d->as_double());
      difference = line;
      if (const Config* e = r.find("standard_error")) {
        std::snprintf(line, sizeof(line), " +- %.2f (standard error)", 100 * e->as_double());
        difference += line;
      }
    }
    std::snprintf(line, sizeof(line), "%-9s %8g %6d %11lld %8.2f +- %4.2f %7.2f %9.0f  %s\n",
                  r.at("mixer").as_string().c_str(), r.at("learning_rate").as_double(),
                  static_cast<int>(r.at("seeds").as_int()),
                  static_cast<long long>(r.at("parameters").as_int()),
                  100 * r.at("accuracy").as_double(), 100 * r.at("spread").as_double(),
                  100 * r.at("top5").as_double(), r.at("images_per_second").as_double(),
                  difference.c_str());
    people << line;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains ShuffleNet v1 with each mixer of its channels and prints a table. The learning rate\n"
      "of every mixer is chosen on the validation part, by short runs; then runs of several seeds\n"
      "follow. Runs go in parallel, each in a folder of its own. Kill it at any moment: the same\n"
      "command goes on where it stopped.",
      "mixer_table");
  app.footer("Example: mixer_table --data imagenet:DIR --image-size 64 --out runs/mixers");
  Options o;
  apps::add_table_options(
      app, o,
      {.trainer = kTrainer,
       .structured = "K-matrices",
       .rates =
           "Learning rates to choose from, for 256 images of a batch; of one there is no search",
       .search_epochs = ""});
  app.add_option("--mixers", o.mixers, "Rows, MIXER[:SEEDS]; differences are from the first one")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--width", o.width, "Of the network")->capture_default_str();
  app.add_option("--groups", o.groups, "Of the network")->capture_default_str();
  app.add_option("--image-size", o.image_size, "Height and width of the network's input")
      ->default_str("the trainer's");
  app.add_option("--mixer-init", o.mixer_init, "Of K-matrices: random or shuffle")
      ->check(CLI::IsMember({"random", "shuffle"}))
      ->capture_default_str();
  app.add_option("--augment", o.augment, "Of training images: imagenet, pad-crop or none")
      ->check(CLI::IsMember({"imagenet", "pad-crop", "none"}))
      ->capture_default_str();
  app.add_option("--part", o.part, "Share of the training images that the runs of the search see")
      ->capture_default_str();
  app.add_option("--warm-up", o.warm_up, "Epochs in which the learning rate rises")
      ->capture_default_str();
  apps::add_threads(app);
  apps::add_json(app, o.json);

  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    const auto results = apps::compare(comparison(o), kTrainer, o);
    if (!results) return apps::kInterrupted;
    Config rows = Config::Array{};
    for (const auto& result : *results) rows.push_back(row(result, results->front()));
    print(rows, results->front().name, o.json == "-" ? std::cerr : std::cout);
    apps::write_json(o.json, Config{{"data", o.data}, {"epochs", o.epochs}, {"rows", rows}});
    return apps::kSuccess;
  });
}
