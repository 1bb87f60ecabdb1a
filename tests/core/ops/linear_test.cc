#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

Tensor affine(std::span<const Tensor> x) {
  return linear(x[0], x[1], x.size() > 2 ? x[2] : Tensor());
}

const GradientRows rows = {
    {"linear", "matrix", {real({3, 7}), real({2, 7}), real({2})}, affine},
    {"linear", "no_bias", {real({3, 7}), real({2, 7})}, affine},
    {"linear", "one_number", {real({1, 1}), real({1, 1}), real({1})}, affine},
    {"linear", "one_row", {real({7}), real({3, 7}), real({3})}, affine},
    {"linear", "leading_axes", {real({2, 1, 3}), real({7, 3}), real({7})}, affine},
    {"linear", "complex", {cplx({3, 2}), cplx({7, 2}), cplx({7})}, affine},
    {"linear", "complex_no_bias", {cplx({2, 3}), cplx({1, 3})}, affine},
    {"linear", "itself", {cplx({3, 3})}, [](auto x) { return linear(x[0], x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

Tensor apply(const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); }

// x = fill((2, 3), 7, 3, 11); w = fill((4, 3), 5, 1, 13); c = fill((4,), 3, 2, 7)
// torch.nn.functional.linear(x, w, c).backward(fill((2, 4), 2, 1, 5))
TEST(Linear, EqualsPyTorch) {
  const Derivatives d =
      differentiate(apply, {fill({2, 3}, 7, 3, 11), fill({4, 3}, 5, 1, 13), fill({4}, 3, 2, 7)},
                    [](const Tensor&) {
                      return fill({2, 4}, 2, 1, 5);
                    });
  expect_numbers(d.output, {-0.118131868132, 0.29995004995, -0.236513486513, 0.227022977023,
                            -0.107642357642, 0.359390609391, -0.219030969031, 0.202547452547});
  expect_numbers(d.gradients[0], {0.153846153846, -0.153846153846, 0.0384615384615,
                                  -0.0769230769231, -0.230769230769, 0.315384615385});
  expect_numbers(d.gradients[1],
                 {-0.0272727272727, -0.0272727272727, -0.0272727272727, 0.0727272727273,
                  -0.0545454545455, 0.0181818181818, 0.0818181818182, -0.172727272727,
                  -0.0272727272727, 0.181818181818, -0.2, 0.0181818181818});
  expect_numbers(d.gradients[2], {0, -0.2, -0.4, -0.6});
}

// The same with cfill, w of shape (2, 3) and c, seed of sizes 2 and (2, 2); linear(x, w) + c
TEST(Linear, EqualsPyTorchOnComplexNumbers) {
  const Derivatives d = differentiate(
      apply,
      {complex_fill({2, 3}, 7, 3, 11), complex_fill({2, 3}, 5, 1, 13), complex_fill({2}, 3, 2, 7)},
      [](const Tensor&) {
        return complex_fill({2, 2}, 2, 1, 5);
      });
  expect_numbers(d.output, {-0.238761238761, -0.0294705294705, 0.448551448551, -0.231268731269,
                            -0.035964035964, -0.0434565434565, 0.315684315684, -0.566933066933});
  expect_numbers(d.gradients[0],
                 {0.0538461538462, -0.00769230769231, 0.0615384615385, 0.0461538461538,
                  -0.230769230769, 0, 0.492307692308, -0.0153846153846, -0.146153846154,
                  0.130769230769, 0.115384615385, -0.423076923077});
  expect_numbers(d.gradients[1],
                 {0.0818181818182, 0.3, -0.318181818182, -0.227272727273, 0.0818181818182,
                  -0.154545454545, 0.145454545455, 0.0181818181818, 0.145454545455, 0.0181818181818,
                  0.145454545455, 0.0181818181818});
  expect_numbers(d.gradients[2], {-0.8, -0.6, 0, 0});
}

TEST(Linear, FastPathAgreesWithReference) {
  struct Size {
    int64_t batch, in, out;
  };
  for (const auto& [batch, in, out] : {Size{1, 300, 70}, Size{2, 300, 70}, Size{50, 1, 7},
                                       Size{50, 7, 1}, Size{31, 129, 65}, Size{600, 33, 10}}) {
    SCOPED_TRACE(concat(batch, " x ", in, " -> ", out));
    expect_f32_like_f64(
        apply, {fill({batch, in}, 7, 3, 101), fill({out, in}, 5, 1, 103), fill({out}, 3, 2, 7)});
  }
}

TEST(Linear, LeadingAxesAreRows) {
  const Tensor x = fill({2, 3, 5}, 7, 3, 11), weight = fill({4, 5}, 5, 1, 13);
  const Tensor y = linear(x, weight);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(y.to_vector<double>(), linear(x.view({6, 5}), weight).to_vector<double>());
  EXPECT_EQ(linear(fill({5}, 7, 3, 11), weight).shape(), Shape{4});
}

TEST(Linear, ErrorsNameShapesAndRemedy) {
  const Tensor weight({512, 512});
  expect_error(
      [&] {
        linear(Tensor({64, 300}), weight);
      },
      {"linear: x[64, 300] has 300 features, the layer takes 512; pad it or set in_features = "
       "300"});
  expect_error(
      [&] {
        linear(Tensor({64, 512}), weight, Tensor({100}));
      },
      {"bias", "[100]", "[512]"});
  expect_error([&] { linear(Tensor({64, 512}, DType::c64), weight); }, {"c64", "f32", "to()"});
  expect_error([&] { linear(Tensor({64, 512}), Tensor({512})); }, {"weight", "[out, in]"});
}

}  // namespace
}  // namespace papilio
