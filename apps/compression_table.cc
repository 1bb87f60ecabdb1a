// compression_table: the network of one hidden layer with every compressed form of it, as a table:
// learning rates chosen on the validation part, several seeds, sizes and speeds (Dao et al. 2019,
// Table 1).

#include <filesystem>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/canvas.h"
#include "papilio/apps/common/table.h"
#include "papilio/apps/compression_table/drawing.h"
#include "papilio/apps/compression_table/report.h"
#include "papilio/apps/compression_table/rows.h"
#include "papilio/apps/compression_table/speed.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/core/threads.h"
#include "papilio/data/open.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/evaluate.h"

using namespace papilio;
using namespace papilio::compression_table;

namespace {

constexpr const char* kTrainer = "train_mlp";

struct Options : apps::TableOptions {
  Options()
      : TableOptions{.rates = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2},
                     .validation = 0.15,
                     .batch = 50,
                     .epochs = 60,
                     .search_epochs = 0,
                     .workers = 0} {}

  std::string draw, recipe = "paper", reference = "bpbp-complex";
  std::vector<std::string> rows = all_methods();
  double part = 1, search_part = 1, lr_decay = 1;
  int seeds = 3;
};

// ---- which networks

std::unique_ptr<models::CompressedMlp> untrained(const Row& row, int64_t width, int64_t classes) {
  return std::make_unique<models::CompressedMlp>(models::CompressedMlpOptions{.inputs = kFeatures,
                                                                              .hidden = row.hidden,
                                                                              .width = width,
                                                                              .classes = classes,
                                                                              .statistics = {}},
                                                 Rng(1));
}

// What was measured stays in the folder, so that the same command goes on with the same networks.
// Another reference or number of threads has a width of its own.
int64_t kept_width_of_latency(const Options& o, Module& reference, int64_t classes) {
  const std::string file = o.out + "/dense-latency.width.json";
  const Config measured = {
      {"reference", o.reference}, {"threads", threads()}, {"classes", classes}};
  Config all = Config::Array{};
  if (std::filesystem::exists(file))
    if (Config kept = Config::parse(read_file(file)); kept.is_array()) all = std::move(kept);
  for (const Config& kept : all.as_array())
    if (kept.at("measured").dump() == measured.dump()) return kept.at("width").as_int();
  const int64_t width = width_of_latency(reference, classes);
  all.push_back({{"measured", measured}, {"width", width}});
  write_file(file, all.dump(2) + "\n");
  logging::info(concat("a dense layer of ", width, " features is as fast as ", o.reference, " on ",
                       threads(), threads() == 1 ? " thread" : " threads"));
  return width;
}

int64_t width_of(const Row& row, const Options& o, int64_t classes) {
  if (row.match == Match::none) return kFeatures;
  const auto reference = untrained(row_named(o.reference), kFeatures, classes);
  if (row.match == Match::latency) return kept_width_of_latency(o, *reference, classes);
  return width_of_parameters(network_parameters(reference->hidden_parameters(), kFeatures, classes),
                             classes);
}

apps::Comparison comparison(const Options& o, const std::vector<Row>& rows,
                            const std::vector<int64_t>& widths) {
  apps::Comparison c;
  for (size_t i = 0; i < rows.size(); ++i) {
    apps::Method method{rows[i].method, {"--hidden", rows[i].hidden}, o.seeds};
    const auto add = [&](const std::string& name, const std::string& value) {
      method.arguments.push_back(name), method.arguments.push_back(value);
    };
    if (widths[i] != kFeatures) add("--width", concat(widths[i]));
    if (o.structured_lr != 1 && rows[i].hidden != "dense")
      add("--structured-lr", concat(o.structured_lr));
    c.methods.push_back(method);
  }
  c.common = {"--data",    o.data,           "--batch",      concat(o.batch),
              "--recipe",  o.recipe,         "--validation", concat(o.validation),
              "--workers", concat(o.workers)};
  if (o.lr_decay != 1) c.common.insert(c.common.end(), {"--lr-decay", concat(o.lr_decay)});
  c.search = {"--epochs", concat(o.search_epochs > 0 ? o.search_epochs : o.epochs), "--part",
              concat(o.part * o.search_part)};
  c.final = {"--epochs", concat(o.epochs), "--part", concat(o.part)};
  c.rates = o.rates;
  c.extend = true;
  return c;
}

// ---- the report

std::vector<models::Speed> speeds_of(const std::vector<apps::MethodResult>& results) {
  std::vector<std::unique_ptr<Module>> models;
  std::vector<Module*> pointers;
  for (const apps::MethodResult& result : results) {
    const std::string folder = result.runs.front().at("out").as_string();
    models.push_back(models::load(folder + "/best.safetensors"));
    pointers.push_back(models.back().get());
  }
  logging::info("measuring the speed of all of them, in turn");
  return models::measure_speeds(pointers, {kFeatures});
}

Config report_row(const Row& row, const apps::MethodResult& result, const models::Speed& speed,
                  int64_t width, int64_t classes, const apps::MethodResult& first,
                  const Options& o) {
  const int64_t hidden = result.runs.front().at("hidden_parameters").as_int();
  Config report = {{"method", row.method},
                   {"title", row.title},
                   {"parameters", hidden},
                   {"network_parameters", network_parameters(hidden, width, classes)},
                   {"width", width},
                   {"compression", compression(hidden, width, classes)},
                   {"latency_us", speed.latency_us},
                   {"images_per_second", speed.images_per_second}};
  if (const auto paper = published_accuracy(row.method, o.data))
    report["published_accuracy"] = *paper / 100;
  apps::add_outcome(report, result, first);
  return report;
}

void draw_table(const Config& rows, const Options& o) {
  std::string data = o.data.substr(0, o.data.find('/'));  // without the folder
  if (data.ends_with(':')) data.pop_back();
  const std::string title =
      concat("One hidden layer, ", kFeatures, " features: ", data, ", ",
             o.recipe == "ours" ? "our" : "the paper's", " recipe, epochs: ", o.epochs);
  const DrawnTable table = drawn_table(rows, title);
  const Size size = size_of(table);
  const auto drawing = [&](apps::Canvas& canvas) { draw(canvas, table); };
  const std::string ending = std::filesystem::path(o.draw).extension().string();
  const std::string base = o.draw.empty() ? o.out + "/table" : o.draw;
  if (ending != ".svg")
    write_file(ending == ".png" ? base : base + ".png",
               apps::draw_png(size.width, size.height, drawing));
  if (ending != ".png")
    write_file(ending == ".svg" ? base : base + ".svg",
               apps::draw_svg(size.width, size.height, table.title, drawing));
}

// The picture is an extra: without --draw, a build that can't draw says so and goes on.
void draw_or_warn(const Config& rows, const Options& o) {
  if (!o.draw.empty()) return draw_table(rows, o);
  try {
    draw_table(rows, o);
  } catch (const Error& error) {
    logging::warning(concat("no picture of the table: ", error.what()));
  }
}

int run_table(const Options& o) {
  std::vector<Row> rows;
  for (const std::string& method : o.rows) rows.push_back(row_named(method));
  std::filesystem::create_directories(o.out);
  const Config input = {{"height", 32}, {"width", 32}, {"channels", 1}};
  const auto classes =
      static_cast<int64_t>(data::open(o.data, data::Split::test, input).info().classes.size());
  std::vector<int64_t> widths;
  for (const Row& row : rows) widths.push_back(width_of(row, o, classes));

  const auto results = apps::compare(comparison(o, rows, widths), kTrainer, o);
  if (!results) return apps::kInterrupted;
  const std::vector<models::Speed> speeds = speeds_of(*results);
  Config report = Config::Array{};
  for (size_t i = 0; i < rows.size(); ++i)
    report.push_back(
        report_row(rows[i], (*results)[i], speeds[i], widths[i], classes, results->front(), o));
  print(report, o.json == "-" ? std::cerr : std::cout);
  draw_or_warn(report, o);
  apps::write_json(
      o.json,
      Config{{"data", o.data}, {"recipe", o.recipe}, {"epochs", o.epochs}, {"rows", report}});
  return apps::kSuccess;
}

void add_options(CLI::App& app, Options& o) {
  apps::add_table_options(
      app, o,
      {.trainer = kTrainer,
       .structured = "structured matrices",
       .rates = "Learning rates to choose from; while the best is the smallest or largest, one "
                "beyond it is tried. Of one there is no search",
       .search_epochs = "; 0 = as many as the final ones"});
  app.add_option("--rows", o.rows,
                 "Hidden layers; differences are from the first one. dense-parameters and "
                 "dense-latency are narrower dense layers, as small and as fast as --reference")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--reference", o.reference, "The layer that those two are like")
      ->capture_default_str();
  app.add_option("--seeds", o.seeds, "Final runs of every row")
      ->check(apps::positive())
      ->capture_default_str();
  app.add_option("--recipe", o.recipe, "Of every run, as train_mlp knows it: paper or ours")
      ->check(CLI::IsMember({"paper", "ours"}))
      ->capture_default_str();
  app.add_option("--lr-decay", o.lr_decay, "Of every run, as train_mlp knows it")
      ->capture_default_str();
  app.add_option("--search-part", o.search_part,
                 "Share of the training images that the runs of the search see")
      ->capture_default_str();
  app.add_option("--part", o.part, "Share of the training images of all runs, for quick looks")
      ->capture_default_str();
  app.add_option("--draw", o.draw, "Picture of the table, FILE.png, FILE.svg, or FILE for both")
      ->type_name("FILE")
      ->default_str("table in --out");
  apps::add_threads(app);
  apps::add_json(app, o.json);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains x -> hidden layer -> ReLU -> linear with every compressed hidden layer and prints\n"
      "a table: accuracy, hidden parameters, compression as the paper counts it, and the speed\n"
      "of the trained networks side by side. The learning rate of every row is chosen on the\n"
      "validation part. Runs go in parallel, each in a folder of its own. Kill it at any\n"
      "moment: the same command goes on where it stopped.",
      "compression_table");
  app.footer("Example: compression_table --data cifar10:cifar-10-batches-bin --out runs/table");
  Options o;
  add_options(app, o);
  return apps::run(app, argc, argv, [&] {
    apps::log_system();
    return run_table(o);
  });
}
