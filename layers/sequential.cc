#include "papilio/layers/sequential.h"

namespace papilio {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& layer : layers_) y = (*layer)(y);
  return y;
}

void Sequential::fields(Fields& f) {
  for (size_t i = 0; i < layers_.size(); ++i) f(std::to_string(i), layers_[i]);
}

std::string Sequential::describe() const { return concat("Sequential(", layers_.size(), ")"); }

}  // namespace papilio
