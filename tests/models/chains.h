// Feed-forward models of every kind that exporters take.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "papilio/core/ops.h"
#include "papilio/data/statistics.h"
#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/dropout.h"
#include "papilio/layers/elementwise.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/norm.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/sequential.h"
#include "papilio/layers/transforms.h"

namespace papilio::testing {

inline Tensor examples(const Shape& example, int64_t count) {
  Shape batch = {count};
  for (const int64_t size : example) batch = batch.append(size);
  return rand_uniform(batch, 0, 1, Rng(7));
}

/// max |a - b| / max |a|
inline double relative_difference(const Tensor& a, const Tensor& b) {
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    largest = std::max(largest, double(std::abs(a.data<float>()[i])));
    const double here = std::abs(a.data<float>()[i] - b.data<float>()[i]);
    if (!(here <= difference)) difference = here;  // NaN stays
  }
  return difference / largest;
}

/// As of pictures.
inline data::Statistics statistics(int64_t features) {
  return {
      rand_uniform({features}, 0.3, 0.6, Rng(2)), rand_uniform({features}, 0.1, 0.3, Rng(3)), {}};
}

/// y = relu(first(x)) into second; ReLU as a function.
class WithFunction : public Module {
 public:
  explicit WithFunction(Rng rng)
      : first_(20, 16, {}, rng.split("1")), second_(16, 4, {}, rng.split("2")) {}
  Tensor forward(const Tensor& x) override { return relu(second_(relu(first_(x)))); }
  void fields(Fields& f) override { f("first", first_), f("second", second_); }

 private:
  Butterfly first_;
  Linear second_;
};

/// second(x + first(x)), which is no chain.
class Residual : public Module {
 public:
  explicit Residual(Rng rng)
      : first_(8, 8, {}, rng.split("1")), second_(8, 8, {}, rng.split("2")) {}
  Tensor forward(const Tensor& x) override { return second_(x + first_(x)); }
  void fields(Fields& f) override { f("first", first_), f("second", second_); }

 private:
  Linear first_, second_;
};

/// A structured layer that no exporter knows: y = 2 x + bias.
class Doubling : public StructuredLinear {
 public:
  explicit Doubling(int64_t n) : StructuredLinear("doubling", n, n, true, DType::f32, Rng(4)) {}
  Tensor multiply(const Tensor& x) override { return scale(x, 2); }
  void fields(Fields& f) override { f("bias", bias_); }
  std::string describe() const override { return described("Doubling"); }

 protected:
  int64_t flops_per_row() const override { return in_features_; }
};

struct NamedChain {
  std::string name;
  std::unique_ptr<Module> model;
  int64_t inputs;
};

inline std::vector<NamedChain> chains() {
  const Rng rng(5);
  std::vector<NamedChain> all;
  const auto add = [&](const std::string& name, int64_t inputs, auto... layers) {
    all.push_back({name, std::make_unique<Sequential>(std::move(layers)...), inputs});
  };
  const data::Statistics s = statistics(32);
  add("standardize alone", 32, Standardize(s.mean, s.deviation));
  add("standardize twice", 32, Standardize(s.mean, s.deviation), Standardize(s.mean, s.deviation),
      Relu());
  add("permutation", 32, Standardize(s.mean, s.deviation), Permutation(bit_reversal(32)), Relu(),
      Dropout(0.5, rng), Linear(32, 3, {.bias = false}, rng));
  for (const bool increasing : {true, false})
    for (const bool tied : {true, false})
      for (const int64_t nblocks : {1, 2, 3})
        add(concat("butterfly ", increasing, tied, nblocks), 30,
            Butterfly(
                30, 75,
                {.bias = false, .increasing_stride = increasing, .nblocks = nblocks, .tied = tied},
                rng),
            Relu(), Linear(75, 4, {}, rng));
  for (const int64_t n : {1, 2, 4, 8, 128, 2048})
    add(concat("sizes ", n), n, Butterfly(n, n == 1 ? 3 : n, {}, rng.split("a")),
        KMatrix(n == 1 ? 3 : n, n, {.bias = false}, rng.split("b")),
        Bpbp(n, {.complex = true}, rng), Butterfly(n, n, {.tied = true}, rng.split("c")));
  add("wide K-matrix", 20, KMatrix(20, 200, {.width = 2, .expansion = 2}, rng), Relu(),
      KMatrix(200, 20, {.width = 2, .orthogonal = true}, rng));
  add("complex", 20, Real2Complex(), Butterfly(20, 50, {.dtype = DType::c64}, rng),
      Linear(50, 9, {.dtype = DType::c64}, rng),
      Butterfly(9, 16, {.bias = false, .dtype = DType::c64, .tied = true}, rng), Complex2Real());
  add("transforms", 24, dct(2, 24), Relu(), Real2Complex(), fft(24), Complex2Real());
  all.push_back({"dct", std::make_unique<Product>(dct(4, 16)), 16});
  all.push_back({"relu()", std::make_unique<WithFunction>(rng), 20});
  return all;
}

}  // namespace papilio::testing
