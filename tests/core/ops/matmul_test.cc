#include "papilio/tests/core/ops/gradient_check_table.h"
#include "papilio/tests/core/ops/recorded_values.h"

namespace papilio::testing {
namespace {

Tensor product(std::span<const Tensor> x) { return matmul(x[0], x[1]); }

const GradientRows rows = {
    {"matmul", "not_square", {real({3, 7}), real({7, 2})}, product},
    {"matmul", "one_number", {real({1, 1}), real({1, 1})}, product},
    {"matmul", "row_by_matrix", {real({1, 3}), real({3, 7})}, product},
    {"matmul", "outer_product", {real({7, 1}), real({1, 3})}, product},
    {"matmul", "leading_axes", {real({2, 3, 1, 2}), real({2, 7})}, product},
    {"matmul", "complex", {cplx({3, 2}), cplx({2, 7})}, product},
    {"matmul", "complex_leading_axes", {cplx({2, 2, 3}), cplx({3, 1})}, product},
    {"matmul", "square", {cplx({3, 3})}, [](auto x) { return matmul(x[0], x[0]); }},
};

}  // namespace
}  // namespace papilio::testing

namespace papilio {
namespace {

// a = cfill((2, 2, 3), 7, 3, 11); b = cfill((3, 2), 5, 1, 13)
// (a @ b).backward(cfill((2, 2, 2), 3, 2, 7))
TEST(Matmul, EqualsPyTorchOnComplexNumbers) {
  const Derivatives d =
      differentiate([](const auto& in) { return matmul(in[0], in[1]); },
                    {complex_fill({2, 2, 3}, 7, 3, 11), complex_fill({3, 2}, 5, 1, 13)},
                    [](const Tensor&) {
                      return complex_fill({2, 2, 2}, 3, 2, 7);
                    });
  expect_numbers(d.output, {0.013986013986, -0.15034965035, 0.160839160839, 0.423076923077,
                            0.377622377622, -0.0594405594406, -0.132867132867, -0.0174825174825,
                            0.125874125874, 0.108391608392, 0.034965034965, -0.15034965035,
                            0.297202797203, 0.0839160839161, 0.0874125874126, -0.0909090909091});
  expect_numbers(
      d.gradients[0],
      {0.0384615384615,  -0.0714285714286, -0.208791208791, -0.043956043956,  -0.241758241758,
       0.0549450549451,  0.0384615384615,  -0.291208791209, -0.21978021978,   -0.010989010989,
       -0.120879120879,  -0.0879120879121, 0.192307692308,  -0.0494505494505, -0.230769230769,
       -0.0549450549451, -0.153846153846,  0.153846153846,  -0.230769230769,  0.0769230769231,
       0.104395604396,   0.247252747253,   0.0824175824176, 0.203296703297});
  expect_numbers(d.gradients[1],
                 {0.409090909091, -0.227272727273, 0.233766233766, 0.337662337662, -0.0974025974026,
                  -0.175324675325, 0.38961038961, -0.207792207792, -0.103896103896, 0.0909090909091,
                  0.0454545454545, 0.175324675325});
}

TEST(Matmul, FastPathAgreesWithReference) {
  struct Size {
    int64_t m, k, n;
  };
  for (const auto& [m, k, n] : {Size{1, 1, 1}, Size{1, 37, 19}, Size{19, 37, 1}, Size{19, 1, 37},
                                Size{3, 5, 7}, Size{33, 65, 129}, Size{128, 100, 10}}) {
    SCOPED_TRACE(concat(m, " x ", k, " x ", n));
    expect_f32_like_f64([](const auto& in) { return matmul(in[0], in[1]); },
                        {fill({m, k}, 7, 3, 101), fill({k, n}, 5, 1, 103)});
  }
}

TEST(Matmul, EmptyAxes) {
  EXPECT_EQ(matmul(Tensor({0, 3}), Tensor({3, 4})).shape(), (Shape{0, 4}));
  expect_numbers(matmul(Tensor({2, 0}), Tensor({0, 2})), {0, 0, 0, 0});
}

TEST(Matmul, ErrorsNameShapesAndRule) {
  expect_error(
      [] {
        matmul(Tensor({2, 3}), Tensor({4, 5}));
      },
      {"matmul", "[2, 3]", "[4, 5]", "equal"});
  expect_error(
      [] {
        matmul(Tensor({2, 3}), Tensor({3, 5}, DType::f64));
      },
      {"f32", "f64", "dtypes", "to()"});
  expect_error([] { matmul(Tensor({3}), Tensor({3, 5})); }, {"[3]", "reshape"});
  expect_error(
      [] {
        matmul(Tensor({2, 3}, DType::i64), Tensor({3, 5}, DType::i64));
      },
      {"matmul", "i64"});
}

}  // namespace
}  // namespace papilio
