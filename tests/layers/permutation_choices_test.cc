#include "papilio/layers/permutation_choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <complex>
#include <set>

#include "papilio/core/error.h"
#include "papilio/core/random.h"
#include "papilio/layers/permutation.h"

namespace papilio {
namespace {

using ::testing::ElementsAre;
using Choices = std::vector<bool>;

TEST(PermutationChoices, AreSeparationsAndReversalsOfHalves) {
  const PermutationChoices shared = {.n = 8, .shared = true};
  EXPECT_EQ(shared.count(), 3);
  EXPECT_THAT(shared.index({false, false, false}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(shared.index({true, false, false}), bit_reversal(8));
  const PermutationChoices apart = {.n = 8};
  EXPECT_EQ(apart.count(), 6);
  // On all 8: separated, then the second half reversed.
  EXPECT_THAT(apart.index({true, false, true, false, false, false}),
              ElementsAre(0, 2, 4, 6, 7, 5, 3, 1));
  // On blocks of 4: the first half reversed.
  EXPECT_THAT(apart.index({false, false, false, false, true, false}),
              ElementsAre(1, 0, 2, 3, 5, 4, 6, 7));
  // The order of the cosine transform: evens and reversed odds, then bit reversal.
  const PermutationChoices two = {.n = 8, .whole_first = true, .shared = true};
  EXPECT_EQ(two.count(), 6);
  EXPECT_THAT(two.index({true, false, true, true, false, false}),
              ElementsAre(0, 7, 4, 3, 2, 5, 6, 1));
  EXPECT_THROW(two.index({true}), Error);
}

TEST(PermutationChoices, CandidatesAreDifferentPermutations) {
  for (const bool whole_first : {false, true}) {
    const PermutationChoices choices = {.n = 16, .whole_first = whole_first, .shared = true};
    std::set<std::vector<int64_t>> all;
    for (const Choices& candidate : choices.candidates()) {
      const std::vector<int64_t> v = choices.index(candidate);
      EXPECT_EQ(inverse_permutation(inverse_permutation(v)), v);
      all.insert(v);
    }
    EXPECT_EQ(all.size(), whole_first ? 64u : 8u);
  }
  EXPECT_THROW(PermutationChoices({.n = 64}).candidates(), Error);
}

TEST(PermutationChoices, SmallSizesHaveFewerLevels) {
  EXPECT_EQ((PermutationChoices{.n = 2}).count(), 0);
  EXPECT_THAT((PermutationChoices{.n = 2}).index({}), ElementsAre(0, 1));
  EXPECT_EQ((PermutationChoices{.n = 4}).count(), 3);
}

TEST(SoftPermutation, OfCertainChoicesIsTheHardOne) {
  for (const bool shared : {false, true}) {
    const PermutationChoices choices = {.n = 16, .whole_first = true, .shared = shared};
    const Rng rng(3);
    std::vector<double> logits;
    for (int64_t i = 0; i < choices.count(); ++i)
      logits.push_back(rng.uniform(static_cast<uint64_t>(i)) < 0.5 ? -800 : 800);
    const std::vector<int64_t> v = choices.index(choices.rounded(logits.data()));
    std::vector<double> x(32), y(32);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    SoftPermutation<double>(choices).forward(logits.data(), 2, x.data(), y.data());
    for (size_t j = 0; j < 32; ++j) EXPECT_EQ(y[j], static_cast<double>(v[j % 16] + j / 16 * 16));
  }
}

// Gradients of sum Re(conj(w) y) against differences.
template <class T>
void check_gradients(const PermutationChoices& choices) {
  const auto count = static_cast<size_t>(choices.count());
  const auto size = static_cast<size_t>(3 * choices.n);
  const Rng rng(5);
  uint64_t next = 0;
  std::vector<double> logits(count);
  for (double& logit : logits) logit = rng.normal(next++);
  std::vector<T> x(size), w(size), y(size);
  for (size_t i = 0; i < size; ++i) {
    if constexpr (std::is_same_v<T, double>)
      x[i] = rng.normal(next++), w[i] = rng.normal(next++);
    else
      x[i] = {rng.normal(next), rng.normal(next + 1)}, w[i] = {rng.normal(next + 2), 1}, next += 3;
  }
  SoftPermutation<T> soft(choices);
  const auto value = [&] {
    soft.forward(logits.data(), 3, x.data(), y.data());
    double sum = 0;
    for (size_t i = 0; i < size; ++i)
      sum += std::real(std::conj(std::complex<double>(w[i])) * y[i]);
    return sum;
  };
  value();
  std::vector<T> gradient = w;
  std::vector<double> by_logits(count);
  soft.backward(3, gradient.data(), by_logits.data());
  constexpr double kStep = 1e-5;
  const auto slope = [&](auto& number, auto step) {
    const auto old = number;
    number = old + step;
    const double above = value();
    number = old - step;
    const double below = value();
    number = old;
    return (above - below) / (2 * kStep);
  };
  for (size_t i = 0; i < count; ++i)
    EXPECT_NEAR(slope(logits[i], kStep), by_logits[i], 1e-8) << "logit " << i;
  for (size_t i = 0; i < size; i += 5)
    EXPECT_NEAR(slope(x[i], T(kStep)), std::real(gradient[i]), 1e-8) << "x " << i;
}

TEST(SoftPermutation, GradientsAreThoseOfDifferences) {
  for (const bool shared : {false, true}) {
    check_gradients<double>({.n = 16, .whole_first = true, .shared = shared});
    check_gradients<std::complex<double>>({.n = 8, .whole_first = false, .shared = shared});
  }
}

}  // namespace
}  // namespace papilio
