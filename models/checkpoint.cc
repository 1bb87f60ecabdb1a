// Long because what is written and what is read are one format.
#include "papilio/models/checkpoint.h"

#include <algorithm>
#include <map>
#include <set>

#include "papilio/core/config_size.h"
#include "papilio/core/log.h"
#include "papilio/core/safetensors.h"
#include "papilio/core/tensor_limit.h"
#include "papilio/layers/factory.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/frozen.h"
#include "papilio/models/registry.h"

namespace papilio {
namespace models {
namespace {

// Formats: kFrozen can have frozen twiddles, kReplaced replaced layers too.
constexpr int64_t kPlain = 1, kFrozen = 2, kReplaced = 3;
constexpr std::string_view kTrainingPrefix = "training/";

struct Target {
  std::string name;
  Tensor* tensor;
  TwiddleHint twiddle;
};

// Lists every tensor of a module once: a parameter that two paths reach stands under its first
// name.
class TensorList : public Fields {
 public:
  std::vector<Target> all;

 protected:
  void parameter(const std::string& path, Parameter& member) override {
    if (seen_.insert(member.identity()).second)
      all.push_back({path, &member.mutable_value(), member.hints().twiddle});
  }
  void buffer(const std::string& path, Tensor& member) override {
    all.push_back({path, &member, TwiddleHint::none});
  }

 private:
  std::set<const void*> seen_;
};

std::vector<Target> tensors_of(Module& model) {
  TensorList list;
  model.fields(list);
  return std::move(list.all);
}

// The same bytes as a tensor of the other kind; safetensors knows real numbers only.
Tensor recast(const Tensor& tensor, DType dtype, const Shape& shape) {
  Tensor result(shape, dtype);
  std::copy_n(static_cast<const std::byte*>(tensor.raw()), tensor.bytes(),
              static_cast<std::byte*>(result.mutable_raw()));
  return result;
}

Tensor as_real(const Tensor& z) { return recast(z, real_of(z.dtype()), z.shape().append(2)); }

Tensor as_complex(const Tensor& pairs, const std::string& name) {
  check(is_real(pairs.dtype()) && pairs.rank() > 0 && pairs.dim(-1) == 2, "the complex tensor '",
        name, "' is stored as ", pairs, ", expected real numbers with a last axis of 2");
  return recast(pairs, complex_of(pairs.dtype()), pairs.shape().leading());
}

// The names listed under a key of the metadata, each to be taken when its tensor is found.
class NameList {
 public:
  NameList(std::string_view key, const Config* names) : key_(key) {
    if (names == nullptr) return;
    for (const Config& name : names->as_array()) names_.insert(name.as_string());
  }
  bool take(const std::string& name) { return names_.erase(name) > 0; }
  void check_all_taken() const {
    check(names_.empty(), "its metadata lists the ", key_, " tensor '",
          names_.empty() ? "" : *names_.begin(), "', which it does not hold");
  }

 private:
  std::string_view key_;
  std::set<std::string> names_;
};

Checkpoint decode(const Safetensors& file) {
  Checkpoint checkpoint;
  Config metadata;
  if (const auto entry = file.metadata.find("papilio"); entry != file.metadata.end()) {
    metadata = Config::parse(entry->second);
    const int64_t format = metadata.at("format").as_int();
    check(format >= kPlain && format <= kReplaced, "it has checkpoint format ", format,
          ", this version of Papilio reads up to ", kReplaced, "; use a newer one");
    if (const Config* model = metadata.find("model")) {
      checkpoint.model = model->at("name").as_string();
      checkpoint.config = model->at("config");
    }
    if (const Config* input = metadata.find("input")) checkpoint.input = *input;
    if (const Config* classes = metadata.find("classes"))
      for (const Config& name : classes->as_array()) checkpoint.classes.push_back(name.as_string());
    if (const Config* replaced = metadata.find("replaced"))
      checkpoint.replaced = replaced->as_object();
    if (const Config* training = metadata.find("training")) checkpoint.training = *training;
  }
  const auto listed = [&](std::string_view key) {
    return NameList(key, metadata.is_null() ? nullptr : metadata.find(key));
  };
  NameList complex = listed("complex"), frozen = listed("frozen");
  for (const auto& [name, stored] : file.tensors) {
    Tensor tensor = complex.take(name) ? as_complex(stored, name) : stored;
    if (name.starts_with(kTrainingPrefix)) {
      checkpoint.state.emplace_back(name.substr(kTrainingPrefix.size()), tensor);
      continue;
    }
    if (frozen.take(name)) {
      tensor = expanded_twiddle(tensor, name);
      checkpoint.frozen.push_back(name);
    }
    checkpoint.tensors.emplace_back(name, tensor);
  }
  complex.check_all_taken();
  frozen.check_all_taken();
  return checkpoint;
}

Checkpoint decode(const Safetensors& file, const std::string& name) {
  try {
    return decode(file);
  } catch (const Error& error) {
    fail("checkpoint '", name, "': ", error.message());
  }
}

// The numbers of the configs, "width 64, parts.0.in 5": what the tensors' sizes come from.
void list_sizes(const Config& config, const std::string& path, std::string& text) {
  if (config.is_object()) {
    for (const auto& [key, value] : config.as_object())
      list_sizes(value, path.empty() ? key : concat(path, ".", key), text);
  } else if (config.is_array()) {
    for (size_t i = 0; i < config.as_array().size(); ++i)
      list_sizes(config.as_array()[i], concat(path, ".", i), text);
  } else if (!config.is_null() && !config.is_string() && text.size() < 300) {
    text += concat(text.empty() ? "" : ", ", path, " ", config.dump());
  }
}

std::string sizes_of(const Checkpoint& checkpoint) {
  std::string text;
  list_sizes(checkpoint.config, "", text);
  for (const auto& [path, config] : checkpoint.replaced) list_sizes(config, path, text);
  return text;
}

// What a model may allocate whose tensors are those of the checkpoint: initialising makes them a
// few times over, the index of a tied butterfly has log2 n times their size, and a replaced layer
// was dense at first. Sizes that the file does not bear out are refused before their memory is
// asked for.
size_t allowed_bytes(const Checkpoint& checkpoint) {
  constexpr size_t kSmall = 4 << 20, kTimes = 64;
  size_t bytes = 0;
  int64_t numbers = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    bytes += static_cast<size_t>(tensor.bytes()) + TensorLimit::kOverhead;
    numbers += real_count(tensor);
  }
  numbers = std::min(numbers, kMostSize);
  for (const auto& [path, config] : checkpoint.replaced) {
    const int64_t in = size_at(config, "in", 1, numbers), out = size_at(config, "out", 1, numbers);
    bytes += static_cast<size_t>(in * out) * sizeof(float);
  }
  return kSmall + kTimes * bytes;
}

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// True when the frozen form of an untied twiddle is no smaller: with a single factor, or none.
bool is_smallest(const Tensor& twiddle) {
  return twiddle.rank() == 6 && twiddle.dim(1) * twiddle.dim(2) <= 1;
}

}  // namespace

void replace_layers(Module& model, const Checkpoint& checkpoint) {
  const auto layers = linear_layers(model);
  for (const auto& [path, config] : checkpoint.replaced) {
    const auto layer =
        std::ranges::find(layers, path, [](const auto& entry) { return entry.first; });
    check(layer != layers.end(), "it replaces the dense layer '", path, "', which ",
          model.describe(), " does not have");
    layer->second->replace(make_structured(config));
  }
}

Checkpoint snapshot(Module& model) {
  Checkpoint checkpoint{.model = registered_name(model),
                        .config = model.config(),
                        .input = model.input(),
                        .classes = {},
                        .training = {},
                        .tensors = {},
                        .state = {},
                        .frozen = {},
                        .replaced = {}};
  for (const Target& target : tensors_of(model))
    checkpoint.tensors.emplace_back(target.name, *target.tensor);
  for (const auto& [path, layer] : linear_layers(model))
    if (const StructuredLinear* replacement = layer->replacement())
      checkpoint.replaced.emplace_back(path, replacement->config());
  return checkpoint;
}

void restore(Module& model, const Checkpoint& checkpoint, const std::string& file) {
  std::map<std::string, const Tensor*> stored;
  for (const auto& [name, tensor] : checkpoint.tensors) stored.emplace(name, &tensor);
  std::string problems;
  std::vector<std::pair<Target, const Tensor*>> pairs;
  for (const Target& target : tensors_of(model)) {
    const auto found = stored.find(target.name);
    if (found == stored.end()) {
      problems += concat("\n  missing: ", target.name, " ", *target.tensor);
      continue;
    }
    const Tensor& source = *found->second;
    if (source.shape() != target.tensor->shape() || source.dtype() != target.tensor->dtype())
      problems += concat("\n  ", target.name, " is ", source, ", the model has ", *target.tensor);
    else
      pairs.emplace_back(target, &source);
    stored.erase(found);
  }
  for (const auto& [name, tensor] : stored) problems += concat("\n  extra: ", name, " ", *tensor);
  check(problems.empty(), "'", file, "' does not fit the model ", model.describe(), ":", problems,
        checkpoint.replaced.empty()
            ? "\nload it into a model of the class and sizes that it was saved from"
            : "\ndense layers of it were replaced, as by compress: models::load() makes such a "
              "model");
  for (const auto& [target, source] : pairs) {
    const bool balance =
        target.twiddle != TwiddleHint::none && lists(checkpoint.frozen, target.name);
    target.tensor->assign(
        balance ? balanced_twiddle(*source, target.twiddle == TwiddleHint::increasing_stride)
                : *source);
  }
}

std::vector<std::string> freeze(Checkpoint& checkpoint, Module& model) {
  std::map<std::string, TwiddleHint> hints;
  for (const Target& target : tensors_of(model)) hints.emplace(target.name, target.twiddle);
  std::vector<std::string> without;
  for (auto& [name, tensor] : checkpoint.tensors) {
    const auto hint = hints.find(name);
    const bool twiddle = hint != hints.end() && hint->second != TwiddleHint::none;
    if (!twiddle || lists(checkpoint.frozen, name) || is_smallest(tensor)) continue;
    const Tensor form =
        unit_diagonal_twiddle(tensor, hint->second == TwiddleHint::increasing_stride);
    (form.defined() ? checkpoint.frozen : without).push_back(name);
    if (form.defined()) tensor = form;
  }
  return without;
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Config metadata = {{"format", !checkpoint.replaced.empty() ? kReplaced
                                : checkpoint.frozen.empty()  ? kPlain
                                                             : kFrozen}};
  if (!checkpoint.model.empty())
    metadata["model"] = Config{{"name", checkpoint.model}, {"config", checkpoint.config}};
  if (!checkpoint.input.is_null()) metadata["input"] = checkpoint.input;
  if (!checkpoint.classes.empty()) {
    Config names = Config::Array{};
    for (const std::string& name : checkpoint.classes) names.push_back(name);
    metadata["classes"] = names;
  }
  Config complex_names = Config::Array{}, frozen_names = Config::Array{};
  Safetensors file;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    if (is_complex(tensor.dtype())) complex_names.push_back(name);
    file.tensors.emplace_back(name, is_complex(tensor.dtype()) ? as_real(tensor) : tensor);
  };
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const bool frozen = lists(checkpoint.frozen, name);
    if (frozen) frozen_names.push_back(name);
    add(name, frozen ? compact_twiddle(tensor, name) : tensor);
  }
  for (const auto& [name, tensor] : checkpoint.state) add(concat(kTrainingPrefix, name), tensor);
  if (!complex_names.as_array().empty()) metadata["complex"] = complex_names;
  if (!frozen_names.as_array().empty()) metadata["frozen"] = frozen_names;
  if (!checkpoint.replaced.empty()) metadata["replaced"] = Config(checkpoint.replaced);
  if (!checkpoint.training.is_null()) metadata["training"] = checkpoint.training;
  file.metadata["papilio"] = metadata.dump();
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path) { return decode(read_safetensors(path), path); }

Checkpoint parse_checkpoint(std::span<const std::byte> bytes, const std::string& name) {
  return decode(parse_safetensors(bytes, name), name);
}

std::unique_ptr<Module> rebuild(const Checkpoint& checkpoint, const std::string& file) {
  if (checkpoint.model.empty()) {
    std::string names;
    for (const std::string& name : registered_models()) names += (names.empty() ? "" : ", ") + name;
    fail("checkpoint '", file,
         "' names no registered model, so its class is unknown (registered: ", names,
         "); make the model yourself and call load(model, path), or register it with "
         "models::register_model() "
         "and override config() before saving");
  }
  std::unique_ptr<Module> model;
  try {
    const TensorLimit limit(allowed_bytes(checkpoint));
    model = make(checkpoint.model, checkpoint.config);
    replace_layers(*model, checkpoint);
  } catch (const Error& error) {
    const std::string sizes = sizes_of(checkpoint);
    fail("checkpoint '", file, "', model ", checkpoint.model, sizes.empty() ? "" : " of ", sizes,
         ": ", error.message());
  }
  restore(*model, checkpoint, file);
  return model;
}

std::unique_ptr<Module> load(const std::string& path) {
  return rebuild(read_checkpoint(path), path);
}

}  // namespace models

void save(Module& model, const std::string& path, const SaveOptions& options) {
  models::Checkpoint checkpoint = models::snapshot(model);
  if (options.frozen)
    for (const std::string& name : models::freeze(checkpoint, model))
      logging::warning(concat("'", path, "': '", name,
                              "' has no frozen form, a scaling would leave the range of its dtype; "
                              "it is saved as it is"));
  models::write_checkpoint(path, checkpoint);
}

void load(Module& model, const std::string& path) {
  models::restore(model, models::read_checkpoint(path), path);
}

}  // namespace papilio
