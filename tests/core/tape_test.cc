// Tape: what is recorded, when, and what backward() refuses.
#include "papilio/core/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "papilio/core/ops.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor numbers_of(std::initializer_list<double> values) { return Tensor::from<double>(values); }
std::vector<double> values_of(const Tensor& t) { return t.to_vector<double>(); }
Tensor square_sum(const Tensor& x) { return sum(mul(x, x)); }

TEST(Tape, BackwardFillsTheGradientsOfParameters) {
  const Parameter p(numbers_of({1, 2, 3})), untouched(numbers_of({1}));
  Tape tape;
  tape.backward(square_sum(p));
  EXPECT_THAT(values_of(p.gradient()), ElementsAre(2, 4, 6));
  EXPECT_FALSE(untouched.gradient().defined());
}

TEST(Tape, OpsAreNamedInTheOrderOfRecording) {
  const Parameter p(numbers_of({1}));
  const Tensor constant = numbers_of({2});
  Tape tape;
  square_sum(p);
  add(constant, constant);  // nobody wants its gradient
  EXPECT_THAT(tape.ops(), ElementsAre("mul", "sum"));
}

TEST(Tape, GradientsAddOverTapesUntilTheyAreCleared) {
  Parameter p(numbers_of({1, 2}));
  for (const double total : {2.0, 4.0}) {
    Tape tape;
    tape.backward(square_sum(p));
    EXPECT_THAT(values_of(p.gradient()), ElementsAre(total, 2 * total));
  }
  p.clear_gradient();
  EXPECT_FALSE(p.gradient().defined());
}

TEST(Tape, AParameterUsedTwiceGetsTheSum) {
  const Parameter p(numbers_of({3}));
  Tape tape;
  tape.backward(sum(add(mul(p, p), scale(p, 5))));
  EXPECT_THAT(values_of(p.gradient()), ElementsAre(11));
}

TEST(Tape, WatchedTensorsHaveGradients) {
  Tape tape;
  const Tensor x = tape.watch(numbers_of({1, 2})), aside = tape.watch(numbers_of({1}));
  tape.backward(square_sum(x));
  EXPECT_THAT(values_of(tape.gradient(x)), ElementsAre(2, 4));
  EXPECT_FALSE(tape.gradient(aside).defined());  // the loss does not depend on it
}

TEST(Tape, ASeedGradientDifferentiatesAnyOutput) {
  Tape tape;
  const Tensor x = tape.watch(numbers_of({1, 2}));
  tape.backward(mul(x, x), numbers_of({10, 100}));
  EXPECT_THAT(values_of(tape.gradient(x)), ElementsAre(20, 400));
}

TEST(Tape, TheInnermostTapeRecords) {
  const Parameter p(numbers_of({3}));
  Tape outer;
  {
    Tape inner;
    inner.backward(square_sum(p));
    EXPECT_TRUE(outer.ops().empty());
  }
  EXPECT_TRUE(Tape::recording());
  square_sum(p);
  EXPECT_THAT(outer.ops(), ElementsAre("mul", "sum"));
}

TEST(Tape, ATensorOfAnotherLiveTapeIsAnError) {
  const Parameter p(numbers_of({3}));
  Tape outer;
  const Tensor x = scale(p, 2);
  Tape inner;
  EXPECT_THAT(error_of([&] { scale(x, 2); }),
              HasSubstr("[1] f64 was recorded by another live tape"));
  EXPECT_EQ(scale(x.detach(), 2).item(), 12);
}

TEST(Tape, ATensorOfADeadTapeIsAConstant) {
  const Parameter p(numbers_of({3})), q(numbers_of({5}));
  Tensor x;
  {
    const Tape dead;
    x = scale(p, 2);
  }
  Tape tape;
  tape.backward(sum(mul(q, x)));
  EXPECT_THAT(values_of(q.gradient()), ElementsAre(6));
  EXPECT_FALSE(p.gradient().defined());
}

TEST(NoTape, SuspendsRecording) {
  const Parameter p(numbers_of({3}));
  EXPECT_FALSE(Tape::recording());
  Tape tape;
  {
    const NoTape guard;
    EXPECT_FALSE(Tape::recording());
    square_sum(p);
    {
      const Tape inside;
      EXPECT_TRUE(Tape::recording());
    }
    EXPECT_FALSE(Tape::recording());
  }
  EXPECT_TRUE(Tape::recording());
  EXPECT_TRUE(tape.ops().empty());
}

TEST(Tape, IsUsedOnce) {
  const Parameter p(numbers_of({3}));
  Tape tape;
  const Tensor loss = square_sum(p);
  tape.backward(loss);
  EXPECT_THAT(error_of([&] { tape.backward(loss); }), HasSubstr("used once; open a new one"));
  EXPECT_THAT(error_of([&] { square_sum(p); }),
              HasSubstr("mul: recorded on a tape whose backward"));
}

TEST(Tape, AParameterWrittenBeforeBackwardIsAnError) {
  Parameter p(numbers_of({3}));
  Tape tape;
  const Tensor loss = square_sum(p);
  p.mutable_value().mutable_data<double>()[0] = 4;
  EXPECT_THAT(error_of([&] { tape.backward(loss); }),
              AllOf(HasSubstr("[1] f64 was written"), HasSubstr("before the optimizer's step()")));
  EXPECT_FALSE(p.gradient().defined());
}

TEST(Tape, AConstantWrittenBeforeBackwardIsAnError) {
  const Parameter p(numbers_of({3}));
  Tensor constant = numbers_of({2});
  Tape tape;
  const Tensor loss = sum(mul(p, constant));
  constant.mutable_data<double>()[0] = 4;
  EXPECT_THAT(error_of([&] { tape.backward(loss); }), HasSubstr("was written"));
}

TEST(Tape, FrozenParametersAreConstants) {
  Parameter p(numbers_of({3}));
  p.freeze();
  Tape tape;
  square_sum(p);
  EXPECT_TRUE(tape.ops().empty());
}

TEST(Tape, BackwardRefusesWhatIsNoLoss) {
  const Parameter p(numbers_of({3, 4}));
  const Parameter z(Tensor::zeros({1}, DType::c128));
  const auto backward = [](auto make) {
    return error_of([&] {
      Tape tape;
      tape.backward(make());
    });
  };
  EXPECT_THAT(backward([&] { return mul(p, p); }),
              HasSubstr("the loss is [2] f64, expected one real"));
  EXPECT_THAT(backward([&] { return mul(z, z); }), HasSubstr("[1] c128, expected one real"));
  EXPECT_THAT(backward([&] { return numbers_of({1}); }), HasSubstr("depends on no parameter"));
  EXPECT_THAT(backward([&] { return Tensor(); }), HasSubstr("undefined"));
}

TEST(Tape, SeedsAndGradientsThatDoNotFitAreErrors) {
  Tape tape;
  const Tensor x = tape.watch(numbers_of({3, 4})), y = mul(x, x);
  EXPECT_THAT(error_of([&] { tape.backward(y, numbers_of({1})); }),
              HasSubstr("the seed gradient is [1] f64, the output [2] f64"));
  EXPECT_THAT(error_of([&] { tape.backward(y, Tensor()); }),
              HasSubstr("seed gradient is undefined"));
  EXPECT_THAT(error_of([&] { tape.backward(Tensor(), numbers_of({1})); }),
              HasSubstr("did not record"));
  EXPECT_THAT(error_of([&] { tape.gradient(numbers_of({1})); }), HasSubstr("does not watch"));
  EXPECT_THAT(error_of([&] { tape.gradient(Tensor()); }), HasSubstr("does not watch"));
}

TEST(Tape, ABackwardFunctionThatGivesAWrongShapeIsNamed) {
  Tape tape;
  const Tensor x = tape.watch(numbers_of({3, 4}));
  Tensor y = Tensor::zeros({}, DType::f64);
  record("mine", y, {&x}, [](const Tensor& dy, InputGradients& dx) { dx.add(0, dy); });
  EXPECT_THAT(
      error_of([&] { tape.backward(y); }),
      HasSubstr("mine: its backward gave a gradient of [] f64 for input 0, which is [2] f64"));
}

// add() passes its gradient on as it came; adding to it must not change the other holder's.
TEST(Tape, GradientsPassedOnUnchangedAreNeverWritten) {
  Tape tape;
  const Tensor a = tape.watch(numbers_of({1})), b = tape.watch(numbers_of({2}));
  const Tensor seed = numbers_of({1});
  tape.backward(add(add(a, b), a), seed);
  EXPECT_THAT(values_of(tape.gradient(a)), ElementsAre(2));
  EXPECT_THAT(values_of(tape.gradient(b)), ElementsAre(1));
  EXPECT_EQ(seed.item(), 1);
}

TEST(Tape, OnlyAGradientThatNobodyElseHoldsIsOverwritten) {
  // The gradient 2 dy, in the place of dy if it may be.
  std::vector<bool> in_place;
  const auto twice = [&in_place](const Tensor& x) {
    Tensor y = scale(x.detach(), 2);
    record("scale", y, {&x}, [&in_place](const Tensor& dy, InputGradients& gradients) {
      Tensor dx = InputGradients::in_place_of(dy);
      in_place.push_back(dx.shares_storage_with(dy));
      for (int64_t i = 0; i < dy.numel(); ++i)
        dx.mutable_data<double>()[i] = 2 * dy.data<double>()[i];
      gradients.add(0, dx);
    });
    return y;
  };
  Tape tape;
  const Tensor x = tape.watch(numbers_of({1, 2})), seed = numbers_of({1, 10});
  const Tensor y = twice(x);
  // The seed is ours, and of the two sides of the sum the first still shares the gradient.
  tape.backward(twice(add(twice(y), twice(y))), seed);
  EXPECT_THAT(values_of(seed), ElementsAre(1, 10));
  EXPECT_THAT(values_of(tape.gradient(x)), ElementsAre(16, 160));
  EXPECT_THAT(in_place, ElementsAre(false, false, true, true));
}

TEST(Tape, ThreadsHaveTapesOfTheirOwn) {
  const Parameter p(numbers_of({3}));
  Tape tape;
  const Tensor x = scale(p, 2);
  bool recording = true;
  std::string message;
  std::vector<double> gradient;
  std::thread([&] {
    recording = Tape::recording();
    Tape other;
    message = error_of([&] { scale(x, 2); });
    const Tensor mine = other.watch(numbers_of({5}));
    other.backward(square_sum(mine));
    gradient = values_of(other.gradient(mine));
  }).join();
  EXPECT_FALSE(recording);
  EXPECT_THAT(message, HasSubstr("another live tape"));
  EXPECT_THAT(gradient, ElementsAre(10));
  EXPECT_THAT(tape.ops(), ElementsAre("scale"));
}

TEST(Tape, ClosuresAreFreedAsBackwardPassesThem) {
  const auto held = std::make_shared<int>(0);
  const Parameter p(numbers_of({3}));
  Tensor y = numbers_of({3});
  const Tensor& value = p;
  record("mine", y, {&value}, [held](const Tensor&, InputGradients&) {});
  EXPECT_EQ(held.use_count(), 1);  // no tape, nothing is kept
  Tape tape;
  record("mine", y, {&value}, [held](const Tensor& dy, InputGradients& dx) { dx.add(0, dy); });
  EXPECT_EQ(held.use_count(), 2);
  tape.backward(y);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace papilio
