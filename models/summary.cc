#include "papilio/models/summary.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>

#include "papilio/layers/structured_linear.h"

namespace papilio::models {
namespace {

// The tensors that belong to each module itself, not to a module below it.
class Ownership : public Fields {
 public:
  struct Entry {
    std::string path;
    int64_t parameters = 0, bytes = 0;
  };
  explicit Ownership(Module& root) {
    modules_.emplace_back("", &root);
    if (is_layer(root)) whole_.emplace_back();
    root.fields(*this);
  }
  const Entry* find(Module& module) const {
    const auto found = entries_.find(&module);
    return found == entries_.end() ? nullptr : &found->second;
  }

 protected:
  bool module(const std::string& path, Module& member) override {
    for (const std::string& whole : whole_)
      if (whole.empty() || path.starts_with(whole + ".")) return true;
    modules_.emplace_back(path, &member);
    entries_[&member].path = path;
    if (is_layer(member)) whole_.push_back(path);
    return true;
  }
  void parameter(const std::string& path, Parameter& member) override {
    if (!seen_.insert(member.identity()).second) return;
    Entry& owner = owner_of(path);
    owner.parameters += real_count(member.value());
    owner.bytes += member.value().bytes();
  }
  void buffer(const std::string& path, Tensor& member) override {
    owner_of(path).bytes += member.bytes();
  }

 private:
  // The module whose path is the tensor's without its last name, which may itself hold dots; the
  // longest prefix wins.
  Entry& owner_of(const std::string& path) {
    Module* owner = modules_.front().second;
    size_t longest = 0;
    for (const auto& [prefix, candidate] : modules_)
      if (prefix.size() > longest && path.starts_with(prefix + ".")) {
        owner = candidate;
        longest = prefix.size();
      }
    return entries_[owner];
  }

  // A structured layer made of others is one row, that has all their tensors.
  static bool is_layer(Module& module) {
    return dynamic_cast<StructuredLinear*>(&module) != nullptr;
  }

  std::vector<std::pair<std::string, Module*>> modules_;
  std::vector<std::string> whole_;  // paths of structured layers
  std::map<const Module*, Entry> entries_;
  std::set<const void*> seen_;
};

Shape without_batch(const Shape& shape) {
  return shape.rank() == 0 ? shape : Shape(std::span(shape.begin() + 1, shape.end()));
}

LayerSummary total_of(const std::vector<LayerSummary>& rows) {
  LayerSummary total;
  total.path = "total";
  if (!rows.empty()) total.output = rows.back().output;
  for (const LayerSummary& row : rows) {
    total.parameters += row.parameters;
    total.flops += row.flops;
    total.bytes += row.bytes;
    total.dense_parameters += row.dense_parameters;
    total.dense_flops += row.dense_flops;
  }
  return total;
}

// 1234567 -> "1,234,567"
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

}  // namespace

std::vector<LayerSummary> summarize(Module& model, const Shape& example) {
  const NoTape guard;
  const Ownership tensors(model);
  std::set<const Module*> counted;
  std::vector<LayerSummary> rows;
  const CallObserver observer([&](Module& module, const Tensor& input, const Tensor& output) {
    const Cost cost = module.cost(input.shape());
    const Ownership::Entry* own = tensors.find(module);
    const bool first = counted.insert(&module).second;
    LayerSummary row{.path = own ? own->path : "",
                     .description = module.describe(),
                     .output = without_batch(output.shape()),
                     .parameters = own && first ? own->parameters : 0,
                     .flops = cost.flops,
                     .bytes = own && first ? own->bytes : 0};
    row.dense_parameters = cost.dense_parameters > 0 ? cost.dense_parameters : row.parameters;
    row.dense_flops = cost.dense_flops > 0 ? cost.dense_flops : row.flops;
    if (row.flops > 0 || row.bytes > 0) rows.push_back(std::move(row));
  });
  Shape batch = {1};
  for (const int64_t size : example) batch = batch.append(size);
  const auto* layer = dynamic_cast<const StructuredLinear*>(&model);
  model(Tensor::zeros(batch, layer ? layer->dtype() : DType::f32));
  return rows;
}

Config to_config(const std::vector<LayerSummary>& rows) {
  Config all = Config::Array{};
  const auto add = [&](const LayerSummary& row) {
    Config output = Config::Array{};
    for (const int64_t size : row.output) output.push_back(size);
    all.push_back({{"layer", row.path},
                   {"type", row.description},
                   {"output", output},
                   {"parameters", row.parameters},
                   {"flops", row.flops},
                   {"bytes", row.bytes},
                   {"dense_parameters", row.dense_parameters},
                   {"dense_flops", row.dense_flops}});
  };
  for (const LayerSummary& row : rows) add(row);
  return all;
}

void print(std::ostream& out, const std::vector<LayerSummary>& rows) {
  std::vector<std::vector<std::string>> table = {{"layer", "type", "output", "parameters", "flops",
                                                  "bytes", "dense parameters", "dense flops"}};
  std::vector<LayerSummary> all = rows;
  all.push_back(total_of(rows));
  for (const LayerSummary& row : all)
    table.push_back({row.path, row.description, text(row.output), grouped(row.parameters),
                     grouped(row.flops), grouped(row.bytes), grouped(row.dense_parameters),
                     grouped(row.dense_flops)});
  std::vector<size_t> widths(table[0].size());
  for (const auto& line : table)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  for (const auto& line : table) {
    for (size_t i = 0; i < line.size(); ++i)
      out << (i == 0 ? "" : "  ") << (i < 3 ? std::left : std::right)
          << std::setw(static_cast<int>(widths[i])) << line[i];
    out << '\n';
  }
}

}  // namespace papilio::models
