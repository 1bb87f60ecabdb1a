#include "papilio/layers/product.h"

namespace papilio {
namespace {

const Product::Parts& checked(DType dtype, const Product::Parts& parts) {
  check(!parts.empty(), "product: no parts; at least one is needed");
  for (size_t i = 0; i < parts.size(); ++i) {
    check(parts[i] != nullptr, "product: part ", i, " is a null pointer");
    const StructuredLinear& part = *parts[i];
    check(!part.bias().defined(), "product: part ", i, ", ", part.describe(),
          ", has a bias; make it without");
    check(real_of(part.dtype()) == real_of(dtype), "product: part ", i, ", ", part.describe(),
          ", is ", part.dtype(), " in a product of ", dtype, "; give all parts one precision");
    check(i == 0 || part.in_features() == parts[i - 1]->out_features(), "product: part ", i,
          " takes ", part.in_features(), " features, but part ", i - 1, " gives ",
          parts[i == 0 ? 0 : i - 1]->out_features());
  }
  return parts;
}

Tensor as(const Tensor& x, DType dtype) {
  if (is_complex(dtype) && is_real(x.dtype())) return complex(x);
  return is_real(dtype) && is_complex(x.dtype()) ? real(x) : x;
}

}  // namespace

Product::Product(DType dtype, Parts parts)
    : StructuredLinear("product", checked(dtype, parts).front()->in_features(),
                       parts.back()->out_features(), false, dtype, Rng(0)),
      parts_(std::move(parts)) {}

Tensor Product::multiply(const Tensor& x) {
  Tensor y = x;
  for (const auto& part : parts_) y = part->multiply(as(y, part->dtype()));
  return as(y, dtype_);
}

int64_t Product::flops_per_row() const {
  int64_t flops = 0;
  for (const auto& part : parts_) flops += part->cost({part->in_features()}).flops;
  return flops;
}

std::string Product::describe() const {
  std::string text;
  for (const auto& part : parts_) text += (text.empty() ? "" : " > ") + part->describe();
  return described("Product", text);
}

Config Product::config() const {
  Config config = base_config();
  Config::Array parts;
  for (const auto& part : parts_) parts.push_back(part->config());
  config["parts"] = std::move(parts);
  return config;
}

}  // namespace papilio
