#include "papilio/models/registry.h"

#include <map>
#include <mutex>
#include <typeindex>
#include <typeinfo>

#include "papilio/layers/factory.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"

namespace papilio::models {
namespace {

struct Registry {
  std::recursive_mutex mutex;  // a factory may itself make a registered model
  std::map<std::string, Factory> factories = {
      {"compressed_mlp", CompressedMlp::make},
      {"mixed_convnet", MixedConvnet::make},
      {"residual_mlp", ResidualMlp::make},
      {"resnet", ResNet::make},
      {"shufflenet", ShuffleNet::make},
      {"structured", make_structured},  // a layer by itself
  };
  std::map<std::type_index, std::string> names;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

// False when the factory can't make sense of the config, which is that of another model.
bool makes(const Factory& factory, const Config& config, std::type_index type) {
  try {
    const std::unique_ptr<Module> made = factory(config);
    if (!made) return false;
    const Module& model = *made;
    return std::type_index(typeid(model)) == type;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void register_model(const std::string& name, Factory factory) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  check(!name.empty() && factory != nullptr, "register_model: a name and a factory are needed");
  check(all.factories.emplace(name, std::move(factory)).second, "register_model: the name '", name,
        "' is taken; choose another");
}

std::unique_ptr<Module> make(const std::string& name, const Config& config) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.factories.find(name);
  if (found == all.factories.end()) {
    std::string names;
    for (const auto& [known, factory] : all.factories) names += (names.empty() ? "" : ", ") + known;
    fail("no model is registered as '", name, "'; registered: ", names,
         "; call models::register_model(\"", name, "\", factory) before loading");
  }
  return found->second(config);
}

std::vector<std::string> registered_models() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> names;
  for (const auto& [name, factory] : all.factories) names.push_back(name);
  return names;
}

std::string registered_name(const Module& model) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const std::type_index type(typeid(model));
  if (const auto known = all.names.find(type); known != all.names.end()) return known->second;
  const Config config = model.config();
  for (const auto& [name, factory] : all.factories)
    if (makes(factory, config, type)) return all.names[type] = name;
  return {};
}

}  // namespace papilio::models
