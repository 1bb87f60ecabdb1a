// What holds for every structured layer: see structured_table.h.
#include <gtest/gtest.h>

#include "papilio/core/gradient_check.h"
#include "papilio/layers/factory.h"
#include "papilio/models/checkpoint.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/layers/structured_table.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

struct Sizes {
  int64_t in, out;
};
constexpr Sizes kSmall[] = {{1, 1}, {2, 2}, {3, 3}, {7, 7},  {1, 7},
                            {7, 1}, {2, 3}, {3, 2}, {7, 15}, {15, 7}};
constexpr Sizes kLarge[] = {{1000, 1000}, {1000, 3}, {3, 1000}, {700, 1100}};

DType single(DType dtype) { return is_complex(dtype) ? DType::c64 : DType::f32; }

Tensor row(const Tensor& x, int64_t i) { return reshape(slice(x, 0, i, i + 1), {x.dim(1)}); }

// |a - b| / |b| in the Euclidean norm.
double distance(const Numbers& a, const Numbers& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, size = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += std::norm(a[i] - b[i]);
    size += std::norm(b[i]);
  }
  return std::sqrt(difference / std::max(size, 1e-300));
}

class StructuredTable : public ::testing::TestWithParam<StructuredCase> {
 protected:
  using Layer = std::unique_ptr<StructuredLinear>;

  static Layer make(Sizes sizes, DType dtype, uint64_t seed = 1) {
    return GetParam().make(sizes.in, sizes.out, dtype, Rng(seed));
  }
  // Calls body(layer, its sizes) for every size that the row takes.
  template <class Body>
  static void for_each(std::span<const Sizes> all, DType dtype, const Body& body) {
    for (const Sizes& sizes : all) {
      if (GetParam().square && sizes.in != sizes.out) continue;
      SCOPED_TRACE(concat(sizes.in, " to ", sizes.out, ", ", dtype));
      const Layer layer = make(sizes, dtype);
      body(*layer, sizes);
    }
  }
  template <class Body>
  static void for_each(const Body& body) {
    for_each(kSmall, GetParam().dtype, body);
    for_each(kLarge, GetParam().dtype, body);
  }

  static Tensor input(const StructuredLinear& layer, int64_t rows = 3) {
    return randn({rows, layer.in_features()}, Rng(2), layer.dtype());
  }

  // The reference, bias included.
  static Numbers expected(StructuredLinear& layer, const Tensor& x) {
    const Numbers bias = layer.bias().defined() ? numbers_of(layer.bias()) : Numbers();
    Numbers all;
    for (int64_t i = 0; i < x.dim(0); ++i) {
      Numbers y = GetParam().multiply(layer, numbers_of(row(x, i)), layer.out_features());
      for (size_t j = 0; j < bias.size(); ++j) y[j] += bias[j];
      all.insert(all.end(), y.begin(), y.end());
    }
    return all;
  }
};

TEST_P(StructuredTable, forward_is_what_the_formulas_say) {
  for_each([](StructuredLinear& layer, Sizes sizes) {
    const Tensor x = input(layer), y = layer(x);
    EXPECT_EQ(y.shape(), Shape({3, sizes.out}));
    EXPECT_EQ(y.dtype(), layer.dtype());
    EXPECT_LT(distance(numbers_of(y), expected(layer, x)), 1e-12);
  });
}

TEST_P(StructuredTable, forward_in_single_precision_is_close) {
  for (const auto sizes : {std::span<const Sizes>(kSmall), std::span<const Sizes>(kLarge)})
    for_each(sizes, single(GetParam().dtype), [](StructuredLinear& layer, Sizes) {
      const Tensor x = input(layer);
      EXPECT_LT(distance(numbers_of(layer(x)), expected(layer, x)), 1e-6);
    });
}

TEST_P(StructuredTable, to_dense_agrees_with_forward) {
  const double tolerance = size_of(real_of(GetParam().dtype)) == 4 ? 1e-6 : 1e-12;
  for_each([tolerance](StructuredLinear& layer, Sizes sizes) {
    const Tensor dense = layer.to_dense(), x = input(layer);
    EXPECT_EQ(dense.shape(), Shape({sizes.out, sizes.in}));
    const Tensor y = linear(x, dense, layer.bias().defined() ? layer.bias().value() : Tensor());
    EXPECT_LT(distance(numbers_of(layer(x)), numbers_of(y)), tolerance);
  });
}

TEST_P(StructuredTable, takes_a_diagonal_into_its_matrix) {
  const double tolerance = size_of(real_of(GetParam().dtype)) == 4 ? 1e-6 : 1e-12;
  for_each([tolerance](StructuredLinear& layer, Sizes sizes) {
    layer.fuse(Activation::relu);  // not a matter of the matrix
    const Tensor d = randn({sizes.in}, Rng(3), real_of(layer.dtype()));
    const std::unique_ptr<StructuredLinear> scaled = layer.with_scaled_input(d);
    layer.fuse(Activation::none);
    if (!scaled) return;
    Numbers expected = numbers_of(layer.to_dense());
    const Numbers factors = numbers_of(d);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] *= factors[i % factors.size()];
    EXPECT_LT(distance(numbers_of(scaled->to_dense()), expected), tolerance);
    EXPECT_FALSE(scaled->bias().defined());
    EXPECT_EQ(scaled->activation(), Activation::none);
  });
}

TEST_P(StructuredTable, leading_axes_are_rows) {
  for_each(kSmall, GetParam().dtype, [](StructuredLinear& layer, Sizes sizes) {
    const Tensor x = input(layer, 6), y = layer(x);
    const Tensor image = layer(reshape(x, {2, 3, sizes.in})), one = layer(row(x, 4));
    EXPECT_EQ(image.shape(), Shape({2, 3, sizes.out}));
    EXPECT_LT(distance(numbers_of(image), numbers_of(y)), 1e-15);
    EXPECT_EQ(one.shape(), Shape({sizes.out}));
    EXPECT_LT(distance(numbers_of(one), numbers_of(row(y, 4))), 1e-15);
  });
}

TEST_P(StructuredTable, gradients_agree_with_central_differences) {
  if (size_of(real_of(GetParam().dtype)) == 4) GTEST_SKIP() << "has a dtype of its own";
  for_each(kSmall, GetParam().dtype, [](StructuredLinear& layer, Sizes) {
    const std::vector<Tensor> inputs = {input(layer)};
    const auto by_input = check_gradient([&](auto x) { return layer(x[0]); }, inputs);
    EXPECT_TRUE(by_input.ok) << by_input.message;
    if (layer.parameters().empty()) return;
    const auto by_parameters =
        check_parameter_gradient([&] { return layer(inputs[0]); }, layer.parameters());
    EXPECT_TRUE(by_parameters.ok) << by_parameters.message;
  });
}

TEST_P(StructuredTable, parameters_are_as_many_as_the_formula_says) {
  for_each([](StructuredLinear& layer, Sizes sizes) {
    const int64_t bias = layer.bias().defined() ? parts(layer.dtype()) * sizes.out : 0;
    EXPECT_EQ(layer.matrix_parameters(), GetParam().parameters(sizes.in, sizes.out));
    EXPECT_EQ(layer.parameter_count(), GetParam().parameters(sizes.in, sizes.out) + bias);
  });
}

TEST_P(StructuredTable, cost_counts_flops_of_all_rows_and_of_the_dense_equivalent) {
  for_each([](StructuredLinear& layer, Sizes sizes) {
    const int64_t bias = layer.bias().defined() ? parts(layer.dtype()) * sizes.out : 0;
    const int64_t rows = 6, product = is_complex(layer.dtype()) ? 8 : 2;
    const Cost cost = layer.cost({2, 3, sizes.in});
    EXPECT_EQ(cost.flops, rows * (GetParam().flops(sizes.in, sizes.out) + bias));
    EXPECT_EQ(cost.dense_flops, rows * (product * sizes.in * sizes.out + bias));
    EXPECT_EQ(cost.dense_parameters, parts(layer.dtype()) * sizes.in * sizes.out + bias);
  });
}

TEST_P(StructuredTable, comes_back_from_a_file_bit_for_bit) {
  const TemporaryFolder folder;
  for (const DType dtype : {GetParam().dtype, single(GetParam().dtype)})
    for (const Sizes& sizes : {Sizes{1, 1}, {7, 7}, {3, 7}, {7, 3}, {1000, 1000}}) {
      if (GetParam().square && sizes.in != sizes.out) continue;
      SCOPED_TRACE(concat(sizes.in, " to ", sizes.out, ", ", dtype));
      const Layer saved = make(sizes, dtype, 1), loaded = make(sizes, dtype, 2);
      const Tensor x = input(*saved);
      (*loaded)(x);  // what is kept from the old parameters must go
      save(*saved, folder / "layer");
      load(*loaded, folder / "layer");
      EXPECT_EQ(numbers_of((*loaded)(x)), numbers_of((*saved)(x)));
    }
}

TEST_P(StructuredTable, is_made_again_from_its_config) {
  const TemporaryFolder folder;
  for_each(kSmall, GetParam().dtype, [&](StructuredLinear& layer, Sizes) {
    const auto made = make_structured(Config::parse(layer.config().dump()));
    EXPECT_EQ(made->describe(), layer.describe());
    EXPECT_EQ(made->config(), layer.config());
    save(layer, folder / "layer");
    const Tensor x = input(layer);
    EXPECT_EQ(numbers_of((*models::load(folder / "layer"))(x)), numbers_of(layer(x)));
  });
}

TEST_P(StructuredTable, structured_parameters_and_biases_do_not_decay) {
  const Layer layer = make({7, 7}, GetParam().dtype);
  for (const Parameter& p : layer->parameters())
    EXPECT_EQ(p.hints().weight_decay, p.name() == "weight") << p.name();
}

TEST_P(StructuredTable, another_number_of_features_is_an_error_with_a_remedy) {
  const Layer layer = make({7, 7}, GetParam().dtype);
  const std::string message = error_of([&] { (*layer)(Tensor::zeros({64, 3}, layer->dtype())); });
  EXPECT_NE(message.find("x[64, 3] has 3 features, the layer takes 7; pad x"), std::string::npos)
      << message;
}

INSTANTIATE_TEST_SUITE_P(, StructuredTable, ::testing::ValuesIn(structured_cases()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace papilio::testing
