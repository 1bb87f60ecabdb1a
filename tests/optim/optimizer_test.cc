#include "papilio/optim/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <map>

#include "papilio/core/random.h"
#include "papilio/core/threads.h"
#include "papilio/tests/optim/optimizer_reference.h"

namespace papilio::optim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Parameter named(const std::string& name, Tensor value, ParameterHints hints = {}) {
  Parameter p(std::move(value), hints);
  p.set_name(name);
  return p;
}

// start(), force() and pull() of make_reference.py; `i` counts the real numbers of all parameters.
double start(int64_t i) { return static_cast<double>(i * 37 % 19 - 9) / 16; }
double force(int64_t i, int64_t step) {
  return static_cast<double>((i * 7 + step * 13) % 11 - 5) / 8;
}
double pull(int64_t i) { return static_cast<double>(i % 3 + 1) / 4; }

template <class T>
std::vector<Parameter> reference_parameters() {
  using C = std::complex<T>;
  const auto reals = [](int64_t count, int64_t first) {
    std::vector<T> values;
    for (int64_t i = first; i < first + count; ++i) values.push_back(static_cast<T>(start(i)));
    return values;
  };
  const std::vector<T> parts = reals(6, 8);
  std::vector<Parameter> parameters;
  parameters.push_back(named("weight", Tensor::from(reals(5, 0), {5})));
  parameters.push_back(named("bias", Tensor::from(reals(3, 5), {3}),
                             {.weight_decay = false, .learning_rate_scale = 0.5}));
  parameters.push_back(named(
      "spectrum",
      Tensor::from<C>({C(parts[0], parts[1]), C(parts[2], parts[3]), C(parts[4], parts[5])})));
  return parameters;
}

template <class T>
std::vector<T> values_of(const std::vector<Parameter>& parameters) {
  std::vector<T> all;
  for (const Parameter& p : parameters) {
    const T* reals = static_cast<const T*>(p.value().raw());
    all.insert(all.end(), reals, reals + p.value().bytes() / static_cast<int64_t>(sizeof(T)));
  }
  return all;
}

// One step of the reference problem.
template <class T>
void reference_step(Optimizer& optimizer, std::vector<Parameter>& parameters, int64_t step) {
  int64_t i = 0;
  for (Parameter& p : parameters) {
    Tensor gradient = p.value().clone();
    T* g = static_cast<T*>(gradient.mutable_raw());
    for (int64_t j = 0, n = gradient.bytes() / static_cast<int64_t>(sizeof(T)); j < n; ++j, ++i)
      g[j] = static_cast<T>(force(i, step) + pull(i) * static_cast<double>(g[j]));
    if (p.name() != "bias" || step % 3 != 0) p.accumulate(gradient);
  }
  optimizer.step();
}

class Replay : public ::testing::TestWithParam<Reference> {
 protected:
  template <class T>
  void run(double tolerance) {
    auto parameters = reference_parameters<T>();
    auto optimizer =
        make_optimizer(GetParam().optimizer, parameters, Config::parse(GetParam().options));
    size_t row = 0;
    for (int64_t step = 0; step < kRecorded[std::size(kRecorded) - 1]; ++step) {
      reference_step<T>(*optimizer, parameters, step);
      if (step + 1 != kRecorded[row]) continue;
      const std::vector<T> values = values_of<T>(parameters);
      ASSERT_EQ(values.size(), std::size(GetParam().values[row]));
      for (size_t i = 0; i < values.size(); ++i)
        EXPECT_NEAR(values[i], GetParam().values[row][i], tolerance)
            << "number " << i << " after step " << step + 1;
      ++row;
    }
    EXPECT_EQ(row, std::size(kRecorded));
  }
};

TEST_P(Replay, Float64IsPyTorch) { run<double>(1e-13); }
TEST_P(Replay, Float32IsPyTorchRounded) { run<float>(3e-6); }

std::map<std::string, Tensor> saved(Optimizer& optimizer) {
  std::map<std::string, Tensor> all;
  optimizer.for_each_state([&](const std::string& name, Tensor& value) {
    EXPECT_TRUE(all.emplace(name, value.clone()).second) << name << " twice";
  });
  return all;
}

TEST_P(Replay, RestoredStateContinuesWithTheSameBits) {
  const auto make = [](const std::vector<Parameter>& parameters) {
    return make_optimizer(GetParam().optimizer, parameters, Config::parse(GetParam().options));
  };
  for (const int64_t kill : {0, 1, 2, 7}) {
    auto parameters = reference_parameters<float>(), resumed = reference_parameters<float>();
    auto optimizer = make(parameters), other = make(resumed);
    for (int64_t step = 0; step < kill; ++step) reference_step<float>(*optimizer, parameters, step);

    for (size_t i = 0; i < parameters.size(); ++i)
      resumed[i].mutable_value().assign(parameters[i].value());
    const auto state = saved(*optimizer);
    other->for_each_state(
        [&](const std::string& name, Tensor& value) { value.assign(state.at(name)); });
    EXPECT_EQ(other->steps(), kill);

    for (int64_t step = kill; step < kill + 9; ++step) {
      reference_step<float>(*optimizer, parameters, step);
      reference_step<float>(*other, resumed, step);
    }
    EXPECT_EQ(values_of<float>(parameters), values_of<float>(resumed)) << "killed at step " << kill;
    EXPECT_EQ(other->steps(), kill + 9);
  }
}

TEST_P(Replay, BitsDoNotDependOnTheThreadCount) {
  const int before = threads();
  std::vector<float> first;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    const Shape shape{100'003};
    std::vector<Parameter> parameters{named("w", randn(shape, Rng(1)))};
    auto optimizer =
        make_optimizer(GetParam().optimizer, parameters, Config::parse(GetParam().options));
    for (uint64_t step = 0; step < 3; ++step) {
      parameters[0].accumulate(randn(shape, Rng(2).split(step)));
      optimizer->step();
    }
    const auto values = values_of<float>(parameters);
    if (first.empty()) first = values;
    EXPECT_EQ(std::memcmp(first.data(), values.data(), first.size() * sizeof(float)), 0)
        << count << " threads";
  }
  set_threads(before);
}

std::string case_name(const ::testing::TestParamInfo<Reference>& row) {
  return row.param.optimizer + std::to_string(row.index);
}
INSTANTIATE_TEST_SUITE_P(All, Replay, ::testing::ValuesIn(kReferences), case_name);

TEST(Optimizer, StateHasFixedNamesAndShapes) {
  auto parameters = reference_parameters<float>();
  Adam adam(parameters);
  const auto describe = [&] {
    std::vector<std::string> lines;
    adam.for_each_state(
        [&](const std::string& name, Tensor& value) { lines.push_back(name + " " + text(value)); });
    return lines;
  };
  const auto at_first = describe();
  EXPECT_THAT(at_first,
              ElementsAre("steps [1] i64", "updates [3] i64", "first_moment.weight [5] f32",
                          "first_moment.bias [3] f32", "first_moment.spectrum [3] c64",
                          "second_moment.weight [5] f32", "second_moment.bias [3] f32",
                          "second_moment.spectrum [3] c64"));
  for (const auto& [name, value] : saved(adam)) {
    const auto* bytes = static_cast<const char*>(value.raw());
    EXPECT_EQ(std::count(bytes, bytes + value.bytes(), 0), value.bytes()) << name;
  }
  reference_step<float>(adam, parameters, 0);
  parameters[0].set_name("renamed");
  EXPECT_EQ(describe(), at_first);
  EXPECT_THAT(saved(adam).at("updates").to_vector<int64_t>(), ElementsAre(1, 0, 1));
}

TEST(Optimizer, StateNamesAreUniqueWithoutNamesToo) {
  Sgd sgd({named("w", Tensor::zeros({1})), named("w", Tensor::zeros({2})),
           Parameter(Tensor::zeros({3})), named("w#1", Tensor::zeros({4}))},
          {.momentum = 0.5});
  EXPECT_EQ(saved(sgd).size(), 6u);  // saved() checks that no name comes twice
}

TEST(Optimizer, ReadsAsInTheHouse) {
  Parameter p(Tensor::full({1}, 1, DType::f64));
  Sgd sgd({p}, {.lr = 0.02, .momentum = 0.9});
  EXPECT_EQ(sgd.learning_rate(), 0.02);
  sgd.set_learning_rate(0.5);
  p.accumulate(Tensor::full({1}, 1, DType::f64));
  sgd.step();
  EXPECT_EQ(p.value().item(), 0.5);
  EXPECT_FALSE(p.gradient().defined());
  EXPECT_EQ(sgd.steps(), 1);

  Sgd moved = std::move(sgd);
  p.accumulate(Tensor::full({1}, 1, DType::f64));
  moved.step();
  EXPECT_DOUBLE_EQ(p.value().item(), 0.5 - 0.5 * 1.9);
  EXPECT_EQ(moved.steps(), 2);
  static_assert(!std::is_copy_constructible_v<Sgd>);
}

TEST(Optimizer, UpdatesRaiseTheVersion) {
  Parameter p(Tensor::full({1}, 1));
  Sgd sgd({p});
  const uint64_t before = p.value().version();
  p.accumulate(Tensor::full({1}, 1));
  sgd.step();
  EXPECT_GT(p.value().version(), before);
}

TEST(Optimizer, FrozenParametersKeepTheirValueAndLoseTheirGradient) {
  Parameter fixed(Tensor::full({2}, 1)), free(Tensor::full({2}, 1));
  Sgd sgd({fixed, free}, {.lr = 0.25});
  fixed.accumulate(Tensor::full({2}, 1));
  free.accumulate(Tensor::full({2}, 1));
  fixed.freeze();
  sgd.step();
  EXPECT_THAT(fixed.value().to_vector<float>(), ElementsAre(1, 1));
  EXPECT_THAT(free.value().to_vector<float>(), ElementsAre(0.75, 0.75));
  EXPECT_FALSE(fixed.gradient().defined());
}

TEST(Optimizer, AParameterListedTwiceIsUpdatedOnce) {
  Parameter shared(Tensor::full({1}, 1));
  Sgd sgd({shared, shared}, {.lr = 0.25});
  EXPECT_EQ(sgd.parameters().size(), 1u);
  shared.accumulate(Tensor::full({1}, 1));
  sgd.step();
  EXPECT_EQ(shared.value().item(), 0.75);
}

TEST(Optimizer, ParametersThatNobodyListsAreAnError) {
  Parameter listed(Tensor::full({1}, 1));
  Sgd sgd({listed});
  Parameter forgotten = named("head.weight", Tensor::full({2, 3}, 1));
  forgotten.accumulate(Tensor::full({2, 3}, 1));
  const std::string message = error_of([&] { sgd.step(); });
  EXPECT_THAT(message, HasSubstr("the parameter [2, 3] f32 made at"));
  EXPECT_THAT(message, HasSubstr("optimizer_test.cc:"));
}

TEST(Optimizer, RefusesBadParameters) {
  EXPECT_THAT(error_of([] { Sgd sgd({}); }), HasSubstr("list of parameters is empty"));
  EXPECT_THAT(error_of([] { Sgd sgd({Parameter()}); }),
              HasSubstr("parameter 0 of the list is undefined"));
  EXPECT_THAT(error_of([] { Sgd sgd({named("ids", Tensor::zeros({2}, DType::i64))}); }),
              HasSubstr("'ids' [2] i64 is not floating"));

  Parameter p = named("w", Tensor::zeros({2}));
  Sgd sgd({p}, {.momentum = 0.9});
  p.mutable_gradient() = Tensor::zeros({3});
  EXPECT_THAT(error_of([&] { sgd.step(); }),
              HasSubstr("'w' is [2] f32, which differs from its gradient [3] f32"));
  p.mutable_value() = Tensor::zeros({3});
  EXPECT_THAT(error_of([&] { sgd.step(); }), HasSubstr("from when the optimizer was made"));
  p.mutable_value() = Tensor::zeros({2});
  p.mutable_gradient() = Tensor::zeros({2});
  p.mutable_hints().learning_rate_scale = -1;
  EXPECT_THAT(error_of([&] { sgd.step(); }), HasSubstr("learning_rate_scale = -1"));
}

TEST(Optimizer, RefusesBadRates) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const std::vector<Parameter> parameters{Parameter(Tensor::zeros({2}))};
  for (const double rate : {0.0, -0.1, nan, infinity})
    EXPECT_THAT(error_of([&] { Adam adam(parameters, {.lr = rate}); }),
                HasSubstr("the learning rate = "))
        << rate;
  Adam adam(parameters);
  for (const double rate : {-0.1, nan, infinity})
    EXPECT_THAT(error_of([&] { adam.set_learning_rate(rate); }), HasSubstr("the learning rate = "))
        << rate;
  EXPECT_EQ(adam.learning_rate(), 1e-3);
  adam.set_learning_rate(0);  // where a schedule ends
}

TEST(Optimizer, RefusesBadOptions) {
  const struct {
    const char *optimizer, *options, *message;
  } rows[] = {
      {"sgd", R"({"momentum": 1})", "sgd: momentum = 1, it must be in [0, 1)"},
      {"sgd", R"({"momentum": -0.1})", "sgd: momentum = -0.1"},
      {"sgd", R"({"dampening": 2})", "sgd: dampening = 2"},
      {"sgd", R"({"weight_decay": -1})", "sgd: weight_decay = -1, it must be finite and >= 0"},
      {"sgd", R"({"nesterov": true})", "nesterov with momentum = 0"},
      {"sgd", R"({"nesterov": true, "momentum": 0.9, "dampening": 0.1})", "dampening = 0.1"},
      {"adam", R"({"beta1": 1})", "adam: beta1 = 1"},
      {"adamw", R"({"beta2": -1})", "adamw: beta2 = -1"},
      {"adam", R"({"epsilon": 0})", "adam: epsilon = 0, it must be finite and > 0"},
      {"adamw", R"({"weight_decay": -1})", "adamw: weight_decay = -1"},
      {"rmsprop", R"({"alpha": 1.5})", "rmsprop: alpha = 1.5"},
      {"rmsprop", R"({"epsilon": -1})", "rmsprop: epsilon = -1"},
      {"rmsprop", R"({"momentum": 1})", "rmsprop: momentum = 1"},
      {"rmsprop", R"({"weight_decay": -1})", "rmsprop: weight_decay = -1"},
      {"sgd", R"({"beta1": 0.9})", "nesterov"},  // the valid keys are listed
      {"sgd", R"({"lr": "fast"})", "lr"},
      {"lion", "{}", "'lion' is unknown; the valid names are sgd, adam, adamw, rmsprop"},
  };
  const std::vector<Parameter> parameters{Parameter(Tensor::zeros({2}))};
  for (const auto& row : rows)
    EXPECT_THAT(
        error_of([&] { make_optimizer(row.optimizer, parameters, Config::parse(row.options)); }),
        HasSubstr(row.message))
        << row.optimizer << " " << row.options;
}

TEST(Optimizer, TheTableHasEveryName) {
  EXPECT_THAT(optimizer_names(), ElementsAre("sgd", "adam", "adamw", "rmsprop"));
  for (const std::string& name : optimizer_names())
    EXPECT_EQ(make_optimizer(name, {Parameter(Tensor::zeros({2}))})->parameters().size(), 1u)
        << name;
}

}  // namespace
}  // namespace papilio::optim
