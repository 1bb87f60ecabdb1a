// Sequential: layers one after the other.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio {

/// Sequential net(Linear(8, 4, {}, rng), Relu(), ...). The layers are moved in and named "0", "1",
/// ...
class Sequential : public Module {
 public:
  Sequential() = default;
  explicit Sequential(std::vector<std::unique_ptr<Module>> layers) : layers_(std::move(layers)) {}
  template <std::derived_from<Module>... M>
  requires(sizeof...(M) > 0 && !(sizeof...(M) == 1 && (std::same_as<M, Sequential> &&
                                                       ...))) explicit Sequential(M... layers) {
    (add(std::move(layers)), ...);
  }

  template <std::derived_from<Module> M>
  Sequential& add(M layer) {
    layers_.push_back(std::make_unique<M>(std::move(layer)));
    return *this;
  }
  Sequential& add(std::unique_ptr<Module> layer) {
    layers_.push_back(std::move(layer));
    return *this;
  }

  Tensor forward(const Tensor& x) override;
  void fields(Fields& f) override;
  std::string describe() const override;

  size_t size() const { return layers_.size(); }
  Module& operator[](size_t i) { return *layers_.at(i); }

 private:
  std::vector<std::unique_ptr<Module>> layers_;
};

}  // namespace papilio
