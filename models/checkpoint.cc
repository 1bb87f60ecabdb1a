#include "papilio/models/checkpoint.h"

#include <algorithm>
#include <map>
#include <set>

#include "papilio/core/safetensors.h"
#include "papilio/models/registry.h"

namespace papilio {
namespace models {
namespace {

constexpr int64_t kFormat = 1;
constexpr std::string_view kTrainingPrefix = "training/";

// Lists every tensor of a module once: a parameter that two paths reach stands under its first
// name.
class TensorList : public Fields {
 public:
  std::vector<std::pair<std::string, Tensor*>> all;

 protected:
  void parameter(const std::string& path, Parameter& member) override {
    if (seen_.insert(member.identity()).second) all.emplace_back(path, &member.mutable_value());
  }
  void buffer(const std::string& path, Tensor& member) override { all.emplace_back(path, &member); }

 private:
  std::set<const void*> seen_;
};

std::vector<std::pair<std::string, Tensor*>> tensors_of(Module& model) {
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

Checkpoint decode(const Safetensors& file) {
  Checkpoint checkpoint;
  Config complex_names = Config::Array{};
  if (const auto entry = file.metadata.find("papilio"); entry != file.metadata.end()) {
    const Config metadata = Config::parse(entry->second);
    const int64_t format = metadata.at("format").as_int();
    check(format >= 1 && format <= kFormat, "it has checkpoint format ", format,
          ", this version of Papilio reads up to ", kFormat, "; use a newer one");
    if (const Config* model = metadata.find("model")) {
      checkpoint.model = model->at("name").as_string();
      checkpoint.config = model->at("config");
    }
    if (const Config* input = metadata.find("input")) checkpoint.input = *input;
    if (const Config* training = metadata.find("training")) checkpoint.training = *training;
    if (const Config* names = metadata.find("complex")) complex_names = *names;
  }
  std::set<std::string> complex_set;
  for (const Config& name : complex_names.as_array()) complex_set.insert(name.as_string());
  for (const auto& [name, stored] : file.tensors) {
    const Tensor tensor = complex_set.erase(name) ? as_complex(stored, name) : stored;
    if (name.starts_with(kTrainingPrefix))
      checkpoint.state.emplace_back(name.substr(kTrainingPrefix.size()), tensor);
    else
      checkpoint.tensors.emplace_back(name, tensor);
  }
  check(complex_set.empty(), "its metadata lists the complex tensor '",
        complex_set.empty() ? "" : *complex_set.begin(), "', which it does not hold");
  return checkpoint;
}

}  // namespace

Checkpoint snapshot(Module& model) {
  Checkpoint checkpoint{.model = registered_name(model),
                        .config = model.config(),
                        .input = model.input(),
                        .training = {},
                        .tensors = {},
                        .state = {}};
  for (const auto& [name, tensor] : tensors_of(model))
    checkpoint.tensors.emplace_back(name, *tensor);
  return checkpoint;
}

void restore(Module& model, const Checkpoint& checkpoint, const std::string& file) {
  std::map<std::string, const Tensor*> stored;
  for (const auto& [name, tensor] : checkpoint.tensors) stored.emplace(name, &tensor);
  std::string problems;
  std::vector<std::pair<Tensor*, const Tensor*>> pairs;
  for (const auto& [name, target] : tensors_of(model)) {
    const auto found = stored.find(name);
    if (found == stored.end()) {
      problems += concat("\n  missing: ", name, " ", *target);
      continue;
    }
    const Tensor& source = *found->second;
    if (source.shape() != target->shape() || source.dtype() != target->dtype())
      problems += concat("\n  ", name, " is ", source, ", the model has ", *target);
    else
      pairs.emplace_back(target, &source);
    stored.erase(found);
  }
  for (const auto& [name, tensor] : stored) problems += concat("\n  extra: ", name, " ", *tensor);
  check(problems.empty(), "'", file, "' does not fit the model ", model.describe(), ":", problems,
        "\nload it into a model of the class and sizes that it was saved from");
  for (const auto& [target, source] : pairs) target->assign(*source);
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Config metadata = {{"format", kFormat}};
  if (!checkpoint.model.empty())
    metadata["model"] = Config{{"name", checkpoint.model}, {"config", checkpoint.config}};
  if (!checkpoint.input.is_null()) metadata["input"] = checkpoint.input;
  Config complex_names = Config::Array{};
  Safetensors file;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    if (is_complex(tensor.dtype())) complex_names.push_back(name);
    file.tensors.emplace_back(name, is_complex(tensor.dtype()) ? as_real(tensor) : tensor);
  };
  for (const auto& [name, tensor] : checkpoint.tensors) add(name, tensor);
  for (const auto& [name, tensor] : checkpoint.state) add(concat(kTrainingPrefix, name), tensor);
  if (!complex_names.as_array().empty()) metadata["complex"] = complex_names;
  if (!checkpoint.training.is_null()) metadata["training"] = checkpoint.training;
  file.metadata["papilio"] = metadata.dump();
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path) {
  const Safetensors file = read_safetensors(path);
  try {
    return decode(file);
  } catch (const Error& error) {
    fail("checkpoint '", path, "': ", error.message());
  }
}

std::unique_ptr<Module> load(const std::string& path) {
  const Checkpoint checkpoint = read_checkpoint(path);
  if (checkpoint.model.empty()) {
    std::string names;
    for (const std::string& name : registered_models()) names += (names.empty() ? "" : ", ") + name;
    fail("checkpoint '", path,
         "' names no registered model, so its class is unknown (registered: ", names,
         "); make the model yourself and call load(model, path), or register it with "
         "models::register_model() "
         "and override config() before saving");
  }
  std::unique_ptr<Module> model;
  try {
    model = make(checkpoint.model, checkpoint.config);
  } catch (const Error& error) {
    fail("checkpoint '", path, "': ", error.message());
  }
  restore(*model, checkpoint, path);
  return model;
}

}  // namespace models

void save(Module& model, const std::string& path) {
  models::write_checkpoint(path, models::snapshot(model));
}

void load(Module& model, const std::string& path) {
  models::restore(model, models::read_checkpoint(path), path);
}

}  // namespace papilio
