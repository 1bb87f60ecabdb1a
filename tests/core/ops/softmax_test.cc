// log_softmax and cross_entropy.
#include <limits>

#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

Tensor log_softmax_of(std::span<const Tensor> x) { return log_softmax(x[0]); }
auto entropy(std::initializer_list<int64_t> labels, double smoothing = 0) {
  return [labels = Tensor::from(labels), smoothing](auto x) {
    return cross_entropy(x[0], labels, smoothing);
  };
}

const GradientRows rows = {
    {"log_softmax", "matrix", {real({3, 7})}, log_softmax_of},
    {"log_softmax", "leading_axes", {real({2, 3, 2})}, log_softmax_of},
    {"log_softmax", "one_row", {real({7})}, log_softmax_of},
    {"log_softmax", "one_class", {real({3, 1})}, log_softmax_of},
    {"cross_entropy", "matrix", {real({3, 7})}, entropy({6, 0, 2})},
    {"cross_entropy", "same_label", {real({3, 2})}, entropy({1, 1, 1})},
    {"cross_entropy", "one_row", {real({1, 3})}, entropy({1})},
    {"cross_entropy", "one_class", {real({2, 1})}, entropy({0, 0})},
    {"cross_entropy", "smoothed", {real({3, 7})}, entropy({6, 0, 2}, 0.1)},
    {"cross_entropy", "very_smooth", {real({2, 3})}, entropy({0, 2}, 0.9)},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

Tensor labels_of(std::initializer_list<int64_t> values) { return Tensor::from(values); }

// x = 4 * fill((2, 4), 7, 3, 11); torch.log_softmax(x, -1).backward(fill((2, 4), 2, 1, 5))
TEST(LogSoftmax, EqualsPyTorch) {
  const Derivatives d =
      differentiate([](const auto& in) { return log_softmax(in[0]); }, {fill({2, 4}, 7, 3, 11, 4)},
                    [](const Tensor&) {
                      return fill({2, 4}, 2, 1, 5);
                    });
  expect_numbers(d.output, {-2.85768469228, -0.31223014683, -1.76677560138, -3.22132105592,
                            -0.684699440302, -2.13924489485, -3.59379034939, -1.04833580394});
  expect_numbers(d.gradients[0], {-0.254078793052, 0.685450467507, -0.36329352265, -0.0680781518051,
                                  0.501696704621, -0.25290251266, 0.110997568443, -0.359791760404});
}

TEST(LogSoftmax, FastPathAgreesWithReference) {
  for (const int64_t classes : {1, 2, 10, 37, 1000}) {
    SCOPED_TRACE(classes);
    expect_f32_like_f64([](const auto& in) { return log_softmax(in[0]); },
                        {fill({3, 5, classes}, 7, 3, 1009, 20)});
  }
}

TEST(LogSoftmax, LargeAndInfiniteLogits) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  expect_numbers(log_softmax(Tensor::from<double>({1e300, 0}).view({1, 2})), {0, -1e300});
  const auto masked = log_softmax(Tensor::from<double>({-kInf, 1, 1})).to_vector<double>();
  EXPECT_EQ(masked[0], -kInf);
  EXPECT_NEAR(masked[1], -std::log(2), 1e-15);
  for (const double x :
       log_softmax(Tensor::from<float>({NAN, 1})).to(DType::f64).to_vector<double>())
    EXPECT_TRUE(std::isnan(x));
}

// x = 4 * fill((3, 4), 7, 3, 11)
// (2 * torch.nn.functional.cross_entropy(x, torch.tensor([2, 0, 3]), label_smoothing=s)).backward()
TEST(CrossEntropy, EqualsPyTorch) {
  struct Case {
    double smoothing, loss;
    std::vector<double> gradient;
  };
  const Case cases[] = {{0,
                         1.46849828263,
                         {0.0382676724569, 0.487875389589, -0.552744602209, 0.0266015401624,
                          -0.330505492298, 0.0784958122339, 0.0183292807381, 0.233680399326,
                          0.135898288641, 0.0317331308951, 0.404566376901, -0.572197796438}},
                        {0.1,
                         1.51092252505,
                         {0.0216010057902, 0.471208722923, -0.502744602209, 0.00993487349571,
                          -0.280505492298, 0.0618291455672, 0.00166261407146, 0.217013732659,
                          0.119231621975, 0.0150664642284, 0.387899710235, -0.522197796438}}};
  for (const auto& [smoothing, loss, gradient] : cases) {
    const Derivatives d = differentiate(
        [smoothing = smoothing](const auto& in) {
          return cross_entropy(in[0], labels_of({2, 0, 3}), smoothing);
        },
        {fill({3, 4}, 7, 3, 11, 4)}, [](const Tensor&) { return Tensor::full({}, 2, DType::f64); });
    expect_numbers(d.output, {loss});
    expect_numbers(d.gradients[0], gradient);
  }
}

TEST(CrossEntropy, FastPathAgreesWithReference) {
  Tensor labels({50}, DType::i64);
  for (int64_t i = 0; i < 50; ++i) labels.mutable_data<int64_t>()[i] = i % 37;
  for (const double smoothing : {0.0, 0.25})
    expect_f32_like_f64([&](const auto& in) { return cross_entropy(in[0], labels, smoothing); },
                        {fill({50, 37}, 7, 3, 1009, 20)});
}

TEST(CrossEntropy, LabelsWrittenBeforeBackwardAreAnError) {
  Tensor labels = labels_of({1, 0});
  Tape tape;
  const Tensor loss = cross_entropy(tape.watch(Tensor::zeros({2, 3})), labels);
  labels.mutable_data<int64_t>()[0] = 1000000;
  expect_error([&] { tape.backward(loss); }, {"[2] i64", "was written"});
}

TEST(CrossEntropy, ErrorsNameIndexLabelAndClasses) {
  const Tensor logits({3, 10});
  expect_error(
      [&] {
        cross_entropy(logits, labels_of({1, 10, 2}));
      },
      {"label 1 is 10", "10 classes", "0 .. 9"});
  expect_error([&] { cross_entropy(logits, labels_of({1, 2, -1})); }, {"label 2 is -1"});
  expect_error([&] { cross_entropy(logits, labels_of({1, 2})); }, {"[2] i64", "[3] i64"});
  expect_error([&] { cross_entropy(logits, Tensor({3})); }, {"f32", "i64"});
  expect_error(
      [&] {
        cross_entropy(logits, labels_of({1, 2, 3}), 1);
      },
      {"label_smoothing = 1", "[0, 1)"});
  expect_error([&] { cross_entropy(Tensor({10}), labels_of({1})); }, {"[batch, classes]"});
}

}  // namespace
}  // namespace papilio
