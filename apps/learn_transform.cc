// learn_transform: finds the fast algorithm of a matrix.

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "papilio/apps/common/app.h"
#include "papilio/apps/learn_transform/find.h"
#include "papilio/apps/learn_transform/pictures.h"
#include "papilio/apps/learn_transform/speed.h"
#include "papilio/apps/learn_transform/table.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/target_matrix.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/interrupt.h"
#include "papilio/models/progress.h"

using namespace papilio;

namespace {

struct Options {
  learn::Request request;
  std::string out, dtype = "f64", json;
  bool table = false;
};

std::string target_list() {
  std::string all;
  for (const std::string_view name : target_names()) all += concat(all.empty() ? "" : ", ", name);
  return all;
}

std::string permutation_text(const FactorizeReport& report) {
  std::string all;
  for (const std::vector<int64_t>& v : report.permutations) {
    std::string one;
    const auto n = std::ssize(v);
    if (butterfly_size(n) == n && v == bit_reversal(n)) one = "bit reversal";
    for (int64_t j = 0; one.empty() || (j > 0 && j < std::min<int64_t>(n, 16)); ++j) {
      if (one == "bit reversal") break;
      one += concat(j == 0 ? "" : " ", v[static_cast<size_t>(j)]);
    }
    if (n > 16 && one != "bit reversal") one += " ...";
    all += (all.empty() ? "" : "; ") + one;
  }
  return all.empty() ? "none" : all;
}

void print(std::ostream& out, const learn::Request& request, const learn::Target& target,
           const Factorization& found) {
  const FactorizeReport& r = found.report;
  out << std::setprecision(3) << request.target << ", " << target.rows << " x " << target.columns
      << ": " << r.method << ", model " << r.model << ", " << r.dtype << "\n  RMSE             "
      << r.rmse << " (relative error " << r.relative_error << ")"
      << "\n  permutation      " << permutation_text(r) << " (" << r.permutation_search << ")"
      << "\n  parameters       " << r.parameters << " reals, of " << target.rows * target.columns
      << " in the dense matrix\n  multiplications  " << r.multiplications << "\n  seconds          "
      << r.seconds << "\n";
}

// What is nearer, at as many numbers, when no fast algorithm of this class was found.
Config compare_classes(std::ostream& out, const learn::Target& target,
                       const FactorizeReport& report) {
  const learn::Baselines others = learn::baselines(target.matrix);
  struct Row {
    const char* name;
    double rmse;
  };
  const Row rows[] = {{"butterfly", report.rmse},
                      {"sparse", others.sparse.rmse},
                      {"low rank", others.low_rank.rmse},
                      {"sparse + low rank", others.both.rmse}};
  const Row* best = rows;
  Config json = Config::object();
  if (report.trials > 0)
    out << "not found within " << report.trials << " trials and the budget";
  else
    out << "the class does not hold this matrix to the tolerance";
  out << "; RMSE of others with 2 n log2 n numbers:\n";
  for (const Row& row : rows) {
    if (row.rmse < best->rmse) best = &row;
    json[row.name] = row.rmse;
    out << "  " << std::left << std::setw(19) << row.name << row.rmse << "\n";
  }
  const bool dense = best->rmse > 0.1 * report.rmse / std::max(report.relative_error, 1e-300);
  out << "nearest: " << best->name << (dense ? "; none is near, so keep the matrix dense\n" : "\n");
  return {{"rmse", json}, {"nearest", dense ? "dense" : best->name}};
}

void draw(const std::string& folder, const learn::Target& target, Factorization& found) {
  try {
    learn::draw_pictures(folder, target, found);
  } catch (const Error& e) {
    logging::warning(concat("no pictures: ", e.what()));
  }
}

// With the search's progress on the terminal.
Factorization search(const learn::Target& target, learn::Request& request) {
  FactorizeOptions& options = request.options;
  const double trials = static_cast<double>(options.trials > 0 ? options.trials : 96);
  models::Progress progress(trials, 0);
  options.stop = [] { return models::Interrupt::requested(); };
  options.progress = [&](const optim::HalvingProgress& now) {
    progress.update(static_cast<double>(now.begun),
                    concat("trial ", now.begun, " of at most ", trials, ", RMSE ", now.best));
  };
  Factorization found = learn::find(target, request);
  options.progress = nullptr;
  progress.clear();
  return found;
}

// By an earlier start of the search: what it had found is not trained again yet.
bool better_is_saved(const std::string& folder, double rmse) {
  const std::string file = folder + "/report.json";
  try {
    return std::filesystem::exists(file) && Config::parse(read_file(file)).get("rmse", rmse) < rmse;
  } catch (const Error&) {
    return false;
  }
}

void look_at(std::ostream& out, const learn::Request& request, const learn::Target& target,
             Factorization& found, Config& json) {
  const learn::Speed speed = learn::measure_speed(target, found);
  learn::print(out, speed);
  json["speed"] = learn::to_config(speed);
  const FactorizeReport& r = found.report;
  if (!r.reached && !r.interrupted && request.noise == 0 && target.matrix.defined())
    json["classes"] = compare_classes(out, target, r);
}

// Another transform's files are not overwritten.
void check_folder(const std::string& folder, const std::string& target, int64_t size) {
  const std::string file = folder + "/report.json";
  if (!std::filesystem::exists(file)) return;
  const Config old = Config::parse(read_file(file));
  check(old.at("target").as_string() == target && old.at("size").as_int() == size, "'", folder,
        "' holds ", old.at("target").as_string(), " of size ", old.at("size").as_int(),
        "; take another --out, or remove it");
}

int learn_one(Options& o) {
  std::ostream& out = o.json == "-" ? std::cerr : std::cout;
  FactorizeOptions& options = o.request.options;
  const learn::Target target = learn::make_target(o.request);
  if (const int64_t n = butterfly_size(std::max(target.rows, target.columns));
      n != target.columns || n != target.rows)
    logging::info(concat(target.rows, " x ", target.columns, " is padded with zeros to ", n));
  if (!o.out.empty()) {
    std::filesystem::create_directories(o.out);
    check_folder(o.out, o.request.target, target.columns);
    options.state_file = o.out + "/search.json";
  }
  const bool resumed = std::filesystem::exists(options.state_file);
  const models::Interrupt interrupt;
  Factorization found = search(target, o.request);
  const bool interrupted = found.report.interrupted;
  if (!found.layer) {
    check(interrupted, "no trial ended within --budget-seconds ", options.budget_seconds,
          "; raise it");
    logging::warning("interrupted before a first trial ended; nothing is saved");
    return apps::kInterrupted;
  }
  if (resumed && interrupted && better_is_saved(o.out, found.report.rmse)) {
    logging::warning(concat("interrupted; what ", o.out, " holds is better, and kept"));
    return apps::kInterrupted;
  }
  print(out, o.request, target, found);
  Config json = learn::report(target, o.request, found);
  // What was learned is safe before it is looked at.
  if (!o.out.empty()) {
    json["checkpoint"] = o.out + "/transform.safetensors";
    save(*found.layer, json.at("checkpoint").as_string());
    apps::write_json(o.out + "/report.json", json);
    if (!interrupted) std::filesystem::remove(options.state_file);
  }
  look_at(out, o.request, target, found, json);
  if (!o.out.empty()) {
    apps::write_json(o.out + "/report.json", json);
    draw(o.out, target, found);
  }
  apps::write_json(o.json, json);
  return interrupted ? apps::kInterrupted : apps::kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Finds a fast algorithm for a matrix: a product of butterfly factors and permutations, by\n"
      "gradient from random values or in closed form. Prints its error and cost, and saves a\n"
      "checkpoint whose layer is used like any other, with pictures, in --out. Interrupted, it\n"
      "saves the best so far; the same command goes on with the search.",
      "learn_transform");
  app.footer(
      "Examples: learn_transform --target dft --size 1024 --method gradient --out runs/dft\n"
      "          learn_transform --target file:matrix.npy --out runs/mine\n"
      "          learn_transform --table --out runs/table");
  Options o;
  learn::Request& r = o.request;
  FactorizeOptions& f = r.options;
  f.model = "";
  auto* target = app.add_option("--target", r.target,
                                "file:PATH, a NumPy .npy file of a matrix, or "
                                "a transform: " +
                                    target_list());
  auto* size = app.add_option("--size", r.size,
                              "Of a transform by name; with --table the largest, "
                              "1024 unless given")
                   ->check(CLI::Range(int64_t{1}, int64_t{1} << 26))
                   ->capture_default_str();
  app.add_option("--out", o.out, "Folder for checkpoint, pictures and report")->type_name("DIR");
  app.add_option(
         "--method", r.method,
         "auto: closed form, and where that does not reach the tolerance, gradient; oracle: "
         "from few entries, without the matrix")
      ->check(CLI::IsMember({"auto", "gradient", "closed-form", "oracle"}))
      ->capture_default_str();
  app.add_option(
      "--model", f.model,
      "Of the gradient: bp, bpp, bpbp, bb, kmatrix with the endings -real, -untied, -tied, "
      "-w2, -e2; auto lets bp, bpp and bpbp compete; default: the paper's for a transform, "
      "auto for a file");
  app.add_option("--permutation-search", f.permutation_search,
                 "enumerated candidates, or learned by gradient and rounded")
      ->check(CLI::IsMember({"enumerated", "learned"}))
      ->capture_default_str();
  app.add_option("--dtype", o.dtype, "Of twiddles and products")
      ->check(CLI::IsMember({"f64", "f32"}))
      ->capture_default_str();
  app.add_option("--tolerance", f.tolerance,
                 "RMSE that is good enough; 0: 1e-12 (f64) or 2e-7 (f32) of a column's norm")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_option("--noise", r.noise,
                 "Gaussian noise on the entries, in parts of their root mean square")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_option("--trials", f.trials, "Of the search, at most; 0: 96")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_option("--budget-seconds", f.budget_seconds, "Of the search, at most; 0: no limit")
      ->check(apps::not_negative())
      ->capture_default_str();
  app.add_option("--seed", f.seed, "Of trials and noise")->capture_default_str();
  app.add_flag("--table", o.table,
               "All transforms of the paper at sizes 8, 16, ..., with the baselines: table.png and "
               "table.json in --out; a second start goes on");
  apps::add_threads(app);
  apps::add_json(app, o.json);

  return apps::run(app, argc, argv, [&] {
    f.dtype = dtype_named(o.dtype);
    if (o.table) {
      check(!o.out.empty(), "--table needs --out DIR");
      if (size->count() == 0) r.size = 1024;
      return learn::run_table(r, o.out, o.json);
    }
    check(target->count() > 0, "--target NAME or file:PATH is needed, or --table");
    return learn_one(o);
  });
}
