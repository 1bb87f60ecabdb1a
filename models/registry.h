// The registry of models: name + Config -> Module, so that a checkpoint can be loaded without
// knowing its class.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio::models {

/// Makes an untrained model from what its config() returned. Throws Error when a key is missing or
/// wrong.
using Factory = std::function<std::unique_ptr<Module>(const Config& config)>;

/// Makes `name` loadable. Throws Error when the name is taken. Call it before threads load models.
void register_model(const std::string& name, Factory factory);

/// Throws Error that lists the registered names when there is none of that name.
std::unique_ptr<Module> make(const std::string& name, const Config& config);

/// The names that make() takes, sorted.
std::vector<std::string> registered_models();

/// The name whose factory makes modules of the dynamic type of `model`; empty when there is none. A
/// factory is asked by giving it model.config().
std::string registered_name(const Module& model);

}  // namespace papilio::models
