#include "papilio/data/amat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/small_sets.h"

namespace papilio::data {
namespace {

using namespace small_sets;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of_parse(const std::string& text) {
  return error_of([&] { parse_amat(text, "file.amat"); });
}

TEST(Amat, ReadsPixelsAndLabelsInTheOrderOfTheFile) {
  const ImageSet set = parse_amat(
      "  0.0000000e+00 2.5000000e-01 5.0000000e-01\t1.0000000e+00 3.0000000e+00\r\n\n1 0 0 0.125 0",
      "file.amat");
  ASSERT_EQ(set.size(), 2);
  EXPECT_EQ(set.image_shape(), Shape({2, 2, 1}));
  EXPECT_THAT(set.get(0).image.to_vector<float>(), ElementsAre(0, 0.25, 0.5, 1));
  EXPECT_EQ(set.get(0).label, 3);
  EXPECT_THAT(set.get(1).image.to_vector<float>(), ElementsAre(1, 0, 0, 0.125));
  EXPECT_EQ(set.get(1).label, 0);
  EXPECT_EQ(set.info().classes.size(), 4u);
}

TEST(Amat, PadsWithZeros) {
  const ImageSet set = parse_amat("0.5 1\n", "file.amat", {.pad = 1});
  EXPECT_THAT(set.get(0).image.to_vector<float>(), ElementsAre(0, 0, 0, 0, 0.5, 0, 0, 0, 0));
  EXPECT_EQ(set.info().input.at("pad").as_int(), 1);
}

TEST(Amat, ErrorsNameFileAndLine) {
  EXPECT_THAT(error_of_parse(""), AllOf(HasSubstr("file.amat"), HasSubstr("empty")));
  EXPECT_THAT(error_of_parse("\n \n"), HasSubstr("empty"));
  EXPECT_THAT(error_of_parse("0.5 1\n0.5 x\n"), HasSubstr("line 2, column 2 is not a number"));
  EXPECT_THAT(error_of_parse("0.5 nan\n"), HasSubstr("column 2 is not a number"));
  EXPECT_THAT(error_of_parse("0.5 1e99\n"), HasSubstr("column 2 is not a number"));
  EXPECT_THAT(error_of_parse("0.5 1\n0.5\n"),
              HasSubstr("line 2 has 1 numbers, the first one has 2"));
  EXPECT_THAT(error_of_parse("0 0 0 1\n"), HasSubstr("3 pixels"));
  EXPECT_THAT(error_of_parse("1\n"), HasSubstr("0 pixels"));
  EXPECT_THAT(error_of_parse("1.5 1\n"), HasSubstr("pixel 0 of example 0 is 1.5"));
  EXPECT_THAT(error_of_parse("0.5 1.5\n"), HasSubstr("label of example 0 is 1.5"));
  EXPECT_THAT(error_of_parse("0.5 256\n"), HasSubstr("label of example 0 is 256"));
  EXPECT_THAT(error_of([] { amat("/nowhere", Split::train); }), HasSubstr("no file or folder"));
}

TEST(Amat, AFolderHasATrainingAndATestFile) {
  const Folder folder;
  EXPECT_THAT(error_of([&] { amat(folder.path(), Split::train); }), HasSubstr("0 files"));
  write(folder / "mnist_rotation_train_valid.amat", "0.5 1\n0.25 0\n");
  write(folder / "mnist_rotation_test.amat", "1 1\n");
  EXPECT_EQ(amat(folder.path(), Split::train).size(), 2);
  EXPECT_EQ(amat(folder.path(), Split::test).size(), 1);
}

TEST(Amat, ASixthOfOneFileIsTheTestSet) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 12; ++i) text += concat(i / 16.0, " ", i, "\n");
  write(folder / "noise.amat", text);
  std::set<int64_t> labels;
  for (const Split split : {Split::train, Split::test}) {
    const ImageSet set = amat(folder / "noise.amat", split);
    EXPECT_EQ(set.size(), split == Split::train ? 10 : 2);
    for (int64_t i = 0; i < set.size(); ++i) {
      const Example example = set.get(i);
      EXPECT_EQ(example.image.item(), static_cast<double>(example.label) / 16);
      labels.insert(example.label);
    }
  }
  EXPECT_EQ(labels.size(), 12u);
}

}  // namespace
}  // namespace papilio::data
