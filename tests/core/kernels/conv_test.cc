#include "papilio/core/kernels/conv.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Forward with nothing and with all that can be fused, and both gradients.
struct Results {
  std::vector<float> plain, biased, residual, relu, all, ordered, dx, dweight;
};

std::vector<float> numbers(int64_t size, int key) {
  return randn({size}, Rng(1).split(key)).to_vector<float>();
}

struct Arrays {
  explicit Arrays(const ConvShape& s)
      : x(numbers(s.batch * s.height * s.width * s.in, 1)),
        dy(numbers(s.batch * s.out_height() * s.out_width() * s.out, 2)),
        weight(numbers(s.out * s.in_per_group() * s.kernel_height * s.kernel_width, 3)),
        bias(numbers(s.out, 4)),
        residual(numbers(static_cast<int64_t>(dy.size()), 5)) {
    for (int64_t i = 0; i < s.in; ++i) order.push_back((i * 7 + 3) % s.in);  // with repetitions
  }
  std::vector<float> x, dy, weight, bias, residual;
  std::vector<int64_t> order;

  std::vector<float> ordered_x() const {
    std::vector<float> y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t channel = i % order.size();
      y[i] = x[i - channel + static_cast<size_t>(order[channel])];
    }
    return y;
  }

  // All outputs begin as NaN: what a kernel leaves out shows.
  Results filled() const {
    const auto nan = [](const std::vector<float>& like) {
      return std::vector<float>(like.size(), NAN);
    };
    return {nan(dy), nan(dy), nan(dy), nan(dy), nan(dy), nan(dy), nan(x), nan(weight)};
  }
};

// forward(x, what is fused, y) for all that can be fused.
template <class Forward>
void run_forward(const Arrays& in, Results& r, const Forward& forward) {
  const float *bias = in.bias.data(), *residual = in.residual.data();
  const auto run = [&](const ConvFusion<float>& fused, std::vector<float>& y) {
    forward(in.x, fused, y.data());
  };
  run({}, r.plain);
  run({.bias = bias}, r.biased);
  run({.residual = residual}, r.residual);
  run({.relu = true}, r.relu);
  run({.bias = bias, .residual = residual, .relu = true}, r.all);
}

Results run(const ConvShape& s) {
  const Arrays in(s);
  Results r = in.filled();
  run_forward(in, r, [&](const auto& x, const ConvFusion<float>& fused, float* y) {
    const auto packed = conv_pack(s, in.weight.data(), fused);
    conv_forward<float>(s, x.data(), in.weight.data(), fused, y, packed.get());
  });
  if (conv_takes_order(s))
    conv_forward<float>(s, in.x.data(), in.weight.data(),
                        {.bias = in.bias.data(), .order = in.order.data()}, r.ordered.data());
  conv_backward_data<float>(s, in.dy.data(), in.weight.data(), r.dx.data());
  conv_backward_weight<float>(s, in.x.data(), in.dy.data(), r.dweight.data());
  return r;
}

Results run_reference(const ConvShape& s) {
  const Arrays in(s);
  Results r = in.filled();
  const auto forward = [&](const auto& x, const ConvFusion<float>& fused, float* y) {
    conv_forward_reference<float>(s, x.data(), in.weight.data(), fused, y);
  };
  run_forward(in, r, forward);
  forward(in.ordered_x(), {.bias = in.bias.data()}, r.ordered.data());
  conv_backward_data_reference<float>(s, in.dy.data(), in.weight.data(), r.dx.data());
  conv_backward_weight_reference<float>(s, in.x.data(), in.dy.data(), r.dweight.data());
  return r;
}

void expect_near(const char* what, const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0, difference = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    largest = std::max(largest, std::abs(b[i]));
    difference = std::max(difference, std::isfinite(a[i]) ? std::abs(a[i] - b[i]) : INFINITY);
  }
  EXPECT_LE(difference, 3e-6f * largest) << what;
}

ConvShape pointwise(int64_t batch, int64_t size, int64_t groups, int64_t in, int64_t out) {
  return {.batch = batch,
          .height = size,
          .width = size + 1,
          .in = groups * in,
          .out = groups * out,
          .kernel_height = 1,
          .kernel_width = 1,
          .stride = 1,
          .padding = 0,
          .dilation = 1,
          .groups = groups};
}

ConvShape depthwise(int64_t batch, int64_t height, int64_t width, int64_t channels,
                    int64_t stride) {
  return {.batch = batch,
          .height = height,
          .width = width,
          .in = channels,
          .out = channels,
          .kernel_height = 3,
          .kernel_width = 3,
          .stride = stride,
          .padding = 1,
          .dilation = 1,
          .groups = channels};
}

class Conv : public ::testing::Test {
 protected:
  ~Conv() override {
    set_simd_target("");
    set_threads(before_);
  }

 private:
  const int before_ = threads();
};

std::string described(const ConvShape& s) {
  return std::string(simd_target()) + ' ' + std::to_string(s.batch) + 'x' +
         std::to_string(s.height) + 'x' + std::to_string(s.width) + ' ' + std::to_string(s.in) +
         "->" + std::to_string(s.out) + " groups " + std::to_string(s.groups) + " kernel " +
         std::to_string(s.kernel_height) + " stride " + std::to_string(s.stride);
}

void expect_like_reference(const ConvShape& s) {
  SCOPED_TRACE(described(s));
  const Results ours = run(s), expected = run_reference(s);
  expect_near("forward", ours.plain, expected.plain);
  expect_near("forward with bias", ours.biased, expected.biased);
  expect_near("forward with residual", ours.residual, expected.residual);
  expect_near("forward with relu", ours.relu, expected.relu);
  expect_near("forward with all", ours.all, expected.all);
  if (conv_takes_order(s)) expect_near("forward in an order", ours.ordered, expected.ordered);
  expect_near("dx", ours.dx, expected.dx);
  expect_near("dweight", ours.dweight, expected.dweight);
}

// In place, and to an array that stays as it is; in groups, and without.
TEST_F(Conv, AddsToAGradient) {
  for (const ConvShape& s : {pointwise(3, 7, 8, 12, 3), pointwise(3, 7, 8, 3, 12),
                             pointwise(2, 9, 1, 12, 24), pointwise(3, 7, 1, 96, 32)})
    for (const std::string& target : simd_targets()) {
      SCOPED_TRACE(concat(target, " ", s.in, " ", s.out));
      set_simd_target(target);
      ASSERT_TRUE(conv_adds(s));
      const Arrays in(s);
      std::vector<float> expected(in.x.size()), apart(in.x.size()), in_place = in.x;
      conv_backward_data_reference<float>(s, in.dy.data(), in.weight.data(), expected.data());
      for (size_t i = 0; i < in.x.size(); ++i) expected[i] += in.x[i];
      for (auto* dx : {&apart, &in_place})
        conv_backward_data<float>(s, in.dy.data(), in.weight.data(), dx->data(),
                                  dx == &apart ? in.x.data() : dx->data());
      expect_near("apart", apart, expected);
      expect_near("in place", in_place, expected);
    }
}

TEST_F(Conv, GroupedPointwiseAgreesWithReferenceOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t groups : {1, 3, 8})
      for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{{1, 1},
                                                                            {3, 12},
                                                                            {3, 11},
                                                                            {6, 24},
                                                                            {24, 6},
                                                                            {12, 48},
                                                                            {48, 12},
                                                                            {5, 7},
                                                                            {13, 52},
                                                                            {7, 1},
                                                                            {2, 97},
                                                                            {36, 9}})
        expect_like_reference(pointwise(2, 4, groups, in, out));
    expect_like_reference(pointwise(5, 17, 8, 3, 12));
    expect_like_reference(pointwise(1, 1, 8, 6, 3));
    expect_like_reference(pointwise(3, 9, 8, 24, 6));
  }
}

TEST_F(Conv, DepthwiseAgreesWithReferenceOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t stride : {1, 2}) {
      for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
               {1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 3}, {4, 5}, {7, 7}, {8, 8}, {9, 6}, {5, 14}})
        expect_like_reference(depthwise(2, height, width, 5, stride));
      for (const int64_t channels : {2, 3, 8, 15, 24, 60, 96})
        expect_like_reference(depthwise(3, 7, 8, channels, stride));
    }
  }
}

TEST_F(Conv, FewChannelsAgreeWithReferenceOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t out : {1, 3, 8, 16, 24, 31})
      for (const auto& [in, kernel_height, kernel_width, stride, padding] :
           std::vector<std::array<int64_t, 5>>{
               {3, 3, 3, 2, 1}, {3, 3, 3, 1, 1}, {1, 5, 5, 1, 2}, {4, 2, 3, 3, 0}, {2, 3, 3, 2, 4}})
        for (const auto& [height, width] :
             std::vector<std::pair<int64_t, int64_t>>{{5, 5}, {7, 20}, {8, 33}}) {
          ConvShape s = depthwise(2, height, width, in, stride);
          s.out = out, s.groups = 1, s.padding = padding;
          s.kernel_height = kernel_height, s.kernel_width = kernel_width;
          expect_like_reference(s);
        }
  }
}

// The library's convolutions: padded, strided, grouped, and 1x1.
TEST_F(Conv, LibraryAgreesWithReference) {
  ConvShape wide = pointwise(2, 5, 1, 128, 96), strided = pointwise(2, 6, 1, 24, 40);
  strided.stride = 2;
  ConvShape grouped = depthwise(2, 6, 7, 24, 1), square = depthwise(2, 7, 7, 32, 1);
  grouped.out = 48, grouped.groups = 3;
  square.out = 16, square.groups = 1;
  for (const ConvShape& s : {wide, strided, grouped, square}) {
    EXPECT_FALSE(conv_takes_order(s));
    expect_like_reference(s);
  }
}

TEST_F(Conv, ReluKeepsNotANumber) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const ConvShape& s : {pointwise(1, 3, 8, 3, 12), depthwise(1, 3, 3, 24, 1)}) {
      Arrays in(s);
      in.bias[1] = NAN;
      std::vector<float> y = in.dy;
      conv_forward<float>(s, in.x.data(), in.weight.data(), {.bias = in.bias.data(), .relu = true},
                          y.data());
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(std::isnan(y[i]), i % static_cast<size_t>(s.out) == 1) << described(s);
    }
  }
}

TEST_F(Conv, SameBitsForEveryThreadCount) {
  ConvShape stem = depthwise(3, 64, 64, 3, 2);
  stem.out = 8, stem.groups = 1;
  for (const ConvShape& s : {pointwise(9, 28, 8, 3, 12), pointwise(5, 20, 8, 48, 12),
                             depthwise(9, 16, 16, 24, 1), depthwise(9, 17, 15, 24, 2), stem}) {
    set_threads(1);
    const Results one = run(s);
    for (const int count : {2, 3}) {
      set_threads(count);
      const Results many = run(s);
      EXPECT_EQ(many.plain, one.plain) << described(s);
      EXPECT_EQ(many.all, one.all) << described(s);
      EXPECT_EQ(many.dx, one.dx) << described(s);
      if (s.kernel_height == 3) continue;  // whose weight gradient is the library's
      EXPECT_EQ(many.dweight, one.dweight) << described(s);
    }
  }
}

}  // namespace
}  // namespace papilio::kernels
