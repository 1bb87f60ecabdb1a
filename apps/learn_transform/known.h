// The transforms that no plain butterfly is, though layers/transforms.h constructs them exactly.
#pragma once

#include <memory>
#include <string>

#include "papilio/layers/product.h"

namespace papilio::learn {

/// target_matrix(name, n) for cosine, sine, Hartley and Haar transforms; null for other names.
std::unique_ptr<Product> known_transform(std::string name, int64_t n, DType dtype);

/// A matrix, f64 and square, that is a number times one of them in any norm; null when it is none
/// to that RMSE and to 1e-12 of its own.
std::unique_ptr<Product> recognised(const Tensor& matrix, double tolerance, DType dtype);

}  // namespace papilio::learn
