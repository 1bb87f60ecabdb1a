#include "papilio/apps/learn_transform/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "papilio/apps/common/app.h"
#include "papilio/apps/common/canvas.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/models/interrupt.h"

namespace papilio::learn {
namespace {

struct Row {
  const char* target;
  double published[8];  // RMSE at n = 8, 16, ..., 1024: the authors' repository, rmse.pkl
};

constexpr Row kRows[] = {
    {"dft", {3.1e-6, 4.6e-6, 8.7e-6, 1.0e-5, 2.0e-5, 3.8e-5, 8.0e-5, 5.7e-5}},
    {"dct", {4.4e-6, 1.1e-5, 8.6e-6, 1.2e-5, 2.1e-5, 1.9e-5, 3.1e-5, 7.3e-5}},
    {"dst", {1.1e-6, 7.5e-6, 4.6e-5, 5.1e-5, 3.0e-5, 2.1e-5, 3.6e-5, 4.6e-5}},
    {"convolution", {4.0e-6, 2.5e-5, 6.4e-5, 7.6e-5, 5.9e-5, 7.8e-5, 6.3e-5, 1.9e-2}},
    {"hadamard", {8.8e-7, 7.8e-6, 1.3e-5, 3.9e-5, 3.5e-5, 4.5e-5, 6.1e-5, 3.6e-5}},
    {"hartley", {3.4e-6, 9.0e-6, 1.1e-5, 1.3e-5, 3.6e-5, 4.3e-5, 4.5e-5, 3.6e-5}},
    {"legendre", {3.4e-2, 2.9e-2, 2.4e-2, 1.4e-2, 7.9e-3, 4.5e-3, 2.6e-3, 1.57e-3}},
    {"randn", {1.4e-1, 1.6e-1, 1.4e-1, 1.1e-1, 8.4e-2, 6.1e-2, 4.4e-2, 3.1e-2}},
};

// What is drawn side by side, by its key in a cell.
struct Panel {
  const char *key, *title;
};
constexpr Panel kPanels[] = {{"gradient", "learned by gradient"},
                             {"closed_form", "closed form"},
                             {"sparse", "sparse"},
                             {"low_rank", "low rank"},
                             {"sparse_low_rank", "sparse + low rank"},
                             {"published", "published, by gradient"}};

std::vector<int64_t> sizes_up_to(int64_t largest) {
  std::vector<int64_t> sizes;
  for (int64_t n = 8; n <= std::min<int64_t>(largest, 1024); n *= 2) sizes.push_back(n);
  return sizes;
}

// A model of two butterflies takes minutes a trial beyond 256.
bool learnable(const Row& row, int64_t n) { return n <= 256 || paper_model(row.target) != "bpbp"; }

// What the numbers of a cell depend on.
Config options_of(const Request& request) {
  const FactorizeOptions& o = request.options;
  return {{"dtype", text(o.dtype)},
          {"noise", request.noise},
          {"seed", static_cast<int64_t>(o.seed)},
          {"model", o.model.empty() ? "paper" : o.model},
          {"trials", o.trials},
          {"permutation_search", o.permutation_search},
          {"tolerance", o.tolerance}};
}

Config read_cell(const std::string& folder, const std::string& file, const Config& options) {
  Config cell = Config::parse(read_file(file));
  const Config* others = cell.find("options");
  check(others != nullptr && others->dump() == options.dump(), folder,
        ": its cells were made with the options ",
        others ? others->dump() : "of an earlier version", ", not with ", options.dump(),
        "; give the same ones or another --out");
  return cell;
}

// Null when it was interrupted before its learning ended.
Config make_cell(const Row& row, int64_t n, size_t column, Request request) {
  request.target = row.target;
  request.size = n;
  request.options.stop = [] { return models::Interrupt::requested(); };
  const Target target = make_target(request);
  Config cell = {{"target", request.target},
                 {"size", n},
                 {"published", row.published[column]},
                 {"options", options_of(request)}};
  request.method = "closed-form";
  const FactorizeReport closed = find(target, request).report;
  cell["closed_form"] = closed.rmse;
  cell["closed_form_seconds"] = closed.seconds;
  if (learnable(row, n)) {
    request.method = "gradient";
    const FactorizeReport learned = find(target, request).report;
    if (learned.interrupted) return {};
    if (std::isfinite(learned.rmse)) cell["gradient"] = learned.rmse;
    cell["gradient_seconds"] = learned.seconds;
    cell["model"] = learned.model;
    cell["parameters"] = learned.parameters;
    cell["trials"] = learned.trials;
    cell["reached"] = learned.reached;
  }
  const Baselines others = baselines(target.matrix);
  cell["sparse"] = others.sparse.rmse;
  cell["low_rank"] = others.low_rank.rmse;
  cell["sparse_low_rank"] = others.both.rmse;
  return cell;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

// Dark blue at 1e-16 over green to yellow at 1.
apps::Colour colour_of(double rmse) {
  const double level = std::clamp((std::log10(std::max(rmse, 1e-16)) + 16) / 16, 0.0, 1.0);
  return {0.25 + 0.72 * level * level, 0.15 + 0.75 * level,
          0.45 + 0.2 * level - 0.5 * level * level};
}

void draw_panel(apps::Canvas& canvas, const Panel& panel, const std::vector<Config>& cells,
                const std::vector<int64_t>& sizes, double left, double top) {
  constexpr double kWide = 46, kHigh = 30, kLabels = 84;
  const apps::Colour black = {0.1, 0.1, 0.1};
  canvas.text(panel.title, {left + kLabels, top - 24}, 0, {.size = 15, .bold = true}, black);
  for (size_t j = 0; j < sizes.size(); ++j)
    canvas.text(std::to_string(sizes[j]),
                {left + kLabels + kWide * (static_cast<double>(j) + 0.5), top - 6}, 0.5,
                {.size = 12}, black);
  for (size_t i = 0; i < std::size(kRows); ++i) {
    const double y = top + kHigh * static_cast<double>(i);
    canvas.text(kRows[i].target, {left + kLabels - 8, y + 19}, 1, {.size = 12}, black);
    for (size_t j = 0; j < sizes.size(); ++j) {
      const Config* value = cells[i * sizes.size() + j].find(panel.key);
      const apps::Box box = {left + kLabels + kWide * static_cast<double>(j), y, kWide - 1,
                             kHigh - 1};
      if (value == nullptr) {
        canvas.fill(box, {0.9, 0.9, 0.9});
        continue;
      }
      const double rmse = value->as_double();
      canvas.fill(box, colour_of(rmse));
      canvas.text(short_number(rmse), {box.left + box.width / 2, y + 19}, 0.5, {.size = 11},
                  rmse < 1e-6 ? apps::Colour{1, 1, 1} : black);
    }
  }
}

void draw_table(const std::string& file, const std::vector<Config>& cells,
                const std::vector<int64_t>& sizes) {
  const double width = 84 + 46 * static_cast<double>(sizes.size()) + 28, height = 30 * 8 + 76;
  write_file(file, apps::draw_png(static_cast<int>(3 * width), static_cast<int>(2 * height),
                                  [&](apps::Canvas& canvas) {
                                    for (size_t p = 0; p < std::size(kPanels); ++p)
                                      draw_panel(canvas, kPanels[p], cells, sizes,
                                                 12 + width * static_cast<double>(p % 3),
                                                 56 + height * static_cast<double>(p / 3));
                                  }));
}

}  // namespace

int run_table(const Request& request, const std::string& out, const std::string& json) {
  const std::vector<int64_t> sizes = sizes_up_to(request.size);
  check(!sizes.empty(), "--table begins at size 8; raise --size");
  std::filesystem::create_directories(out + "/cells");
  const models::Interrupt interrupt;
  const Config options = options_of(request);
  std::vector<Config> cells;
  double seconds = 0;
  for (const Row& row : kRows)
    for (size_t column = 0; column < sizes.size(); ++column) {
      const std::string file = concat(out, "/cells/", row.target, "-", sizes[column], ".json");
      Config cell;
      if (std::filesystem::exists(file)) {
        cell = read_cell(out, file, options);
      } else {
        cell = make_cell(row, sizes[column], column, request);
        if (!cell.is_null()) write_file(file, cell.dump(2) + "\n");
        if (models::Interrupt::requested()) return apps::kInterrupted;
      }
      seconds += cell.get("gradient_seconds", 0.0);
      logging::info(concat(row.target, " ", sizes[column], ": gradient ",
                           cell.contains("gradient") ? cell.at("gradient").dump() : "not found",
                           " in ", cell.get("gradient_seconds", 0.0), " s, closed form ",
                           cell.get("closed_form", 0.0), ", sparse ", cell.get("sparse", 0.0),
                           ", low rank ", cell.get("low_rank", 0.0)));
      cells.push_back(std::move(cell));
    }
  draw_table(out + "/table.png", cells, sizes);
  Config all = Config::Array{};
  for (const Config& cell : cells) all.push_back(cell);
  const Config table = {{"cells", all}, {"gradient_seconds", seconds}};
  write_file(out + "/table.json", table.dump(2) + "\n");
  apps::write_json(json, table);
  logging::info(concat("gradient: ", seconds, " s in all; ", out, "/table.png"));
  return apps::kSuccess;
}

}  // namespace papilio::learn
