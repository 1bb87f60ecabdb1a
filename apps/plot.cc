// plot: the curves of training runs, laid over each other, as PNG and SVG.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/chart.h"
#include "papilio/apps/plot/runs.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"

using namespace papilio;

namespace {

struct Options {
  std::vector<std::string> runs, labels, metrics = {"loss", "validation_accuracy"};
  std::string out = "plot", title, json;
  int width = 1200, height = 480;
  double smooth = 0;
  bool logarithmic = false, force = false;
};

// A file for each format: the name of --out has one of two endings, or stands for both.
std::vector<std::string> files(const std::string& out) {
  const std::string ending = std::filesystem::path(out).extension().string();
  if (ending == ".png" || ending == ".svg") return {out};
  check(ending.empty(), "--out '", out, "' ends neither in .png nor in .svg; without an ending ",
        "both are written");
  return {out + ".png", out + ".svg"};
}

// "validation_accuracy" becomes "Validation accuracy".
std::string words(std::string name) {
  std::ranges::replace(name, '_', ' ');
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] += 'A' - 'a';
  return name;
}

bool is_percentage(const std::string& metric) { return metric.ends_with("accuracy"); }

void add_curve(const plot::Curve& curve, apps::Stroke stroke, const Options& o, double factor,
               apps::Panel& panel) {
  std::vector<double> values = curve.values;
  for (double& value : values) value *= factor;
  if (o.smooth > 0) {
    apps::Stroke raw = stroke;
    raw.dots = false;
    raw.colour.alpha = 0.3;
    panel.series.insert(panel.series.begin(), {curve.epochs, values, raw});  // beneath all others
  }
  panel.series.push_back({curve.epochs, plot::smoothed(values, o.smooth), stroke});
}

apps::Panel make_panel(const std::vector<plot::Run>& runs, const std::string& metric,
                       const Options& o) {
  const bool percent = is_percentage(metric);
  apps::Panel panel = {.title = words(metric) + (percent ? " (%)" : ""),
                       .x_title = "epoch",
                       .logarithmic = o.logarithmic && !percent};
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<plot::Curve> curves = plot::curves(runs[i], metric);
    for (const plot::Curve& curve : curves) {
      apps::Stroke stroke = apps::stroke(i);
      stroke.dashed = curves.size() > 1 && curve.column.starts_with("train_");
      add_curve(curve, stroke, o, percent ? 100 : 1, panel);
    }
  }
  return panel;
}

apps::Chart make_chart(const std::vector<plot::Run>& runs, const Options& o) {
  apps::Chart chart = {.title = o.title};
  bool dashed = false;
  for (const std::string& metric : o.metrics) {
    chart.panels.push_back(make_panel(runs, metric, o));
    for (const apps::Series& series : chart.panels.back().series) dashed |= series.stroke.dashed;
  }
  for (size_t i = 0; i < runs.size(); ++i) chart.legend.push_back({runs[i].label, apps::stroke(i)});
  const apps::Colour gray = {0.45, 0.45, 0.45};
  if (dashed) {
    chart.legend.push_back({"validation", {.colour = gray}});
    chart.legend.push_back({"train", {.colour = gray, .dashed = true}});
  }
  return chart;
}

void write(const std::vector<std::string>& files, const apps::Chart& chart, const Options& o) {
  for (const std::string& file : files)
    check(o.force || !std::filesystem::exists(file), "'", file,
          "' exists; --force replaces it, or choose another --out");
  const auto drawing = [&](apps::Canvas& canvas) { apps::draw(canvas, chart); };
  std::vector<std::string> contents;
  for (const std::string& file : files)
    contents.push_back(file.ends_with(".png")
                           ? apps::draw_png(o.width, o.height, drawing)
                           : apps::draw_svg(o.width, o.height, apps::description(chart), drawing));
  for (size_t i = 0; i < files.size(); ++i) write_file(files[i], contents[i]);
}

Config describe(const plot::Run& run, const Options& o) {
  Config drawn = Config::object();
  for (const std::string& metric : o.metrics)
    for (const plot::Curve& curve : plot::curves(run, metric)) {
      double least = curve.values.front(), most = least;
      for (const double value : curve.values) {
        least = std::fmin(least, value);  // passes over NaN
        most = std::fmax(most, value);
      }
      drawn[curve.column] = {{"last", curve.values.back()}, {"min", least}, {"max", most}};
    }
  return {{"label", run.label},
          {"folder", run.folder},
          {"epoch", static_cast<int64_t>(run.metrics.columns.front().back())},
          {"curves", drawn}};
}

Config report(const std::vector<plot::Run>& runs, const std::vector<std::string>& written,
              const Options& o) {
  Config list = Config::Array{}, all = Config::Array{};
  for (const std::string& file : written) list.push_back(file);
  for (const plot::Run& run : runs) all.push_back(describe(run, o));
  return {{"files", list}, {"runs", all}};
}

void print(std::ostream& out, const Config& report) {
  for (const Config& run : report.at("runs").as_array()) {
    out << run.at("label").as_string() << ": epoch " << run.at("epoch").as_int();
    for (const auto& [column, values] : run.at("curves").as_object())
      out << ", " << column << ' ' << values.at("last").dump();
    out << '\n';
  }
  for (const Config& file : report.at("files").as_array())
    out << "wrote " << file.as_string() << '\n';
}

void add_options(CLI::App& app, Options& o) {
  app.add_option("runs", o.runs, "Run folders, or folders that hold some")
      ->required()
      ->type_name("RUN");
  app.add_option("--out", o.out, "FILE.png or FILE.svg; without an ending both are written")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag("--force", o.force, "Replace files that exist");
  app.add_option("--label", o.labels, "Name of a run; given once for each of them, in their order")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app.add_option("--metric", o.metrics,
                 "A panel for each of these (a,b,c): columns of metrics.csv, or what follows\n"
                 "train_ and validation_ in their names")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--smooth", o.smooth,
                 "Weight of the past in a moving average, below 1; the curve itself stays, pale")
      ->capture_default_str();
  app.add_flag("--log", o.logarithmic, "Logarithmic vertical axes, except of accuracies");
  app.add_option("--title", o.title, "Title of the picture")->type_name("TEXT");
  app.add_option("--width", o.width, "Pixels")
      ->check(CLI::Range(100, 16000))
      ->capture_default_str();
  app.add_option("--height", o.height, "Pixels")
      ->check(CLI::Range(100, 16000))
      ->capture_default_str();
  apps::add_json(app, o.json);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Draws the curves of training runs over each other: loss (validation solid, train dashed)\n"
      "and validation accuracy by epoch. A folder that is no run itself stands for the runs in\n"
      "its sub-folders. Runs may still be going on: it draws the epochs that they finished.",
      "plot");
  app.footer("Example: plot runs/butterfly runs/kmatrix --out curves.png");
  Options options;
  add_options(app, options);

  return apps::run(app, argc, argv, [&] {
    check(options.smooth >= 0 && options.smooth < 1, "--smooth is ", options.smooth,
          ", a weight of 0 or more and less than 1 is needed");
    const std::vector<std::string> out = files(options.out);
    const std::vector<plot::Run> runs = plot::read_runs(options.runs, options.labels);
    if (runs.size() > apps::kStrokes)
      logging::warning(concat(runs.size(), " runs look like ", apps::kStrokes,
                              ": some have the same lines; draw fewer at once"));
    write(out, make_chart(runs, options), options);
    const Config summary = report(runs, out, options);
    print(options.json == "-" ? std::cerr : std::cout, summary);
    apps::write_json(options.json, summary);
    return apps::kSuccess;
  });
}
