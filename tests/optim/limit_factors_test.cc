#include "papilio/optim/limit_factors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/linear.h"

namespace papilio::optim {
namespace {

double root_mean_square(const Tensor& t) { return std::sqrt(mean(abs2(t)).item()); }

TEST(LimitFactors, ScalesDownWhatIsLargerThanARandomFactor) {
  Butterfly layer(8, 8, {.bias = false}, Rng(1));
  Parameter twiddle = layer.parameters().front();
  Tensor values = Tensor::full(twiddle.value().shape(), 0.5);
  float* factors = values.mutable_data<float>();
  for (int i = 0; i < 16; ++i) factors[16 + i] = i % 2 == 0 ? 3.0f : 1.0f;  // the second of three
  twiddle.mutable_value().assign(values);
  limit_factors(layer.parameters());
  EXPECT_NEAR(root_mean_square(slice(twiddle, 2, 1, 2)), std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(twiddle.value().data<float>()[16] / twiddle.value().data<float>()[17], 3, 1e-5);
  for (const int64_t other : {0, 2})
    EXPECT_EQ(root_mean_square(slice(twiddle, 2, other, other + 1)), 0.5);
}

TEST(LimitFactors, LeavesDenseWeightsAlone) {
  Linear layer(4, 4, {}, Rng(1));
  Parameter weight = layer.parameters().front();
  weight.mutable_value().assign(Tensor::full({4, 4}, 9));
  limit_factors(layer.parameters());
  EXPECT_EQ(weight.value().data<float>()[0], 9);
}

}  // namespace
}  // namespace papilio::optim
