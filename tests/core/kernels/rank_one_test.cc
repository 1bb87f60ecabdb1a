#include "papilio/core/kernels/rank_one.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include "papilio/core/kernels/simd.h"
#include "papilio/core/memory.h"
#include "papilio/core/random.h"

namespace papilio::kernels {
namespace {

using Complex = std::complex<double>;

class RankOne : public ::testing::Test {
 protected:
  ~RankOne() override { set_simd_target(""); }
};

// A matrix in planes, and what rank_one() makes of it.
struct Fitted {
  int64_t rows, columns, padded_rows, pitch;
  std::vector<Complex> m, u, v;
  Energy energy;

  Fitted(int64_t r, int64_t c, bool complex, double noise, double size = 1)
      : rows(r), columns(c), padded_rows((r + 3) / 4 * 4), pitch((c + 7) / 8 * 8) {
    const Rng rng(1);
    const auto number = [&](uint64_t i) {
      return Complex(rng.normal(2 * i), complex ? rng.normal(2 * i + 1) : 0);
    };
    const int64_t plane = padded_rows * pitch;
    Buffer planes(static_cast<size_t>(2 * plane) * 8),
        vectors(static_cast<size_t>(2 * padded_rows + 14 + 4 * pitch) * 8);
    std::fill_n(planes.as<double>(), 2 * plane, 0.0);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        m.push_back(size *
                    (number(static_cast<uint64_t>(i)) * number(static_cast<uint64_t>(1000 + j)) +
                     noise * number(static_cast<uint64_t>(10000 + i * columns + j))));
        planes.as<double>()[i * pitch + j] = m.back().real();
        planes.as<double>()[plane + i * pitch + j] = m.back().imag();
      }
    double *vs = vectors.as<double>(), *work = vs + 2 * pitch, *us = work + 2 * pitch;
    energy = rank_one(
        {padded_rows, pitch, planes.as<double>(), complex ? planes.as<double>() + plane : nullptr},
        us, vs, work);
    for (int64_t i = 0; i < rows; ++i) u.emplace_back(us[i], complex ? us[padded_rows + i] : 0);
    for (int64_t j = 0; j < columns; ++j) v.emplace_back(vs[j], complex ? vs[pitch + j] : 0);
  }

  double error() const {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        sum += std::norm(m[static_cast<size_t>(i * columns + j)] -
                         u[static_cast<size_t>(i)] * v[static_cast<size_t>(j)]);
    return sum;
  }
};

TEST_F(RankOne, ApproximatesOnEveryTarget) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const bool complex : {false, true})
      for (const auto& [rows, columns] :
           {std::pair<int64_t, int64_t>{1, 1}, {2, 2}, {5, 3}, {16, 32}, {33, 7}, {4, 129}})
        for (const double noise : {0.0, 0.01, 1.0}) {
          const Fitted f(rows, columns, complex, noise);
          // What is kept and what is lost make the whole, and exact matrices are kept whole.
          EXPECT_NEAR(f.error(), f.energy.whole - f.energy.kept, 1e-12 * f.energy.whole) << target;
          EXPECT_TRUE(noise > 0 || f.error() < 1e-28 * f.energy.whole) << target;
          double u = 0, v = 0;
          for (const Complex& z : f.u) u += std::norm(z);
          for (const Complex& z : f.v) v += std::norm(z);
          EXPECT_NEAR(u / v, 1, 1e-12);
        }
  }
}

// Squares of squares leave the range of the numbers long before the squares do.
TEST_F(RankOne, SmallBlocksAreApproximatedOrZero) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const bool complex : {false, true})
      for (int power = -60; power >= -160; power -= 2) {
        const Fitted f(33, 7, complex, 1, std::pow(10.0, power));
        const bool zero = f.energy.whole == 0;
        EXPECT_EQ(zero, power < -70) << power;
        for (const std::vector<Complex>& vector : {f.u, f.v})
          for (const Complex& z : vector) EXPECT_TRUE(zero ? z == 0.0 : std::isfinite(std::abs(z)));
        EXPECT_NEAR(zero ? 0 : f.error(), f.energy.whole - f.energy.kept, 1e-12 * f.energy.whole);
      }
  }
}

TEST_F(RankOne, SumsAndParts) {
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const int64_t count : {0, 1, 2, 7, 8, 9, 31, 64, 100}) {
      std::vector<double> x, re(static_cast<size_t>(count)), im(static_cast<size_t>(count));
      double squared = 0, largest = 0;
      for (int64_t i = 0; i < 2 * count; ++i) {
        x.push_back(Rng(2).normal(static_cast<uint64_t>(i)));
        squared += x.back() * x.back();
        largest = std::max(largest, std::abs(x.back()));
      }
      EXPECT_NEAR(squares(2 * count, x.data()), squared, 1e-12);
      EXPECT_EQ(largest_finite(2 * count, x.data()), largest);
      to_planes(count, x.data(), 0.5, re.data(), im.data());
      for (size_t i = 0; i < re.size(); ++i) {
        EXPECT_EQ(re[i], 0.5 * x[2 * i]);
        EXPECT_EQ(im[i], 0.5 * x[2 * i + 1]);
      }
      for (size_t i = 0; i < x.size(); ++i)
        for (const double bad :
             {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
          const double before = std::exchange(x[i], bad);
          EXPECT_TRUE(std::isnan(largest_finite(2 * count, x.data()))) << i << " of " << count;
          x[i] = before;
        }
    }
  }
}

TEST_F(RankOne, ResidualIsWhatIsLeft) {
  const Rng rng(3);
  for (const std::string& target : simd_targets()) {
    set_simd_target(target);
    for (const bool complex : {false, true})
      for (const int64_t count : {1, 3, 8, 13, 40})
        for (const int64_t rank : {1, 3}) {
          std::vector<double> a[2], x[2], y[2];
          for (uint64_t part = 0; part < 2; ++part) {
            const Rng key = rng.split(part);
            for (int64_t i = 0; i < count; ++i)
              a[part].push_back(key.normal(static_cast<uint64_t>(i)));
            for (int64_t i = 0; i < rank; ++i)
              x[part].push_back(key.normal(static_cast<uint64_t>(100 + i)));
            for (int64_t i = 0; i < rank * (count + 2); ++i)
              y[part].push_back(key.normal(static_cast<uint64_t>(200 + i)));
          }
          double expected = 0;
          const auto at = [&](const std::vector<double>(&z)[2], int64_t i) {
            const auto e = static_cast<size_t>(i);
            return Complex(z[0][e], complex ? z[1][e] : 0);
          };
          for (int64_t j = 0; j < count; ++j) {
            Complex left = at(a, j);
            for (int64_t k = 0; k < rank; ++k) left -= at(x, k) * at(y, k * (count + 2) + j);
            expected += std::norm(left);
          }
          const auto im = [&](const std::vector<double>(&z)[2]) {
            return complex ? z[1].data() : nullptr;
          };
          EXPECT_NEAR(residual(count, rank, count + 2, a[0].data(), im(a), x[0].data(), im(x),
                               y[0].data(), im(y)),
                      expected, 1e-12 * expected);
        }
  }
}

}  // namespace
}  // namespace papilio::kernels
