#include "papilio/core/kernels/butterfly.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "papilio/core/kernels/reference.h"
#include "papilio/core/kernels/simd.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

using c64 = std::complex<float>;
using c128 = std::complex<double>;

int64_t twiddle_size(const ButterflyShape& s) {
  return s.nstacks * s.nblocks * std::countr_zero(static_cast<uint64_t>(s.n)) * s.n * 2;
}

std::string describe(const ButterflyShape& s) {
  return std::string(simd_target()) + ": batch " + std::to_string(s.batch) + ", in " +
         std::to_string(s.in_features) + ", n " + std::to_string(s.n) + ", nstacks " +
         std::to_string(s.nstacks) + ", nblocks " + std::to_string(s.nblocks) +
         (s.increasing_stride ? ", increasing" : ", decreasing") + ", out " +
         std::to_string(s.out_features);
}

/// Restores the SIMD target and the thread count.
class ButterflyKernel : public testing::Test {
 protected:
  void TearDown() override {
    set_simd_target("");
    set_threads(threads_before_);
  }
  int threads_before_ = threads();
};

// ---------------------------------------------------------------- golden vectors

template <class T>
struct Golden {
  ButterflyShape shape;
  std::vector<T> twiddle, x, y;
  std::vector<T> grad_y = {}, grad_x = {}, grad_twiddle = {};
};

template <class T>
std::vector<T> as(const std::vector<c128>& values) {
  std::vector<T> out;
  for (c128 v : values)
    if constexpr (std::is_floating_point_v<T>)
      out.push_back(static_cast<T>(v.real()));
    else
      out.push_back(T(v));
  return out;
}

template <class T>
void expect_golden(const ButterflyShape& shape, const std::vector<c128>& twiddle,
                   const std::vector<c128>& x, const std::vector<c128>& y,
                   const std::vector<c128>& grad_y = {}, const std::vector<c128>& grad_x = {},
                   const std::vector<c128>& grad_twiddle = {}) {
  const auto t = as<T>(twiddle), in = as<T>(x);
  std::vector<T> out(y.size());
  butterfly_forward(shape, t.data(), in.data(), out.data());
  EXPECT_EQ(out, as<T>(y)) << describe(shape);
  butterfly_forward_reference(shape, t.data(), in.data(), out.data());
  EXPECT_EQ(out, as<T>(y)) << "reference, " << describe(shape);
  if (grad_y.empty()) return;
  const auto g = as<T>(grad_y);
  std::vector<T> dx(x.size()), dt(twiddle.size());
  butterfly_backward(shape, t.data(), in.data(), g.data(), dx.data(), dt.data());
  EXPECT_EQ(dx, as<T>(grad_x)) << describe(shape);
  EXPECT_EQ(dt, as<T>(grad_twiddle)) << describe(shape);
  butterfly_backward_reference(shape, t.data(), in.data(), g.data(), dx.data(), dt.data());
  EXPECT_EQ(dx, as<T>(grad_x)) << "reference, " << describe(shape);
  EXPECT_EQ(dt, as<T>(grad_twiddle)) << "reference, " << describe(shape);
}

std::vector<c128> numbers(int count, double (*f)(int)) {
  std::vector<c128> v;
  for (int j = 0; j < count; ++j) v.push_back(f(j));
  return v;
}
double counting(int j) { return j + 1; }
double mod5(int j) { return (7 * j) % 5 - 2; }

ButterflyShape golden_shape(int64_t in, int64_t n, int64_t nblocks, bool increasing) {
  return {.batch = 1,
          .in_features = in,
          .n = n,
          .nblocks = nblocks,
          .increasing_stride = increasing,
          .out_features = n};
}

template <class T>
void expect_real_goldens() {
  const auto t16 = numbers(16, counting), x4 = numbers(4, counting), x8 = numbers(8, counting);
  expect_golden<T>(golden_shape(4, 4, 1, true), t16, x4, {435, 885, 523, 1013}, x4,
                   {300, 428, 874, 1012},
                   {42, 84, 86, 172, 138, 184, 276, 368, 5, 39, 15, 117, 22, 106, 44, 212});
  expect_golden<T>(golden_shape(4, 4, 1, false), t16, x4, {403, 485, 839, 961});

  const auto t32 = numbers(32, mod5);
  expect_golden<T>(golden_shape(4, 4, 2, true), t32, x4, {-24, 32, -7, -14});
  expect_golden<T>(golden_shape(4, 4, 2, false), t32, x4, {-32, -11, 40, -16});

  const auto t48 = numbers(48, mod5), x7 = numbers(7, counting);
  expect_golden<T>(golden_shape(7, 8, 1, true), t48, x7, {7, 34, 6, -48, 44, 17, -34, 40});
  std::vector<c128> grad_twiddle(48);
  for (auto [j, v] : {std::pair{4, 4},
                      {5, 12},
                      {6, -8},
                      {7, -24},
                      {8, 12},
                      {9, 28},
                      {16, -4},
                      {17, 8},
                      {20, 10},
                      {21, -8},
                      {30, 24},
                      {31, 8},
                      {32, 8},
                      {33, 20},
                      {46, -12},
                      {47, -24}})
    grad_twiddle[j] = v;
  expect_golden<T>(golden_shape(7, 8, 1, false), t48, x7, {-4, -32, -56, -34, -18, 26, 36, -48},
                   {1, 0, 0, 0, 0, 0, 0, 1}, {0, 2, -4, 0, 0, -12, 4}, grad_twiddle);

  const auto t96 = numbers(96, mod5);
  expect_golden<T>(golden_shape(8, 8, 2, true), t96, x8,
                   {-186, 93, -60, -12, -332, -120, 268, 338});
  expect_golden<T>(golden_shape(8, 8, 2, false), t96, x8,
                   {-160, -476, 336, -92, -80, 480, 216, -136});
}

template <class T>
void expect_complex_golden() {
  std::vector<c128> t;
  for (int j = 0; j < 16; ++j) t.push_back({j % 3 - 1.0, j % 4 - 2.0});
  expect_golden<T>(golden_shape(4, 4, 1, true), t, {{1, 1}, 2, {0, -1}, {3, -2}},
                   {{-13, -1}, {11, -3}, {4, -6}, {-7, 1}}, {1, {0, 1}, -1, 2},
                   {{-5, -1}, {-3, 2}, {-1, -2}, {-6, 3}},
                   {{3, 1},
                    {2, 4},
                    {-1, -1},
                    {0, -2},
                    {-2, -2},
                    {-10, 2},
                    {2, -3},
                    {-5, -12},
                    {1, 5},
                    {-1, 5},
                    {-1, -5},
                    {1, -5},
                    {3, -1},
                    {4, 2},
                    {-2, -6},
                    {4, -8}});
}

TEST_F(ButterflyKernel, GoldenVectors) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    expect_real_goldens<float>();
    expect_real_goldens<double>();
    expect_real_goldens<c64>();
    expect_real_goldens<c128>();
    expect_complex_golden<c64>();
    expect_complex_golden<c128>();
  }
}

TEST_F(ButterflyKernel, StacksStandSideBySide) {
  const ButterflyShape both = {
      .batch = 1, .in_features = 3, .n = 4, .nstacks = 2, .out_features = 7};
  ASSERT_EQ(twiddle_size(both), 32);
  const auto t = as<float>(numbers(32, mod5)), x = as<float>(numbers(3, counting));
  std::vector<float> y(7), stack(8);
  butterfly_forward(both, t.data(), x.data(), y.data());
  const ButterflyShape one = {.batch = 1, .in_features = 3, .n = 4, .out_features = 4};
  butterfly_forward(one, t.data(), x.data(), stack.data());
  butterfly_forward(one, t.data() + 16, x.data(), stack.data() + 4);
  EXPECT_TRUE(std::equal(y.begin(), y.end(), stack.begin()));
}

// ---------------------------------------------------------------- against the reference

template <class T>
class Random {
 public:
  std::vector<T> vector(int64_t size, double scale = 1) {
    std::vector<T> v(size);
    for (T& e : v)
      if constexpr (std::is_floating_point_v<T>)
        e = static_cast<T>(scale * normal_(engine_));
      else
        e = T(scale * normal_(engine_), scale * normal_(engine_));
    return v;
  }

 private:
  std::mt19937 engine_{7};
  std::normal_distribution<double> normal_;
};

/// Inputs of one call, and what butterfly_forward and _backward make of them.
template <class T>
struct Sample {
  explicit Sample(const ButterflyShape& s) : shape(s) {
    Random<T> random;
    const double scale = std::is_floating_point_v<T> ? std::sqrt(0.5) : 0.5;
    twiddle = random.vector(twiddle_size(s), scale);
    x = random.vector(s.batch * s.in_features);
    grad_y = random.vector(s.batch * s.out_features);
    // Values that every element must overwrite.
    y = random.vector(grad_y.size());
    grad_x = random.vector(x.size());
    grad_twiddle = random.vector(twiddle.size());
  }
  void run() {
    butterfly_forward(shape, twiddle.data(), x.data(), y.data());
    butterfly_backward(shape, twiddle.data(), x.data(), grad_y.data(), grad_x.data(),
                       grad_twiddle.data());
  }
  void run_reference() {
    butterfly_forward_reference(shape, twiddle.data(), x.data(), y.data());
    butterfly_backward_reference(shape, twiddle.data(), x.data(), grad_y.data(), grad_x.data(),
                                 grad_twiddle.data());
  }

  ButterflyShape shape;
  std::vector<T> twiddle, x, grad_y, y, grad_x, grad_twiddle;
};

template <class T>
double distance(const std::vector<T>& a, const std::vector<T>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= error)) error = difference;  // NaN too
    norm = std::max<double>(norm, std::abs(b[i]));
  }
  return error / std::max(norm, 1e-30);
}

template <class T>
void expect_as_reference(const ButterflyShape& shape) {
  Sample<T> expected(shape);
  expected.run_reference();
  const double tolerance = sizeof(decltype(std::abs(T()))) == 4 ? 1e-5 : 1e-13;
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    SCOPED_TRACE(describe(shape));
    Sample<T> sample(shape);
    sample.run();
    ASSERT_LT(distance(sample.y, expected.y), tolerance);
    ASSERT_LT(distance(sample.grad_x, expected.grad_x), tolerance);
    ASSERT_LT(distance(sample.grad_twiddle, expected.grad_twiddle), tolerance);
  }
}

template <class T>
class ButterflyKernelOf : public ButterflyKernel {};
using Types = testing::Types<float, double, c64, c128>;
TYPED_TEST_SUITE(ButterflyKernelOf, Types);

TYPED_TEST(ButterflyKernelOf, SizesAndBatches) {
  for (int64_t n : {1, 2, 4, 8, 16, 32, 64, 256, 1024})
    for (int64_t batch : {1, 2, 3, 7, 8, 16, 17, 33, 50, 100}) {
      if (n * batch > 1024 * 17) continue;
      for (bool increasing : {true, false}) {
        const ButterflyShape shape = {.batch = batch,
                                      .in_features = n,
                                      .n = n,
                                      .increasing_stride = increasing,
                                      .out_features = n};
        expect_as_reference<TypeParam>(shape);
        if (this->HasFatalFailure()) return;
      }
    }
}

TYPED_TEST(ButterflyKernelOf, BlocksStacksAndOddWidths) {
  for (int64_t n : {1, 2, 4, 8, 16, 32, 64, 256})
    for (int64_t nstacks : {1, 2, 3})
      for (int64_t nblocks : {1, 2, 3, 4})
        for (int64_t batch : {1, 7, 17})
          for (bool increasing : {true, false}) {
            // Padded or cut input; the last stack whole, in part, or not at all.
            const int64_t in = n + (batch == 1 ? 0 : batch == 7 ? -n / 3 : 3);
            const int64_t out = nstacks * n - (batch == 1   ? n / 2
                                               : batch == 7 ? 0
                                                            : (n + 1) / 2 + n / 4);
            const ButterflyShape shape = {.batch = batch,
                                          .in_features = in,
                                          .n = n,
                                          .nstacks = nstacks,
                                          .nblocks = nblocks,
                                          .increasing_stride = increasing,
                                          .out_features = out};
            expect_as_reference<TypeParam>(shape);
            if (this->HasFatalFailure()) return;
          }
}

/// Numbers that end where a page ends that nobody may touch.
template <class T>
class AtTheEdge {
 public:
  explicit AtTheEdge(const std::vector<T>& values)
      : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))),
        room_((values.size() * sizeof(T) + page_ - 1) / page_ * page_) {
    base_ = static_cast<char*>(
        mmap(nullptr, room_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + room_, page_, PROT_NONE);
    data_ = reinterpret_cast<T*>(base_ + room_) - values.size();
    std::copy(values.begin(), values.end(), data_);
  }
  ~AtTheEdge() { munmap(base_, room_ + page_); }
  AtTheEdge(const AtTheEdge&) = delete;
  AtTheEdge& operator=(const AtTheEdge&) = delete;
  T* data() const { return data_; }

 private:
  size_t page_, room_;
  char* base_;
  T* data_;
};

// Loads and stores of parts of vectors keep to what is there.
TYPED_TEST(ButterflyKernelOf, NothingBehindTheArraysIsTouched) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (int64_t features : {1, 3, 24, 33, 96, 100, 240})
      for (int64_t batch : {1, 5}) {
        const auto n = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(features)));
        const ButterflyShape shape = {.batch = batch,
                                      .in_features = features,
                                      .n = n,
                                      .nblocks = 2,
                                      .increasing_stride = false,
                                      .out_features = features};
        const Sample<TypeParam> sample(shape);
        const AtTheEdge<TypeParam> x(sample.x), y(sample.y), grad_y(sample.grad_y),
            grad_x(sample.grad_x), twiddle(sample.twiddle), grad_twiddle(sample.grad_twiddle);
        const AtTheEdge<TypeParam> bias(std::vector<TypeParam>(static_cast<size_t>(features)));
        butterfly_forward(shape, twiddle.data(), x.data(), y.data(), {.bias = bias.data()});
        butterfly_backward(shape, twiddle.data(), x.data(), grad_y.data(), grad_x.data(),
                           grad_twiddle.data());
      }
  }
}

// The ends of what is promised.
TYPED_TEST(ButterflyKernelOf, LargestSizeAndBatch) {
  constexpr int64_t kLargest = 65536;
  for (bool increasing : {true, false})
    expect_as_reference<TypeParam>({.batch = 1,
                                    .in_features = kLargest - 1,
                                    .n = kLargest,
                                    .increasing_stride = increasing,
                                    .out_features = kLargest});
  expect_as_reference<TypeParam>(
      {.batch = 100'000, .in_features = 3, .n = 4, .nblocks = 2, .out_features = 4});
}

TYPED_TEST(ButterflyKernelOf, LargeSizes) {
  for (bool increasing : {true, false}) {
    expect_as_reference<TypeParam>({.batch = 100,
                                    .in_features = 1000,
                                    .n = 1024,
                                    .nblocks = 2,
                                    .increasing_stride = increasing,
                                    .out_features = 777});
    expect_as_reference<TypeParam>({.batch = 2,
                                    .in_features = 4096,
                                    .n = 4096,
                                    .nstacks = 2,
                                    .increasing_stride = increasing,
                                    .out_features = 8000});
    expect_as_reference<TypeParam>({.batch = 33,
                                    .in_features = 3001,
                                    .n = 4096,
                                    .increasing_stride = increasing,
                                    .out_features = 4096});
  }
}

TYPED_TEST(ButterflyKernelOf, NullGradients) {
  for (int64_t batch : {1, 50}) {
    Sample<TypeParam> both({.batch = batch,
                            .in_features = 60,
                            .n = 64,
                            .nstacks = 2,
                            .nblocks = 2,
                            .out_features = 100});
    both.run();
    Sample<TypeParam> single(both.shape);
    const auto run = [&](TypeParam* grad_x, TypeParam* grad_twiddle) {
      butterfly_backward(single.shape, single.twiddle.data(), single.x.data(), single.grad_y.data(),
                         grad_x, grad_twiddle);
    };
    run(single.grad_x.data(), nullptr);
    run(nullptr, single.grad_twiddle.data());
    run(nullptr, nullptr);
    EXPECT_LT(distance(single.grad_x, both.grad_x), 1e-6);
    EXPECT_LT(distance(single.grad_twiddle, both.grad_twiddle), 1e-6);
  }
}

TYPED_TEST(ButterflyKernelOf, SameBitsForEveryThreadCount) {
  for (const std::string& target : simd_targets())
    for (int64_t n : {8, 1024})
      for (int64_t nstacks : {1, 2}) {
        set_simd_target(target);
        const ButterflyShape shape = {.batch = n == 8 ? 5000 : 200,
                                      .in_features = n,
                                      .n = n,
                                      .nstacks = nstacks,
                                      .nblocks = 2,
                                      .out_features = nstacks * n};
        SCOPED_TRACE(describe(shape));
        set_threads(1);
        Sample<TypeParam> one(shape);
        one.run();
        for (int count : {2, 3}) {
          set_threads(count);
          Sample<TypeParam> more(shape);
          more.run();
          EXPECT_EQ(one.y, more.y);
          EXPECT_EQ(one.grad_x, more.grad_x);
          EXPECT_EQ(one.grad_twiddle, more.grad_twiddle);
        }
      }
}

TYPED_TEST(ButterflyKernelOf, EmptyBatchHasZeroTwiddleGradient) {
  const ButterflyShape shape = {.batch = 0, .in_features = 8, .n = 8, .out_features = 8};
  Sample<TypeParam> sample(shape);
  sample.run();
  EXPECT_EQ(sample.grad_twiddle, std::vector<TypeParam>(48));
}

TEST_F(ButterflyKernel, BadShapesThrow) {
  const std::vector<float> zeros(1000);
  std::vector<float> y(1000);
  const auto run = [&](const ButterflyShape& s) {
    butterfly_forward(s, zeros.data(), zeros.data(), y.data());
  };
  EXPECT_THROW(run({.batch = 1, .in_features = 6, .n = 6, .out_features = 6}),
               std::invalid_argument);
  EXPECT_THROW(run({.batch = 1, .in_features = 8, .n = 8, .out_features = 9}),
               std::invalid_argument);
}

// ---------------------------------------------------------------- targets

TEST_F(ButterflyKernel, TargetCanBeForced) {
  const auto targets = simd_targets();
  ASSERT_FALSE(targets.empty());
  for (const std::string& target : targets) {
    set_simd_target(target);
    EXPECT_EQ(simd_target(), target);
  }
  set_simd_target("");
  EXPECT_EQ(simd_target(), targets.front());
  try {
    set_simd_target("mmx");
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    for (const std::string& target : targets)
      EXPECT_NE(std::string(error.what()).find(target), std::string::npos) << error.what();
  }
  EXPECT_EQ(simd_target(), targets.front());
}

}  // namespace
}  // namespace papilio::kernels
