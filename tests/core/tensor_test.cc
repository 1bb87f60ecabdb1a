// Tensor, Shape and DType.
#include "papilio/core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <complex>

#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using C = std::complex<double>;

TEST(Shape, CountsItsElements) {
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{2, 3, 7}.numel()), 42);
  EXPECT_EQ((Shape{2, 0, 7}.numel()), 0);
  EXPECT_EQ(text(Shape{}), "[]");
  EXPECT_EQ(text(Shape{64, 300}), "[64, 300]");
}

TEST(Shape, AxesCountFromBothEnds) {
  const Shape s{2, 3, 7};
  EXPECT_EQ(s[0], 2);
  EXPECT_EQ(s[-1], 7);
  EXPECT_EQ(s.with(-2, 5), (Shape{2, 5, 7}));
  EXPECT_EQ(s.leading(), (Shape{2, 3}));
  EXPECT_EQ(s.prefix(0), Shape{});
  EXPECT_EQ(s.append(1), (Shape{2, 3, 7, 1}));
  EXPECT_FALSE(s == (Shape{2, 3}));
}

TEST(Shape, Errors) {
  const Shape s{2, 3}, full{1, 1, 1, 1, 1, 1, 1, 1};
  EXPECT_THAT(error_of([] { Shape{2, -1}; }), HasSubstr("[2, -1] has a negative size"));
  EXPECT_THAT(error_of([&] { s.with(0, -5); }), HasSubstr("negative size"));
  EXPECT_THAT(error_of([&] { s.append(-5); }), HasSubstr("negative size"));
  EXPECT_THAT(error_of([&] { (void)s[2]; }), HasSubstr("[2, 3] has no axis 2"));
  EXPECT_THAT(error_of([&] { (void)s[-3]; }), HasSubstr("[2, 3] has no axis -3"));
  EXPECT_THAT(error_of([&] { s.prefix(3); }), HasSubstr("no prefix of 3"));
  EXPECT_THAT(error_of([] { Shape{}.leading(); }), HasSubstr("no prefix of -1"));
  EXPECT_THAT(error_of([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }), HasSubstr("9 axes, at most 8"));
  EXPECT_THAT(error_of([&] { full.append(1); }), HasSubstr("another axis"));
  EXPECT_THAT(error_of([] { (void)Shape{INT64_MAX, 2}.numel(); }), HasSubstr("64 bits"));
}

TEST(DType, NamesAndSizes) {
  for (const auto& [dtype, name, size] : {std::tuple{DType::f32, "f32", 4},
                                          {DType::f64, "f64", 8},
                                          {DType::c64, "c64", 8},
                                          {DType::c128, "c128", 16},
                                          {DType::i64, "i64", 8}}) {
    EXPECT_EQ(text(dtype), name);
    EXPECT_EQ(dtype_named(name), dtype);
    EXPECT_EQ(size_of(dtype), size);
  }
  EXPECT_THAT(error_of([] { dtype_named("f16"); }), HasSubstr("'f16' is unknown; valid: f32, f64"));
}

// The last three once could also mean a null pointer.
TEST(Tensor, ShapeInBraces) {
  EXPECT_EQ(Tensor({2, 3}).shape(), (Shape{2, 3}));
  EXPECT_EQ(Tensor({5}).shape(), Shape{5});
  EXPECT_EQ(Tensor({}, DType::f64).shape(), Shape{});
  EXPECT_EQ(Tensor({0}).shape(), Shape{0});
  EXPECT_EQ(Tensor({0, 4}).shape(), (Shape{0, 4}));
  EXPECT_EQ(Tensor({0, 4}, DType::i64).dtype(), DType::i64);
}

TEST(Tensor, MakersFillEveryDType) {
  EXPECT_THAT(Tensor::zeros({3}).to_vector<float>(), ElementsAre(0, 0, 0));
  EXPECT_THAT(Tensor::full({2}, 2.5, DType::f64).to_vector<double>(), Each(2.5));
  EXPECT_THAT(Tensor::full({2}, 2.5, DType::c128).to_vector<C>(), Each(C(2.5, 0)));
  EXPECT_THAT(Tensor::full({2}, 7, DType::i64).to_vector<int64_t>(), Each(7));
  EXPECT_THAT(Tensor::from<int64_t>({4, 5, 6}).to_vector<int64_t>(), ElementsAre(4, 5, 6));
  EXPECT_EQ(Tensor::from(std::vector<C>{{1, 2}, {3, 4}}, {2, 1}).data<C>()[1], C(3, 4));
}

TEST(Tensor, CopiesAndViewsShareTheirStorage) {
  Tensor a = Tensor::from<float>({1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(a.unique());
  const Tensor copy = a, view = a.view({2, 3}), detached = a.detach(), cloned = a.clone();
  EXPECT_FALSE(a.unique());
  for (const Tensor& t : {copy, view, detached}) EXPECT_TRUE(t.shares_storage_with(a));
  EXPECT_FALSE(cloned.shares_storage_with(a));
  a.mutable_data<float>()[5] = 7;
  EXPECT_EQ(view.data<float>()[5], 7);
  EXPECT_EQ(cloned.data<float>()[5], 6);
  EXPECT_EQ(view.dim(-1), 3);
}

TEST(Tensor, WritingRaisesTheVersionOfTheStorage) {
  Tensor a = Tensor::zeros({2});
  const Tensor view = a.view({1, 2});
  const uint64_t before = view.version();
  (void)a.data<float>();
  EXPECT_EQ(view.version(), before);
  a.assign(Tensor::full({2}, 3));
  EXPECT_GT(view.version(), before);
  EXPECT_THAT(view.to_vector<float>(), ElementsAre(3, 3));
}

TEST(Tensor, ConvertsDTypes) {
  const Tensor x = Tensor::from<double>({1.5, -2.75});
  EXPECT_THAT(x.to(DType::f32).to_vector<float>(), ElementsAre(1.5f, -2.75f));
  EXPECT_THAT(x.to(DType::c128).to_vector<C>(), ElementsAre(C(1.5, 0), C(-2.75, 0)));
  EXPECT_THAT(x.to(DType::i64).to_vector<int64_t>(), ElementsAre(1, -2));  // towards zero
  EXPECT_THAT(Tensor::from<int64_t>({3}).to(DType::c64).to_vector<std::complex<float>>(),
              ElementsAre(std::complex<float>(3, 0)));
  EXPECT_FALSE(x.to(DType::f64).shares_storage_with(x));
  EXPECT_THAT(error_of([&] { x.to(DType::c64).to(DType::f32); }),
              HasSubstr("[2] c64 can't become f32; take real()"));
}

TEST(Tensor, ItemIsTheOnlyElement) {
  EXPECT_EQ(Tensor::full({1, 1}, 2.5).item(), 2.5);
  EXPECT_EQ(Tensor::full({}, 7, DType::i64).item(), 7);
  EXPECT_THAT(error_of([] { Tensor::zeros({2}).item(); }), HasSubstr("[2] f32 has 2 elements"));
  EXPECT_THAT(error_of([] { Tensor::zeros({}, DType::c64).item(); }), HasSubstr("c64"));
}

TEST(Tensor, ErrorsSayShapesAndDTypes) {
  Tensor x({2, 3});
  EXPECT_THAT(error_of([] { Tensor().shape(); }), HasSubstr("undefined"));
  EXPECT_THAT(error_of([&] { x.data<double>(); }), HasSubstr("[2, 3] f32 was read as f64"));
  EXPECT_THAT(error_of([&] { x.mutable_data<double>(); }), HasSubstr("was written as f64"));
  EXPECT_THAT(error_of([&] { x.view({7}); }), HasSubstr("has 6 elements, [7] has 7"));
  EXPECT_THAT(error_of([&] { x.assign(Tensor({3, 2})); }), HasSubstr("[3, 2] f32 does not fit"));
  EXPECT_THAT(error_of([] {
                Tensor::from(std::vector<float>{1, 2}, {3});
              }),
              HasSubstr("2 values given for [3]"));
  EXPECT_THAT(error_of([] { Tensor({-1, 2}); }), HasSubstr("negative size"));
  EXPECT_THAT(error_of([] { Tensor({int64_t{1} << 61}); }), HasSubstr("63 bits"));
  EXPECT_EQ(text(Tensor()), "undefined");
  EXPECT_EQ(text(x), "[2, 3] f32");
}

}  // namespace
}  // namespace papilio
