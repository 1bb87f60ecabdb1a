#include <algorithm>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <ostream>
#include <utility>
#include <vector>

#include "papilio/apps/export/form.h"
#include "papilio/core/safetensors.h"
#include "papilio/models/evaluate.h"

namespace papilio::apps {
namespace {

constexpr int64_t kExamples = 16;
// Far above rounding, about 3e-7 in f32: beyond it a layer's hint must be wrong.
constexpr double kTolerance = 1e-4;

// Real numbers that the files hold for one layer.
struct Row {
  std::string layer;
  int64_t before = 0, after = 0;
};

// "hidden" of "hidden.twiddle"
std::string layer_of(const std::string& name) {
  if (name.starts_with("training/")) return "training";
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(0, dot);
}

std::vector<Row> compare_files(const std::string& before, const std::string& after) {
  std::vector<Row> rows;
  const auto add = [&](const std::string& path, int64_t Row::*count) {
    for (const auto& [name, tensor] : read_safetensors(path).tensors) {
      const std::string layer = layer_of(name);
      auto row = std::ranges::find(rows, layer, &Row::layer);
      if (row == rows.end()) row = rows.insert(rows.end(), {.layer = layer});
      (*row).*count += tensor.numel();
    }
  };
  add(before, &Row::before);
  add(after, &Row::after);
  Row total{.layer = "total"};
  for (const Row& row : rows) total.before += row.before, total.after += row.after;
  rows.push_back(total);
  return rows;
}

// max |a - b| / max |a|
double relative_difference(const Tensor& a, const Tensor& b) {
  double largest = 0, difference = 0;
  dispatch_floating(a.dtype(), "export", [&]<class T>() {
    for (int64_t i = 0; i < a.numel(); ++i) {
      largest = std::max(largest, double(std::abs(a.data<T>()[i])));
      const double here = std::abs(a.data<T>()[i] - b.data<T>()[i]);
      if (!(here <= difference)) difference = here;  // NaN stays
    }
  });
  return difference == 0 ? 0 : difference / largest;
}

// Of the outputs on fixed random inputs; -1 when nobody knows what an input looks like.
double output_difference(const ExportSource& source, const models::Checkpoint& frozen,
                         const std::string& to) {
  const Shape example = models::example_shape(source.checkpoint);
  if (example.rank() == 0) return -1;
  Shape batch = {kExamples};
  for (const int64_t size : example) batch = batch.append(size);
  const auto model = models::rebuild(frozen, to);
  const Tensor x = rand_uniform(batch, 0, 1, Rng(1));
  return relative_difference((*source.model)(x), (*model)(x));
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

// The checkpoint to be written, and the names of the twiddles that have no frozen form.
std::pair<models::Checkpoint, std::vector<std::string>> freeze(const ExportSource& source) {
  models::Checkpoint frozen = source.checkpoint;
  frozen.training = {};
  frozen.state = {};
  const std::vector<std::string> without = models::freeze(frozen, *source.model);
  if (frozen.frozen.size() > source.checkpoint.frozen.size()) return {frozen, without};
  std::string reason = concat("the model ", source.model->describe(), " has no untied twiddle");
  if (!without.empty())
    reason = concat("a scaling would leave the range of the dtype in ", joined(without));
  else if (!frozen.frozen.empty())
    reason = concat(joined(frozen.frozen), " is frozen already");
  fail("'", source.file, "': nothing to freeze: ", reason);
}

}  // namespace

Config export_frozen(const ExportSource& source, const std::string& to, std::ostream& text) {
  const auto& [frozen, without] = freeze(source);
  const double difference = output_difference(source, frozen, to);
  check(difference <= kTolerance, "'", source.file, "': the frozen model's output differs by ",
        difference, " of the largest one, which is more than rounding; is the twiddle hint of ",
        joined(frozen.frozen), " the direction that the layer uses? Nothing is written");
  models::write_checkpoint(to, frozen);

  const auto bytes = [](const std::string& file) {
    return static_cast<int64_t>(std::filesystem::file_size(file));
  };
  const auto line = [&](const std::string& name, const std::string& before,
                        const std::string& after) {
    text << std::left << std::setw(20) << name << std::right << std::setw(16) << before
         << std::setw(16) << after << '\n';
  };
  Config layers = Config::Array{};
  text << source.model->describe() << '\n';
  line("numbers of", "before", "after");
  for (const Row& row : compare_files(source.file, to)) {
    line(row.layer, std::to_string(row.before), std::to_string(row.after));
    layers.push_back(
        {{"layer", row.layer}, {"numbers_before", row.before}, {"numbers_after", row.after}});
  }
  line("bytes of the file", std::to_string(bytes(source.file)), std::to_string(bytes(to)));
  if (difference >= 0)
    text << "largest difference: " << difference << " of the largest output, " << kExamples
         << " random inputs\n";
  Config names = Config::Array{}, others = Config::Array{};
  for (const std::string& name : frozen.frozen) names.push_back(name);
  for (const std::string& name : without) {
    others.push_back(name);
    text << "kept as it is: " << name << ", a scaling would leave the range of the dtype\n";
  }
  return {{"model", source.model->describe()},
          {"layers", layers},
          {"frozen", names},
          {"not_frozen", others},
          {"bytes_before", bytes(source.file)},
          {"bytes_after", bytes(to)},
          {"largest_relative_difference", difference >= 0 ? Config(difference) : Config()}};
}

}  // namespace papilio::apps
