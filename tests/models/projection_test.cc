#include "papilio/models/projection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "papilio/tests/core/error_of.h"

namespace papilio::models {
namespace {

// A dense layer, and the statistics of inputs x = mean + mix z for z of covariance I.
struct Case {
  Linear layer;
  LayerInputs inputs;

  Case(const Tensor& matrix, const Tensor& mix, double mean, bool bias = true)
      : layer(matrix.dim(1), matrix.dim(0), {.bias = bias}, Rng(5)) {
    layer.parameters().front().mutable_value().assign(matrix.to(DType::f32));
    const int64_t in = matrix.dim(1);
    inputs.path = "layer", inputs.layer = &layer, inputs.rows = 1;
    inputs.mean = Tensor::full({in}, mean, DType::f64);
    inputs.second_moment =
        add(matmul(mix, transpose(mix)), Tensor::full({in, in}, mean * mean, DType::f64));
  }
  Case(const Case&) = delete;
};

Tensor random(const Shape& shape, uint64_t seed) { return randn(shape, Rng(seed), DType::f64); }

Tensor diagonal(const std::vector<double>& values) {
  const auto n = static_cast<int64_t>(values.size());
  Tensor d = Tensor::zeros({n, n}, DType::f64);
  for (int64_t i = 0; i < n; ++i)
    d.mutable_data<double>()[i * (n + 1)] = values[static_cast<size_t>(i)];
  return d;
}

// The error of a layer from examples instead of from statistics: inputs mean +- sqrt(in) mix e_i
// have just these statistics.
double error_by_examples(Case& c, StructuredLinear& other, const Tensor& mix, double mean) {
  const int64_t in = mix.dim(0);
  const Tensor rows = scale(transpose(mix), std::sqrt(static_cast<double>(in)));
  const Tensor x =
      add(concat({rows, scale(rows, -1)}, 0), Tensor::full({in}, mean, DType::f64)).to(DType::f32);
  const Tensor y = c.layer(x), z = other(x);
  return std::sqrt(sum(abs2(sub(y, z))).item() / sum(abs2(y)).item());
}

TEST(Projection, LowRankOfKnownSpectrum) {
  // W C^(1/2) = diag(4, 3, 2, 1), though W alone would say the reverse.
  Case c(diagonal({1, 1.5, 2, 10}), diagonal({4, 2, 1, 0.1}), 0, false);
  Projector projector(c.inputs);
  const std::vector<double> errors = projector.low_rank_errors();
  ASSERT_EQ(errors.size(), 5u);
  const double expected[] = {30, 14, 5, 1, 0};
  for (size_t rank = 0; rank < 5; ++rank)
    EXPECT_NEAR(errors[rank], std::sqrt(expected[rank] / 30), 1e-7) << rank;
  const Projection two = projector.project("low-rank:2");
  EXPECT_NEAR(two.error, std::sqrt(5.0 / 30), 1e-6);
  const Tensor dense = two.layer->to_dense();
  const float wanted[] = {1, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (int64_t i = 0; i < 16; ++i) EXPECT_NEAR(dense.data<float>()[i], wanted[i], 1e-6) << i;
}

TEST(Projection, ErrorsAreThoseOfExamples) {
  const Tensor mix = scale(random({12, 12}, 2), 0.3);
  Case c(random({9, 12}, 1), mix, 0.7);
  Projector projector(c.inputs);
  for (const char* name :
       {"low-rank:1", "low-rank:4", "low-rank:20", "monarch:2", "butterfly:1", "kmatrix:1"}) {
    const Projection p = projector.project(name, {.steps = 50});
    EXPECT_NEAR(p.error, error_by_examples(c, *p.layer, mix, 0.7), 2e-6) << name;
    EXPECT_NEAR(p.error, projector.error(*p.layer), 1e-12) << name;
  }
  EXPECT_NEAR(projector.project("low-rank:4").error, projector.low_rank_errors()[4], 1e-6);
  EXPECT_LT(projector.project("low-rank:20").error, 1e-6);
}

// Of many layers near the optimum none is better, and the weighted one beats that of equal weights.
TEST(Projection, LowRankIsOptimal) {
  const Tensor mix = matmul(random({10, 10}, 2), diagonal({3, 2, 2, 1, 1, 1, 0.3, 0.3, 0.1, 0.1}));
  const Tensor matrix = random({8, 10}, 1);
  Case c(matrix, mix, 0.2), equal(matrix, diagonal(std::vector<double>(10, 1)), 0.2);
  Projector projector(c.inputs);
  const Projection best = projector.project("low-rank:3");
  const Projection unweighted = Projector(equal.inputs).project("low-rank:3");
  EXPECT_GT(projector.error(*unweighted.layer), 1.02 * best.error);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto other = make_class("low-rank:3", 10, 8, Rng(0));
    std::vector<Parameter> from = best.layer->parameters(), to = other->parameters();
    for (size_t i = 0; i < to.size(); ++i)
      to[i].mutable_value().assign(
          add(from[i].value(), scale(randn(from[i].value().shape(), Rng(seed).split(i)), 0.01)));
    EXPECT_GE(projector.error(*other), best.error - 1e-7);
  }
}

// A dense matrix that is exactly of the class comes back.
TEST(Projection, RecoversWhatIsExactlyStructured) {
  const Tensor mix = add(scale(random({16, 16}, 2), 0.2), diagonal(std::vector<double>(16, 1)));
  const std::pair<const char*, double> classes[] = {{"low-rank:3", 1e-6},
                                                    {"monarch:4", 1e-6},
                                                    {"monarch:2", 1e-6},
                                                    {"butterfly:1", 1e-3},
                                                    {"kmatrix:1", 0.1}};
  for (const auto& [name, tolerance] : classes) {
    const auto hidden = make_class(name, 16, 16, Rng(3));
    Case c(hidden->to_dense().to(DType::f64), mix, 0.5);
    EXPECT_LT(Projector(c.inputs).project(name, {.steps = 1000}).error, tolerance) << name;
  }
}

TEST(Projection, OfAnySizes) {
  const std::pair<int64_t, int64_t> sizes[] = {{2, 1}, {5, 3}, {3, 7}, {20, 33}, {33, 20}};
  for (const auto& [in, out] : sizes) {
    Case c(random({out, in}, 1), diagonal(std::vector<double>(static_cast<size_t>(in), 1)), 0.1);
    Projector projector(c.inputs);
    for (const char* name : {"low-rank:1", "monarch:2", "monarch:3", "butterfly:1", "kmatrix:1"}) {
      const Projection p = projector.project(name, {.steps = 30});
      EXPECT_EQ(p.layer->in_features(), in);
      EXPECT_EQ(p.layer->out_features(), out);
      EXPECT_TRUE(std::isfinite(p.error)) << name << in << out;
      EXPECT_LT(p.error, 1.5) << name << in << out;
    }
  }
}

TEST(Projection, OfInputsThatNeverVary) {
  Case c(random({4, 6}, 1), Tensor::zeros({6, 6}, DType::f64), 0.5);
  Projector projector(c.inputs);
  for (const char* name : {"low-rank:1", "monarch:2", "kmatrix:1"})
    EXPECT_LT(projector.project(name, {.steps = 10}).error, 1e-5) << name;
}

TEST(Projection, MistakesAreExplained) {
  Case c(random({4, 4}, 1), random({4, 4}, 2), 0);
  EXPECT_NE(error_of([&] { Projector(c.inputs).project("bpbp"); }).find("'bpbp' is no class"),
            std::string::npos);
  c.inputs.rows = 0;
  EXPECT_NE(error_of([&] { Projector(c.inputs); }).find("layer: the layer has seen no input"),
            std::string::npos);
}

}  // namespace
}  // namespace papilio::models
