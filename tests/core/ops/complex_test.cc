// real, imag, complex and abs2.
#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

const GradientRows rows = {
    {"real", "matrix", {cplx({3, 7})}, [](auto z) { return papilio::real(z[0]); }},
    {"imag", "matrix", {cplx({3, 7})}, [](auto z) { return papilio::imag(z[0]); }},
    {"complex", "parts", {real({2, 3}), real({2, 3})}, [](auto x) { return complex(x[0], x[1]); }},
    {"complex", "real", {real({7})}, [](auto x) { return complex(x[0]); }},
    {"complex", "same", {real({2})}, [](auto x) { return complex(x[0], x[0]); }},
    {"abs2", "complex", {cplx({3, 7})}, [](auto z) { return abs2(z[0]); }},
    {"abs2", "real", {real({7})}, [](auto x) { return abs2(x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

using C = std::complex<double>;

// z = cfill((3,), 7, 3, 11); r = fill((3,), 7, 3, 11); y = torch.real(z) and so on; for abs2
// z.real**2 + z.imag**2; y.backward(seed(y))
TEST(Complex, EqualsPyTorch) {
  const Tensor z = complex_fill({3}, 7, 3, 11), r = fill({3}, 7, 3, 11);
  const auto zero = Tensor::zeros({3}, DType::f64);
  expect_recorded({
      {"real",
       papilio::real,
       z,
       {-0.227272727273, 0.409090909091, 0.0454545454545},
       {-0.227272727273, 0, 0.409090909091, 0, 0.0454545454545, 0}},
      {"imag",
       papilio::imag,
       z,
       {-0.136363636364, -0.318181818182, -0.5},
       {0, -0.227272727273, 0, 0.409090909091, 0, 0.0454545454545}},
      {"complex of a real part",
       [](const Tensor& re) { return complex(re); },
       r,
       {-0.227272727273, 0, 0.409090909091, 0, 0.0454545454545, 0},
       {-0.227272727273, 0.409090909091, 0.0454545454545}},
      {"complex of an imaginary part",
       [&](const Tensor& im) { return complex(zero, im); },
       r,
       {0, -0.227272727273, 0, 0.409090909091, 0, 0.0454545454545},
       {-0.136363636364, -0.318181818182, -0.5}},
      {"abs2",
       abs2,
       z,
       {0.0702479338843, 0.268595041322, 0.252066115702},
       {0.103305785124, 0.0619834710744, 0.334710743802, -0.260330578512, 0.00413223140496,
        -0.0454545454545}},
      {"abs2 of real numbers",
       abs2,
       r,
       {0.051652892562, 0.167355371901, 0.00206611570248},
       {0.103305785124, 0.334710743802, 0.00413223140496}},
  });
}

TEST(Complex, F32LikeF64) {
  const Tensor z = complex_fill({3, 37}, 7, 3, 101), r = fill({3, 37}, 7, 3, 101);
  expect_f32_like_f64([](const auto& x) { return papilio::real(x[0]); }, {z});
  expect_f32_like_f64([](const auto& x) { return papilio::imag(x[0]); }, {z});
  expect_f32_like_f64([](const auto& x) { return complex(x[0], x[1]); }, {r, scale(r, 3)});
  expect_f32_like_f64([](const auto& x) { return complex(x[0]); }, {r});
  expect_f32_like_f64([](const auto& x) { return abs2(x[0]); }, {z});
  expect_f32_like_f64([](const auto& x) { return abs2(x[0]); }, {r});
}

TEST(Complex, DTypesOfTheResults) {
  for (const auto& [whole, part] : {std::pair{DType::c64, DType::f32}, {DType::c128, DType::f64}}) {
    EXPECT_EQ(papilio::real(Tensor({2}, whole)).dtype(), part);
    EXPECT_EQ(papilio::imag(Tensor({2}, whole)).dtype(), part);
    EXPECT_EQ(abs2(Tensor({2}, whole)).dtype(), part);
    EXPECT_EQ(abs2(Tensor({2}, part)).dtype(), part);
    EXPECT_EQ(complex(Tensor({2}, part)).dtype(), whole);
  }
}

TEST(Complex, TheSignOfZeroSurvives) {
  const C z = complex(Tensor::from<double>({-0.0}), Tensor::from<double>({-0.0})).data<C>()[0];
  EXPECT_TRUE(std::signbit(z.real()) && std::signbit(z.imag()));
}

TEST(Complex, ErrorsNameTensorsAndRule) {
  const Tensor r({2}), z({2}, DType::c64);
  expect_error([&] { papilio::real(r); }, {"real", "f32", "expected c64 or c128"});
  expect_error([&] { papilio::imag(r); }, {"imag", "f32", "expected c64 or c128"});
  expect_error([&] { complex(z); }, {"complex", "c64", "expected f32 or f64"});
  expect_error([&] { complex(r, Tensor({3})); }, {"complex: re [2] f32 and im [3] f32", "shape"});
  expect_error([&] { complex(r, r.to(DType::f64)); }, {"[2] f32", "[2] f64", "dtype"});
  expect_error([&] { abs2(Tensor({2}, DType::i64)); }, {"abs2", "i64"});
}

}  // namespace
}  // namespace papilio
