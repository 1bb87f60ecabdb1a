// The forms of the butterfly multiply beside the plain one: frozen twiddles, features-major arrays,
// bias and relu, streaming stores; and what they add to backward. All against the plain loops of
// reference.h, run in double precision. Long because every form is run in every layout.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "papilio/core/dtype.h"
#include "papilio/core/kernels/butterfly.h"
#include "papilio/core/kernels/reference.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

using c64 = std::complex<float>;
using c128 = std::complex<double>;

template <class T>
using Wide = std::conditional_t<is_complex_type<T>, c128, double>;
template <class T>
constexpr bool kSingle = sizeof(real_type<T>) == 4;
template <class T>
constexpr double kTolerance = 8 * std::numeric_limits<real_type<T>>::epsilon();  // 1e-6 and 2e-15

template <class To, class From>
std::vector<To> as(const std::vector<From>& from) {
  std::vector<To> to;
  to.reserve(from.size());
  for (const From& v : from) to.push_back(static_cast<To>(v));
  return to;
}

int levels_of(const ButterflyShape& s) { return std::countr_zero(static_cast<uint64_t>(s.n)); }
int64_t twiddle_size(const ButterflyShape& s) {
  return s.nstacks * s.nblocks * levels_of(s) * s.n * 2;
}

std::string describe(const ButterflyShape& s) {
  return std::string(simd_target()) + ": batch " + std::to_string(s.batch) + ", in " +
         std::to_string(s.in_features) + ", n " + std::to_string(s.n) + ", nstacks " +
         std::to_string(s.nstacks) + ", nblocks " + std::to_string(s.nblocks) +
         (s.increasing_stride ? ", increasing" : ", decreasing") + ", out " +
         std::to_string(s.out_features) +
         (s.layout == Layout::rows ? ", rows" : ", features-major");
}

template <class T>
class Random {
 public:
  explicit Random(unsigned seed = 5) : engine_(seed) {}
  std::vector<T> vector(int64_t size, double scale = 1) {
    std::vector<T> v(static_cast<size_t>(size));
    for (T& e : v)
      if constexpr (is_complex_type<T>)
        e = T(Wide<T>(scale * normal_(engine_), scale * normal_(engine_)));
      else
        e = static_cast<T>(scale * normal_(engine_));
    return v;
  }
  /// Entries of variance 1/2: the size of y is that of x.
  std::vector<T> twiddle(const ButterflyShape& s) {
    return vector(twiddle_size(s), is_complex_type<T> ? 0.5 : std::sqrt(0.5));
  }

 private:
  std::mt19937 engine_;
  std::normal_distribution<double> normal_;
};

/// The largest error over the largest number; infinite when anything is not finite.
template <class A, class B>
double distance(const std::vector<A>& a, const std::vector<B>& b) {
  double error = 0, norm = 0;
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < a.size(); ++i) {
    const double e = std::norm(Wide<B>(a[i]) - Wide<B>(b[i]));  // squared: faster
    if (!std::isfinite(e)) return std::numeric_limits<double>::infinity();
    error = std::max(error, e);
    norm = std::max<double>(norm, std::norm(Wide<B>(b[i])));
  }
  return error == 0 ? 0 : std::sqrt(error / norm);
}

template <class T>
std::vector<T> transposed(const std::vector<T>& v, int64_t rows, int64_t columns) {
  std::vector<T> out(v.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      out[static_cast<size_t>(j * rows + i)] = v[static_cast<size_t>(i * columns + j)];
  return out;
}

/// butterfly_forward with x and y as rows, whatever the layout of the shape. Nothing may be written
/// behind y.
template <class T>
std::vector<T> forward(const ButterflyShape& s, const PackedTwiddle<T>& twiddle,
                       const std::vector<T>& x, const ButterflyEnd<T>& end = {}) {
  constexpr size_t kGuard = 70;
  const bool rows = s.layout == Layout::rows;
  std::vector<T> y(static_cast<size_t>(s.batch * s.out_features) + kGuard, T(77));
  const std::vector<T> in = rows ? x : transposed(x, s.batch, s.in_features);
  butterfly_forward(s, twiddle, in.data(), y.data(), end);
  EXPECT_EQ(std::count(y.end() - kGuard, y.end(), T(77)), kGuard) << describe(s);
  y.resize(y.size() - kGuard);
  return rows ? y : transposed(y, s.out_features, s.batch);
}

template <class T>
std::vector<Wide<T>> forward_reference(const ButterflyShape& s, const std::vector<T>& twiddle,
                                       const std::vector<T>& x, const ButterflyEnd<T>& end = {}) {
  std::vector<Wide<T>> y(static_cast<size_t>(s.batch * s.out_features));
  butterfly_forward_reference(s, as<Wide<T>>(twiddle).data(), as<Wide<T>>(x).data(), y.data());
  for (size_t i = 0; i < y.size(); ++i) {
    if (end.bias) y[i] += Wide<T>(end.bias[i % static_cast<size_t>(s.out_features)]);
    if constexpr (!is_complex_type<T>)
      if (end.relu) y[i] = std::max(y[i], 0.0);
  }
  return y;
}

/// Sets one thread; restores the SIMD target and the thread count.
template <class T>
class ButterflyForms : public testing::Test {
 protected:
  void SetUp() override { set_threads(1); }
  void TearDown() override {
    set_simd_target("");
    set_threads(threads_before_);
  }

  /// Runs `batches` of the shape on every target, in every layout given, general and frozen.
  void expect_as_reference(ButterflyShape s, const std::vector<int64_t>& batches,
                           const std::vector<Layout>& layouts, bool bias = false,
                           bool relu = false) {
    Random<T> random;
    const auto twiddle = random.twiddle(s), b = random.vector(s.out_features);
    const ButterflyEnd<T> end = {.bias = bias ? b.data() : nullptr, .relu = relu};
    s.batch = *std::max_element(batches.begin(), batches.end());
    const auto x = random.vector(s.batch * s.in_features);
    const auto y = forward_reference(s, twiddle, x, end);
    for (const std::string& target : simd_targets())
      for (const Layout layout : layouts) {
        set_simd_target(target);
        s.layout = layout;
        const PackedTwiddle<T> general(s, twiddle.data());
        const auto frozen = PackedTwiddle<T>::frozen(s, twiddle.data());
        ASSERT_TRUE(frozen && frozen->is_frozen() && !general.is_frozen()) << describe(s);
        for (const int64_t batch : batches) {
          s.batch = batch;
          const std::vector<T> part(x.begin(), x.begin() + batch * s.in_features);
          const std::vector<Wide<T>> expected(y.begin(), y.begin() + batch * s.out_features);
          expect_near(forward(s, general, part, end), expected, "general", s);
          expect_near(forward(s, *frozen, part, end), expected, "frozen", s);
        }
      }
  }
  void expect_near(const std::vector<T>& y, const std::vector<Wide<T>>& expected, const char* form,
                   const ButterflyShape& s) {
    const double error = distance(y, expected);
    double& worst = worst_[*form == 'f'];
    worst = std::max(worst, error);
    EXPECT_LE(error, kTolerance<T>) << form << ", " << describe(s);
  }
  /// For the report of GoogleTest's --gtest_output.
  void record_worst() {
    const double unit = std::numeric_limits<real_type<T>>::epsilon();
    this->RecordProperty("worst_general", std::to_string(worst_[0] / unit) + " epsilons");
    this->RecordProperty("worst_frozen", std::to_string(worst_[1] / unit) + " epsilons");
  }

  double worst_[2] = {0, 0};
  int threads_before_ = threads();
};
using Types = testing::Types<float, double, c64, c128>;
TYPED_TEST_SUITE(ButterflyForms, Types);

/// Padded and cut rows, and the last stack whole or in part.
std::vector<std::array<int64_t, 3>> in_n_out(int64_t nstacks) {
  std::vector<std::array<int64_t, 3>> sizes;
  for (const auto& [in, n] : {std::pair<int64_t, int64_t>{3, 4}, {7, 8}, {30, 32}, {240, 256}}) {
    sizes.push_back({in, n, nstacks * n});
    sizes.push_back({n + 5, n, nstacks * n - n / 4});
  }
  return sizes;
}

// ---------------------------------------------------------------- random twiddles

TYPED_TEST(ButterflyForms, FrozenRows) {
  for (const int64_t nblocks : {1, 2})
    for (const int64_t nstacks : {1, 2})
      for (const bool increasing : {true, false})
        for (const auto& [in, n, out] : in_n_out(nstacks))
          this->expect_as_reference({.batch = 0,
                                     .in_features = in,
                                     .n = n,
                                     .nstacks = nstacks,
                                     .nblocks = nblocks,
                                     .increasing_stride = increasing,
                                     .out_features = out},
                                    {1, 2, 3, 5, 17}, {Layout::rows});
  this->record_worst();
}

TYPED_TEST(ButterflyForms, FeaturesMajor) {
  for (const int64_t nblocks : {1, 2})
    for (const int64_t nstacks : {1, 2})
      for (const bool increasing : {true, false})
        for (const auto& [in, n, out] : in_n_out(nstacks)) {
          const std::vector<int64_t> all = {1, 15, 16, 17, 31, 32, 33, 48, 65}, few = {1, 33};
          this->expect_as_reference({.batch = 0,
                                     .in_features = in,
                                     .n = n,
                                     .nstacks = nstacks,
                                     .nblocks = nblocks,
                                     .increasing_stride = increasing,
                                     .out_features = out},
                                    n < 32 ? all : few, {Layout::features_major});
        }
  this->record_worst();
}

TYPED_TEST(ButterflyForms, LargeSizes) {
  for (const int64_t n : {1024, 4096})
    for (const bool increasing : {true, false}) {
      if (n > 1024 && !std::is_same_v<TypeParam, float>) continue;
      this->expect_as_reference({.batch = 0,
                                 .in_features = n,
                                 .n = n,
                                 .increasing_stride = increasing,
                                 .out_features = n},
                                {3}, {Layout::rows, Layout::features_major});
      if (kSingle<TypeParam> && n == 1024) {
        EXPECT_LE(this->worst_[1], 3e-7) << "frozen";
      }
    }
  this->record_worst();
}

TYPED_TEST(ButterflyForms, BiasAndRelu) {
  for (const bool bias : {false, true})
    for (const bool relu : {false, true})
      for (const int64_t nstacks : {1, 3})
        for (const int64_t n : {1, 2, 8, 16, 64})
          for (const int64_t out : {nstacks * n, nstacks * n - n / 2 + (n > 2 ? 1 : 0)})
            if (!relu || !is_complex_type<TypeParam>)
              this->expect_as_reference({.batch = 0,
                                         .in_features = n > 4 ? n - 3 : n,
                                         .n = n,
                                         .nstacks = nstacks,
                                         .out_features = out},
                                        {1, 19, 32}, {Layout::rows, Layout::features_major}, bias,
                                        relu);
  this->record_worst();
}

TYPED_TEST(ButterflyForms, NanStaysNan) {
  if constexpr (!is_complex_type<TypeParam>)
    for (const std::string& target : simd_targets())
      for (const Layout layout : {Layout::rows, Layout::features_major})
        for (const int64_t n : {1, 4, 32, 256}) {
          set_simd_target(target);
          const ButterflyShape s = {
              .batch = 3, .in_features = n, .n = n, .out_features = n, .layout = layout};
          Random<TypeParam> random;
          const auto twiddle = random.twiddle(s);
          auto x = random.vector(3 * n);
          x[static_cast<size_t>(n)] = std::numeric_limits<TypeParam>::quiet_NaN();
          const auto frozen = PackedTwiddle<TypeParam>::frozen(s, twiddle.data());
          ASSERT_TRUE(frozen);
          const PackedTwiddle<TypeParam> general(s, twiddle.data());
          for (const auto* packed : {&general, &*frozen}) {
            const auto y = forward(s, *packed, x, {.relu = true});
            for (int64_t i = 0; i < 3 * n; ++i)
              ASSERT_EQ(std::isnan(y[static_cast<size_t>(i)]), i / n == 1)
                  << describe(s) << ", number " << i;
          }
        }
}

// ---------------------------------------------------------------- special twiddles

/// Fills a twiddle with fill(level of stride 2^level, pair) as {a, b, c, d}.
template <class T>
std::vector<T> filled(const ButterflyShape& s,
                      const std::function<std::array<double, 4>(int, int64_t)>& fill) {
  std::vector<T> twiddle;
  for (int64_t f = 0; f < s.nstacks * s.nblocks * levels_of(s); ++f)
    for (int64_t i = 0; i < s.n / 2; ++i) {
      const bool increasing = s.increasing_stride != (f / levels_of(s) % s.nblocks % 2 == 1);
      const int k = static_cast<int>(f % levels_of(s));
      for (const double v : fill(increasing ? k : levels_of(s) - 1 - k, i))
        twiddle.push_back(static_cast<T>(v));
    }
  return twiddle;
}

struct Special {
  const char* name;
  bool must_freeze;
  std::function<std::array<double, 4>(int, int64_t)> fill;
};

std::vector<Special> specials() {
  using M = std::array<double, 4>;
  const auto rotation = [](double angle) {
    return M{std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)};
  };
  const M mixed = {0.8, 0.5, -0.6, 0.7};
  return {
      {"identity", true,
       [](int, int64_t) {
         return M{1, 0, 0, 1};
       }},
      {"Hadamard", true,
       [](int, int64_t) {
         return M{1, 1, 1, -1};
       }},
      {"rotations", true, [=](int e, int64_t i) { return rotation(0.3 + 0.7 * e + double(i)); }},
      {"right angles", false, [=](int, int64_t i) { return rotation(1.5707963267948966 * i); }},
      {"one level of swaps", true,
       [=](int e, int64_t) {
         return e == 1 ? M{0, 1, 1, 0} : mixed;
       }},
      {"swaps", false,
       [](int, int64_t) {
         return M{0, 1, 1, 0};
       }},
      {"every third a swap", false,
       [=](int, int64_t i) {
         return i % 3 ? mixed : M{0, 1, 1, 0};
       }},
      {"a copy", true,
       [=](int e, int64_t) {
         return e == 1 ? M{1, 0, 1, 0} : mixed;
       }},
      {"copies", false,
       [](int, int64_t) {
         return M{1, 0, 1, 0};
       }},
      {"rows of zeros", false,
       [=](int, int64_t i) {
         return i % 5 ? mixed : M{0, 0, 0.5, 0.7};
       }},
      {"zeros at one level", true, [=](int e, int64_t) { return e == 2 ? M{} : mixed; }},
      {"zeros at last", true,
       [=](int e, int64_t) {
         return e == 4 ? M{0, 0, 1, 2} : mixed;
       }},
      {"a zero that comes back", false,
       [=](int e, int64_t i) {
         if (e == 0) return M{1e-6, 1, 1, 1e-6};
         if (e == 1) return i < 2 ? M{0, 0, 0.5, 0.5} : mixed;
         return e == 2 ? M{0, 1, 0.5, 0.5} : M{1, 0, 0, 1};
       }},
      {"large beside small", false,
       [=](int e, int64_t i) {
         if (e == 0) return i % 2 ? mixed : M{1e6, 0, 0, 1e6};
         return e == 1 ? M{0, 1, 0, 1} : M{1, 0, 0, 1};
       }},
      {"tiny diagonal", false,
       [](int, int64_t i) {
         return M{i % 2 ? 1e-9 : 1e-5, 1, 1, -1e-7};
       }},
      {"denormal diagonal", false,
       [=](int e, int64_t) {
         return e == 1 ? M{1e-40, 1, 1, 1e-310} : mixed;
       }},
      {"denormal all", false,
       [=](int e, int64_t i) {
         return e == 1 && i == 3 ? M{1e-40, 1e-41, 1e-40, 1e-40} : mixed;
       }},
      {"denormal beside", true,
       [=](int e, int64_t) {
         return e == 1 ? M{1, 1e-40, 1e-310, 1} : mixed;
       }},
      {"huge, then tiny", false,
       [](int e, int64_t) {
         const double v = e % 2 ? 1e-15 : 1e15;
         return M{0.9 * v, 0.5 * v, -0.4 * v, v};
       }},
      {"huge in one pair", false,
       [=](int, int64_t i) {
         return i == 1 ? M{1e4, 2e3, 0.1, 1e-4} : mixed;
       }},
  };
}

// Agreement to rounding with the reference, of the general form and the frozen one, if it exists.
TYPED_TEST(ButterflyForms, SpecialTwiddles) {
  using T = TypeParam;
  for (const Special& special : specials())
    for (const int64_t nblocks : {1, 2})
      for (const bool increasing : {true, false}) {
        ButterflyShape s = {.batch = 5,
                            .in_features = 32,
                            .n = 32,
                            .nblocks = nblocks,
                            .increasing_stride = increasing,
                            .out_features = 32};
        const auto twiddle = filled<T>(s, special.fill);
        const auto x = Random<T>().vector(5 * 32);
        const auto y = forward_reference(s, twiddle, x);
        SCOPED_TRACE(special.name);
        for (const std::string& target : simd_targets())
          for (const Layout layout : {Layout::rows, Layout::features_major}) {
            set_simd_target(target);
            s.layout = layout;
            this->expect_near(forward(s, PackedTwiddle<T>(s, twiddle.data()), x), y, "general", s);
            const auto frozen = PackedTwiddle<T>::frozen(s, twiddle.data());
            EXPECT_TRUE(frozen || !special.must_freeze) << describe(s);
            if (frozen) this->expect_near(forward(s, *frozen, x), y, "frozen", s);
          }
      }
  this->record_worst();
}

TYPED_TEST(ButterflyForms, NotFrozenOutOfRange) {
  using T = TypeParam;
  const ButterflyShape s = {.batch = 1, .in_features = 1024, .n = 1024, .out_features = 1024};
  const double range = kSingle<T> ? 1e12 : 1e90;
  for (const double v : {range, 1 / range, std::nan(""), double(INFINITY)}) {
    const auto all = filled<T>(s, [&](int, int64_t) { return std::array{v, v, v, -v}; });
    EXPECT_FALSE(PackedTwiddle<T>::frozen(s, all.data())) << v;
  }
  for (const double v : {std::nan(""), double(INFINITY), -double(INFINITY)})
    for (size_t at = 0; at < 8; ++at)
      for (const double others : {1.0, 0.0}) {
        auto one = filled<T>(s, [&](int, int64_t) { return std::array{1., others, others, 1.}; });
        one[at] = static_cast<T>(v);
        EXPECT_FALSE(PackedTwiddle<T>::frozen(s, one.data())) << v << " at " << at;
      }
}

// ---------------------------------------------------------------- backward

template <class T>
struct BackwardCase {
  explicit BackwardCase(const ButterflyShape& s) : shape(s) {
    Random<T> random;
    twiddle = random.twiddle(s);
    x = random.vector(s.batch * s.in_features);
    grad_y = random.vector(s.batch * s.out_features);
    y = random.vector(s.batch * s.out_features);
    for (size_t i = 0; i < y.size(); ++i)  // as relu leaves it
      if (std::abs(y[i]) < 0.7) y[i] = T(i % 2 ? 0.0 : -0.0);
    // Values that every element must overwrite.
    grad_x = random.vector(static_cast<int64_t>(x.size()));
    grad_twiddle = random.vector(static_cast<int64_t>(twiddle.size()));
    grad_bias = random.vector(s.out_features);
  }
  void run(bool relu, bool want_x = true, bool want_twiddle = true, bool want_bias = true) {
    butterfly_backward(shape, PackedTwiddle<T>(shape, twiddle.data()), x.data(),
                       relu ? y.data() : nullptr, grad_y.data(),
                       {.x = want_x ? grad_x.data() : nullptr,
                        .twiddle = want_twiddle ? grad_twiddle.data() : nullptr,
                        .bias = want_bias ? grad_bias.data() : nullptr});
  }

  ButterflyShape shape;
  std::vector<T> twiddle, x, y, grad_y, grad_x, grad_twiddle, grad_bias;
};

template <class T>
void expect_backward(const ButterflyShape& s, bool relu) {
  const BackwardCase<T> sample(s);
  auto g = as<Wide<T>>(sample.grad_y);
  std::vector<Wide<T>> grad_x(sample.x.size()), grad_twiddle(sample.twiddle.size()),
      bias(static_cast<size_t>(s.out_features));
  for (size_t i = 0; i < g.size(); ++i) {
    if constexpr (!is_complex_type<T>)
      if (relu && sample.y[i] <= 0) g[i] = 0;
    bias[i % bias.size()] += g[i];
  }
  butterfly_backward_reference(s, as<Wide<T>>(sample.twiddle).data(), as<Wide<T>>(sample.x).data(),
                               g.data(), grad_x.data(), grad_twiddle.data());
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    SCOPED_TRACE(describe(s) + (relu ? ", relu" : ""));
    BackwardCase<T> all = sample;
    all.run(relu);
    EXPECT_LE(distance(all.grad_x, grad_x), 2 * kTolerance<T>);
    EXPECT_LE(distance(all.grad_twiddle, grad_twiddle), 2 * kTolerance<T>);
    EXPECT_LE(distance(all.grad_bias, bias), 8 * kTolerance<T>);  // sums may cancel
    for (int wanted = 0; wanted < 7 && s.batch != 1; ++wanted) {
      const BackwardCase<T>& before = sample;
      BackwardCase<T> some = before;
      some.run(relu, wanted & 1, wanted & 2, wanted & 4);
      EXPECT_EQ(some.grad_x, wanted & 1 ? all.grad_x : before.grad_x) << wanted;
      EXPECT_EQ(some.grad_twiddle, wanted & 2 ? all.grad_twiddle : before.grad_twiddle) << wanted;
      EXPECT_EQ(some.grad_bias, wanted & 4 ? all.grad_bias : before.grad_bias) << wanted;
    }
  }
}

TYPED_TEST(ButterflyForms, BackwardWithReluAndBias) {
  for (const int64_t n : {1, 2, 8, 32, 128})
    for (const int64_t nstacks : {1, 2})
      for (const int64_t batch : {1, 5, 33})
        for (const bool relu : {false, true}) {
          if (relu && is_complex_type<TypeParam>) continue;
          const int64_t in = n + (batch == 5 ? 3 : batch == 33 ? -n / 4 : 0);
          const int64_t out = nstacks * n - (batch == 1 ? 0 : batch == 5 ? n / 2 : n / 8 + n / 2);
          expect_backward<TypeParam>({.batch = batch,
                                      .in_features = in,
                                      .n = n,
                                      .nstacks = nstacks,
                                      .nblocks = batch == 5 ? 2 : 1,
                                      .increasing_stride = batch != 33,
                                      .out_features = out},
                                     relu);
        }
  // Several chunks; and a stack of which nothing is kept.
  expect_backward<TypeParam>(
      {.batch = 300, .in_features = 16, .n = 16, .nstacks = 3, .out_features = 15},
      !is_complex_type<TypeParam>);
}

TYPED_TEST(ButterflyForms, EmptyBatchHasZeroGradients) {
  BackwardCase<TypeParam> sample({.batch = 0, .in_features = 8, .n = 8, .out_features = 7});
  sample.run(false);
  EXPECT_EQ(sample.grad_bias, std::vector<TypeParam>(7));
  EXPECT_EQ(sample.grad_twiddle, std::vector<TypeParam>(48));
}

// ---------------------------------------------------------------- threads

// Enough work for several threads.
TYPED_TEST(ButterflyForms, SameBitsForEveryThreadCount) {
  using T = TypeParam;
  ButterflyShape s = {
      .batch = 130, .in_features = 256, .n = 256, .nstacks = 2, .out_features = 2 * 256 - 3};
  const BackwardCase<T> sample(s);
  const ButterflyEnd<T> end = {.bias = sample.grad_y.data(), .relu = !is_complex_type<T>};
  for (const std::string& target : simd_targets())
    for (const Layout layout : {Layout::rows, Layout::features_major}) {
      set_simd_target(target);
      s.layout = layout;
      const PackedTwiddle<T> general(s, sample.twiddle.data());
      const auto frozen = PackedTwiddle<T>::frozen(s, sample.twiddle.data());
      ASSERT_TRUE(frozen);
      for (const auto* packed : {&general, &*frozen}) {
        set_threads(1);
        const auto y = forward(s, *packed, sample.x, end);
        for (const int count : {2, 3}) {
          set_threads(count);
          EXPECT_EQ(forward(s, *packed, sample.x, end), y) << describe(s) << ", threads " << count;
        }
      }
    }
}

TYPED_TEST(ButterflyForms, BackwardHasTheSameBitsForEveryThreadCount) {
  for (const int64_t n : {8, 256}) {
    const BackwardCase<TypeParam> sample({.batch = n == 8 ? 2500 : 130,
                                          .in_features = n,
                                          .n = n,
                                          .nstacks = 2,
                                          .out_features = 2 * n - 3});
    for (const std::string& target : simd_targets()) {
      set_simd_target(target);
      SCOPED_TRACE(describe(sample.shape));
      BackwardCase<TypeParam> one = sample, more = sample;
      set_threads(1);
      one.run(!is_complex_type<TypeParam>);
      for (const int count : {2, 3}) {
        set_threads(count);
        more.run(!is_complex_type<TypeParam>);
        EXPECT_EQ(more.grad_x, one.grad_x);
        EXPECT_EQ(more.grad_twiddle, one.grad_twiddle);
        EXPECT_EQ(more.grad_bias, one.grad_bias);
      }
    }
  }
}

// ---------------------------------------------------------------- streaming stores

// From 32 MiB on y bypasses the caches if it is aligned. The batch is odd, and x is mostly padding.
TEST(ButterflyStreams, LargeOutputs) {
  const int64_t n = 1024;
  const ButterflyShape s = {.batch = 8193, .in_features = 16, .n = n, .out_features = n};
  Random<float> random;
  const auto twiddle = random.twiddle(s), x = random.vector(s.batch * s.in_features),
             bias = random.vector(n);
  const auto frozen = PackedTwiddle<float>::frozen(s, twiddle.data());
  ASSERT_TRUE(frozen);
  const Buffer buffer(static_cast<size_t>(s.batch * n + 32) * sizeof(float));
  const auto expect_rows = [&](const PackedTwiddle<float>& packed, int64_t offset,
                               const ButterflyEnd<float>& end) {
    float* y = buffer.as<float>() + offset;
    std::fill_n(buffer.as<float>(), s.batch * n + 32, 77.0F);
    butterfly_forward(s, packed, x.data(), y, end);
    EXPECT_EQ(std::count(y + s.batch * n, buffer.as<float>() + s.batch * n + 32, 77.0F),
              32 - offset);
    EXPECT_EQ(std::count(buffer.as<float>(), y, 77.0F), offset);
    ButterflyShape one = s;
    one.batch = 1;
    for (const int64_t row : {0, 1, 30, 31, 32, 4000, 8191, 8192}) {
      const std::vector<float> in(x.begin() + row * 16, x.begin() + row * 16 + 16);
      const std::vector<float> out(y + row * n, y + (row + 1) * n);
      EXPECT_LE(distance(out, forward_reference(one, twiddle, in, end)), kTolerance<float>) << row;
    }
  };
  const PackedTwiddle<float> general(s, twiddle.data());
  expect_rows(general, 0, {});
  expect_rows(general, 1, {});
  expect_rows(*frozen, 0, {.bias = bias.data(), .relu = true});
}

// ---------------------------------------------------------------- errors

TYPED_TEST(ButterflyForms, TwiddlesOfOtherCallsThrow) {
  using T = TypeParam;
  const ButterflyShape s = {
      .batch = 2, .in_features = 8, .n = 8, .nstacks = 2, .nblocks = 2, .out_features = 16};
  const std::vector<T> ones(1000, T(1));
  std::vector<T> y(1000), grad(1000);
  const auto run = [&](const ButterflyShape& shape, const PackedTwiddle<T>& packed) {
    butterfly_forward(shape, packed, ones.data(), y.data());
    if (shape.layout == Layout::rows)
      butterfly_backward<T>(shape, packed, ones.data(), nullptr, ones.data(), {.x = grad.data()});
  };
  const PackedTwiddle<T> packed(s, ones.data());
  EXPECT_NO_THROW(run(s, packed));
  ButterflyShape same = s;  // batch and features don't matter
  same.batch = 3, same.in_features = 5, same.out_features = 7;
  EXPECT_NO_THROW(run(same, packed));

  std::vector<ButterflyShape> others(5, s);
  others[0].n = 16, others[0].nblocks = 1;
  others[1].nstacks = 3;
  others[2].nblocks = 1;
  others[3].increasing_stride = false;
  others[4].layout = Layout::features_major;
  for (const ButterflyShape& other : others) {
    EXPECT_THROW(run(other, packed), std::invalid_argument) << describe(other);
    EXPECT_THROW(run(s, PackedTwiddle<T>(other, ones.data())), std::invalid_argument);
  }
  EXPECT_THROW(butterfly_backward<T>(others[4], PackedTwiddle<T>(others[4], ones.data()),
                                     ones.data(), nullptr, ones.data(), {.x = grad.data()}),
               std::invalid_argument);
  const auto frozen = PackedTwiddle<T>::frozen(s, ones.data());
  ASSERT_TRUE(frozen);
  EXPECT_THROW(butterfly_backward<T>(s, *frozen, ones.data(), nullptr, ones.data(), {}),
               std::invalid_argument);
  for (const std::string& target : simd_targets()) {
    if (target == simd_targets().front()) continue;
    set_simd_target(target);
    EXPECT_THROW(run(s, packed), std::invalid_argument) << target;
    EXPECT_THROW(butterfly_forward(s, *frozen, ones.data(), y.data()), std::invalid_argument);
  }
}

}  // namespace
}  // namespace papilio::kernels
