#include "papilio/data/open.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/small_sets.h"

namespace papilio::data {
namespace {

using namespace small_sets;
using testing::AllOf;
using testing::HasSubstr;

class Open : public testing::Test {
 protected:
  Open() {
    write_cifar10(folder_.path(), 2);
    for (const std::string part : {"train", "t10k"}) {
      write(folder_ / (part + "-images-idx3-ubyte"),
            idx_file({3, 28, 28}, std::string(3 * 28 * 28, '\x33')));
      write(folder_ / (part + "-labels-idx1-ubyte"), idx_file({3}, "\x01\x02\x03"));
    }
  }

  AnyDataset opened(const std::string& name, const std::string& input = "{}") const {
    return open(name + ":" + folder_.path(), Split::train, Config::parse(input));
  }
  std::string error_of_open(const std::string& name, const std::string& input = "{}") const {
    return error_of([&] { opened(name, input); });
  }

  const Folder folder_;
};

TEST_F(Open, GivesEachSetItsOwnChoice) {
  EXPECT_EQ(opened("cifar10").get(0).image.shape(), Shape({32, 32, 3}));
  EXPECT_EQ(opened("cifar10").size(), 10);
  EXPECT_EQ(opened("mnist").get(0).image.shape(), Shape({32, 32, 1}));
  EXPECT_EQ(opened("fashion-mnist").get(0).image.shape(), Shape({32, 32, 1}));
  EXPECT_EQ(open("cifar10:" + folder_.path(), Split::test, {}).size(), 2);
  EXPECT_EQ(open("mnist:" + folder_.path(), Split::test).info().name, "mnist test");
}

TEST_F(Open, FitsTheInput) {
  struct Case {
    const char *name, *input;
    Shape shape;
  };
  const Case cases[] = {
      {"cifar10", R"({"grayscale": true})", {32, 32, 1}},
      {"cifar10", R"({"grayscale": false})", {32, 32, 3}},
      {"cifar10", R"({"channels": 1})", {32, 32, 1}},
      {"cifar10",
       R"({"height": 32, "width": 32, "channels": 1, "grayscale": true, "pad": 2})",
       {32, 32, 1}},
      {"mnist", R"({"pad": 0})", {28, 28, 1}},
      {"mnist", R"({"height": 28})", {28, 28, 1}},
      {"mnist", R"({"height": 36, "width": 36})", {36, 36, 1}},
      {"mnist",
       R"({"height": 32, "width": 32, "channels": 1, "grayscale": true, "pad": 0})",
       {32, 32, 1}},
  };
  for (const Case& c : cases) {
    const AnyDataset set = opened(c.name, c.input);
    EXPECT_EQ(set.get(0).image.shape(), c.shape) << c.name << c.input;
    // What a set says of its images opens it again.
    EXPECT_EQ(opened(c.name, set.info().input.dump()).info().input, set.info().input);
  }
}

TEST_F(Open, RefusesWhatDoesNotFit) {
  struct Case {
    const char *name, *input;
  };
  const Case cases[] = {
      {"cifar10", R"({"height": 28})"},
      {"cifar10", R"({"height": 36})"},
      {"cifar10", R"({"pad": 2})"},
      {"cifar10", R"({"width": 31})"},
      {"cifar10", R"({"channels": 4})"},
      {"cifar10", R"({"channels": 3, "grayscale": true})"},
      {"cifar10", R"({"channels": 1, "grayscale": false})"},
      {"mnist", R"({"channels": 3})"},
      {"mnist", R"({"height": 31})"},
      {"mnist", R"({"height": 26})"},
      {"mnist", R"({"height": 27})"},
      {"mnist", R"({"height": 32, "width": 28})"},
      {"mnist", R"({"pad": -1})"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(error_of_open(c.name, c.input),
                AllOf(HasSubstr(std::string(c.name) + " can't give the input {"),
                      HasSubstr("its images are ["), HasSubstr("take another data set")))
        << c.name << c.input;
  EXPECT_THAT(error_of_open("mnist", R"({"padding": 2})"),
              AllOf(HasSubstr("padding"), HasSubstr("grayscale")));
}

TEST_F(Open, ListsTheValidNames) {
  EXPECT_EQ(error_of_open("cifar100"),
            "data: there is no data set cifar100; the valid ones are cifar10:DIR, "
            "fashion-mnist[:DIR], mnist:DIR, amat:DIR, imagenet:DIR, "
            "bg-rot:SET[+PICTURES], noise-1:SET to noise-6:SET");
  EXPECT_THAT(error_of([] { open("", Split::train); }), HasSubstr("without a name"));
  for (const char* spec : {"cifar10", "cifar10:"})
    EXPECT_EQ(error_of([&] { open(spec, Split::train); }),
              "data: cifar10 needs a directory; write cifar10:DIR");
}

TEST_F(Open, VariesAnotherSet) {
  const std::string mnist = "mnist:" + folder_.path(), cifar = "cifar10:" + folder_.path();
  const AnyDataset rotated = open("bg-rot:" + mnist + "+" + cifar, Split::test),
                   textured = open("bg-rot:" + mnist, Split::train),
                   noisy = open("noise-3:" + mnist, Split::train, {{"height", 28}});
  EXPECT_EQ(rotated.get(0).image.shape(), Shape({32, 32, 1}));
  EXPECT_EQ(rotated.size(), 4);
  EXPECT_EQ(textured.size(), 1);
  EXPECT_EQ(noisy.size(), 5);
  EXPECT_EQ(noisy.get(0).image.shape(), Shape({28, 28, 1}));
  const auto message = [](const std::string& spec) {
    return error_of([&] { open(spec, Split::train); });
  };
  EXPECT_THAT(message("noise-7:" + mnist), HasSubstr("noise-1 (smooth) to noise-6"));
  EXPECT_THAT(message("bg-rot:"), HasSubstr("write bg-rot:SET"));
  EXPECT_THAT(message("bg-rot:noise-1:" + mnist), HasSubstr("varies a variation"));
}

TEST_F(Open, AFolderMayHaveAPlusInItsName) {
  for (const char* name : {"a+b", "mnist+cifar10", "100 % \xc3\xbc{}+"}) {
    const std::string folder = folder_.path() + "/" + name;
    std::filesystem::create_directory_symlink(folder_.path(), folder);
    EXPECT_EQ(open("bg-rot:mnist:" + folder, Split::test).size(), 4) << name;
    EXPECT_EQ(open("bg-rot:mnist:" + folder + "+cifar10:" + folder, Split::test).size(), 4) << name;
    EXPECT_EQ(open("mnist:" + folder, Split::test).size(), 3) << name;
  }
}

TEST(MirrorKeepsClass, IsFalseForDigits) {
  for (const char* spec : {"mnist:dir", "amat:file", "bg-rot:mnist:dir", "noise-3:mnist:fashion",
                           "bg-rot:mnist:dir+cifar10:dir"})
    EXPECT_FALSE(mirror_keeps_class(spec)) << spec;
  for (const char* spec : {"cifar10:mnist", "fashion-mnist", "fashion-mnist:dir", "imagenet:dir",
                           "bg-rot:fashion-mnist+cifar10:dir", "noise-1:fashion-mnist:dir"})
    EXPECT_TRUE(mirror_keeps_class(spec)) << spec;
}

}  // namespace
}  // namespace papilio::data
