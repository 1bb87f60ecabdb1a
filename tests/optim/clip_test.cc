#include "papilio/optim/clip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>

#include "papilio/core/random.h"
#include "papilio/core/threads.h"

namespace papilio::optim {
namespace {

using ::testing::HasSubstr;
using C = std::complex<double>;

Parameter with_gradient(const std::string& name, const Tensor& gradient) {
  Parameter p(Tensor::zeros(gradient.shape(), gradient.dtype()));
  p.set_name(name);
  p.accumulate(gradient.clone());
  return p;
}

std::string error_of(const std::vector<Parameter>& parameters, double max_norm) {
  try {
    clip_gradient_norm(parameters, max_norm);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// torch.nn.utils.clip_grad_norm_([a, z], 2.0), PyTorch 1.13
TEST(ClipGradientNorm, IsPyTorch) {
  const Parameter a = with_gradient("a", Tensor::from<double>({3, -4, 12}));
  const Parameter z = with_gradient("z", Tensor::from<C>({C(1, 2), C(-2.5, 0.5)}));
  EXPECT_DOUBLE_EQ(clip_gradient_norm({a, z, Parameter(Tensor::zeros({7}))}, 2),
                   13.435028842544403);
  const double clipped_a[] = {0.4465937232978774, -0.5954582977305032, 1.7863748931915095};
  const C clipped_z[] = {{0.1488645744326258, 0.2977291488652516},
                         {-0.3721614360815645, 0.0744322872163129}};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(a.gradient().data<double>()[i], clipped_a[i], 1e-15);
  for (int i = 0; i < 2; ++i)
    EXPECT_NEAR(std::abs(z.gradient().data<C>()[i] - clipped_z[i]), 0, 1e-15);
}

TEST(ClipGradientNorm, LeavesShortGradientsAlone) {
  const Parameter a = with_gradient("a", Tensor::from<double>({3, 4}));
  EXPECT_EQ(clip_gradient_norm({a}, 5.1), 5);
  EXPECT_EQ(clip_gradient_norm({a}, std::numeric_limits<double>::infinity()), 5);
  EXPECT_EQ(a.gradient().to_vector<double>(), (std::vector<double>{3, 4}));
  EXPECT_EQ(clip_gradient_norm({}, 1), 0);
}

TEST(ClipGradientNorm, PassesFrozenParametersOver) {
  const Parameter a = with_gradient("a", Tensor::from<double>({3, 4}));
  Parameter frozen = with_gradient("frozen", Tensor::from<double>({100}));
  frozen.freeze();
  EXPECT_EQ(clip_gradient_norm({a, frozen}, 100), 5);
  EXPECT_EQ(frozen.gradient().item(), 100);
}

// Awkward sizes around the chunks of the sum, against one sum in long double.
TEST(ClipGradientNorm, SumsInDoubleWithBitsThatDoNotDependOnThreads) {
  const int before = threads();
  for (const int64_t size : {1, 15, 17, 8191, 8192, 8193, 100'003}) {
    const Tensor gradient = randn({size}, Rng(3));
    long double exact = 0;
    for (const float g : gradient.span<float>()) exact += static_cast<long double>(g) * g;
    std::vector<double> norms;
    std::vector<std::vector<float>> clipped;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      const Parameter p = with_gradient("p", gradient);
      norms.push_back(clip_gradient_norm({p}, 1e-3));
      clipped.push_back(p.gradient().to_vector<float>());
    }
    EXPECT_NEAR(norms[0] / static_cast<double>(std::sqrt(exact)), 1, 1e-14) << size;
    EXPECT_EQ(norms[0], norms[1]) << size;
    EXPECT_EQ(norms[0], norms[2]) << size;
    EXPECT_EQ(clipped[0], clipped[1]) << size;
    EXPECT_EQ(clipped[0], clipped[2]) << size;
  }
  set_threads(before);
}

TEST(ClipGradientNorm, NamesTheFirstGradientThatIsNotFinite) {
  const Parameter fine = with_gradient("fine", Tensor::from<float>({1}));
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const Parameter first = with_gradient("head.weight", Tensor::from<float>({1, bad}));
    const Parameter second = with_gradient("head.bias", Tensor::from<float>({bad}));
    const std::string message = error_of({fine, first, second}, 1);
    EXPECT_THAT(message, HasSubstr("'head.weight' [2] f32 made at clip_test.cc:"));
    EXPECT_THAT(message, HasSubstr("lower the learning rate"));
    EXPECT_EQ(fine.gradient().item(), 1);
  }
}

TEST(ClipGradientNorm, RefusesBadNorms) {
  for (const double norm : {0.0, -1.0, std::nan("")})
    EXPECT_THAT(error_of({}, norm), HasSubstr("it must be > 0")) << norm;
}

}  // namespace
}  // namespace papilio::optim
