// Product: structured layers one after the other, as one structured layer.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "papilio/layers/structured_linear.h"

namespace papilio {

/// The matrix M_k ... M_2 M_1 of parts that are applied in the order M_1, M_2, ...; no bias. The
/// layer may be real and parts of it complex, all of one precision: a complex part then sees x with
/// imaginary part 0, and a real part, and the result, take the real part. So Product(f64, c128
/// butterfly) multiplies by the real part of that butterfly. The parts are named "parts.0",
/// "parts.1", ...
class Product : public StructuredLinear {
 public:
  using Parts = std::vector<std::unique_ptr<StructuredLinear>>;
  /// Throws Error when there is no part, when one has a bias, or sizes or precisions don't fit.
  Product(DType dtype, Parts parts);
  template <std::derived_from<StructuredLinear>... Part>
  explicit Product(DType dtype, Part... parts) : Product(dtype, list(std::move(parts)...)) {}

  Tensor multiply(const Tensor& x) override;
  void fields(Fields& f) override { f("parts", parts_); }
  std::string describe() const override;
  Config config() const override;

  size_t size() const { return parts_.size(); }
  StructuredLinear& operator[](size_t i) { return *parts_.at(i); }

 protected:
  int64_t flops_per_row() const override;

 private:
  template <class... Part>
  static Parts list(Part... parts) {
    Parts all;
    (all.push_back(std::make_unique<Part>(std::move(parts))), ...);
    return all;
  }

  Parts parts_;
};

}  // namespace papilio
