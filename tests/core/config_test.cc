// Config: JSON in and out, typed access, and the messages of what does not fit.
#include "papilio/core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "papilio/core/random.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

Config sample() {
  return {{"width", 1024},
          {"hidden", "butterfly"},
          {"lr", 0.1},
          {"tied", true},
          {"list", Config::Array{1, -2.5, Config(), "a\"b\n", Config::Array{}}},
          {"deep", Config{{"a", Config::object()}}}};
}

TEST(Config, DumpsInTheOrderOfTheKeys) {
  EXPECT_EQ(sample().dump(), R"({"width": 1024, "hidden": "butterfly", "lr": 0.1, "tied": true, )"
                             R"("list": [1, -2.5, null, "a\"b\n", []], "deep": {"a": {}}})");
  EXPECT_EQ((Config{{"b", Config::Array{1, 2}}, {"a", Config::object()}}.dump(2)),
            "{\n  \"b\": [\n    1,\n    2\n  ],\n  \"a\": {}\n}");
}

TEST(Config, ReadsBackWhatItDumped) {
  for (int indent : {0, 2}) EXPECT_EQ(Config::parse(sample().dump(indent)), sample());
  const std::string odd = "nul\0, snow \u2603, slash / and \\"s;
  EXPECT_EQ(Config::parse(Config(odd).dump()).as_string(), odd);
  EXPECT_EQ(Config::parse(R"("\u2603\ud83d\ude00")").as_string(), "\u2603\U0001F600");
}

TEST(Config, DoublesReadBackAsTheSameBits) {
  std::vector<double> values = {0.0,
                                -0.0,
                                1.0,
                                1e15,
                                1e16,
                                1e22,
                                123456789012345680.0,
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::min(),
                                std::numeric_limits<double>::denorm_min()};
  for (uint64_t i = 0; i < 20000; ++i) values.push_back(std::bit_cast<double>(Rng(7).bits(i)));
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    const std::string json = Config(value).dump();
    EXPECT_EQ(std::bit_cast<uint64_t>(value),
              std::bit_cast<uint64_t>(Config::parse(json).as_double()))
        << json;
    EXPECT_EQ(Config::parse(json), Config(value)) << json << " came back as another type";
  }
  EXPECT_EQ(Config(std::nan("")).dump(), "null");
  EXPECT_EQ(Config(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(Config, IntegersStayIntegers) {
  for (int64_t value : {int64_t{0}, int64_t{-1}, (int64_t{1} << 53) + 1,
                        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
    EXPECT_EQ(Config::parse(Config(value).dump()).as_int(), value);
  EXPECT_EQ(Config::parse("3").as_double(), 3.0);
  EXPECT_NE(Config(3), Config(3.0));
  EXPECT_EQ(error_of([] { Config::parse("3.0").as_int(); }),
            "config: expected an integer, it is a number: 3.0");
}

struct BadText {
  std::string json, message;
};
class ConfigBadText : public testing::TestWithParam<BadText> {};

TEST_P(ConfigBadText, IsAnError) {
  EXPECT_THAT(error_of([] { Config::parse(GetParam().json); }), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigBadText,
    testing::Values(BadText{"", "column 1"}, BadText{"[1,", "line 1, column 4"},
                    BadText{"[1,\n2,]", "line 2, column 3"}, BadText{"{\"a\" 1}", "column 6"},
                    BadText{"{a: 1}", "column 2"}, BadText{"{} x", "column 4"},
                    BadText{"nan", "column 2"}, BadText{"01", "column 2"},
                    BadText{"// no\n1", "column 1"}, BadText{"\"\xff\"", "UTF-8"},
                    BadText{"\"\xc0\xaf\"", "UTF-8"}, BadText{"\"\\ud800\"", "surrogate"},
                    BadText{"1e999", "1e999"}, BadText{"9223372036854775808", "64 bits"},
                    BadText{"-9223372036854775809", "64 bits"},
                    BadText{"1" + std::string(400, '0'), "overflow"},
                    BadText{R"({"a": 1, "b": 2, "a": 3})", "'a' is there twice"},
                    BadText{R"([{"x": {"a": 1, "a": 1}}])", "'a' is there twice"},
                    BadText{std::string(65, '['), "deeper than 64"},
                    BadText{std::string(1'000'000, '['), "deeper than 64"}));

TEST(Config, NestsUpTo64Deep) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(Config::parse(deep).dump(), deep);
}

TEST(Config, RefusesADoubleKeyAndATextThatIsNotUtf8) {
  EXPECT_THAT(error_of([] { Config{{"a", 1}, {"a", 2}}; }), HasSubstr("'a' is there twice"));
  EXPECT_THAT(error_of([] { Config("\xff").dump(); }), HasSubstr("not UTF-8"));
}

TEST(Config, SaysWhatItIsAndWhatWasExpected) {
  const Config c = sample();
  EXPECT_EQ(error_of([&] { c.at("hidden").as_int(); }),
            "config: expected an integer, it is a string: \"butterfly\"");
  EXPECT_EQ(error_of([&] { c.get("width", "x"); }),
            "'width': config: expected a string, it is an integer: 1024");
  EXPECT_EQ(error_of([&] { c.get("lr", true); }),
            "'lr': config: expected a boolean, it is a number: 0.1");
  EXPECT_EQ(error_of([&] { c.get("list", 1); }),
            "'list': config: expected an integer, it is an array");
  EXPECT_EQ(error_of([&] { c.at("deep").at("b"); }), "config: no key 'b'; it has a");
  EXPECT_EQ(error_of([&] { c.at("width").find("b"); }),
            "config: expected an object, it is an integer: 1024");
  EXPECT_EQ(error_of([&] {
              c.at("deep").expect_keys({"b", "c"}, "mlp");
            }),
            "mlp: 'a' is not a key; valid: b, c");
  EXPECT_EQ(error_of([&] { c.at("deep").expect_keys({"c", "a"}, "mlp"); }), "no error");
}

TEST(Config, GetsAMemberOrTheDefault) {
  const Config c = sample();
  EXPECT_EQ(c.get("width", 7), 1024);
  EXPECT_EQ(c.get("width", 7.5), 1024.0);
  EXPECT_EQ(c.get("depth", 7), 7);
  EXPECT_EQ(c.get("hidden", "dense"), "butterfly");
  EXPECT_EQ(c.get("name", "dense"), "dense");
  EXPECT_TRUE(c.get("tied", false));
  EXPECT_EQ(c.find("depth"), nullptr);
}

TEST(Config, GrowsFromNull) {
  Config c;
  c["a"]["b"] = 1;
  c["list"].push_back(2);
  c["list"].push_back("x");
  c["a"]["b"] = 3;
  EXPECT_EQ(c.dump(), R"({"a": {"b": 3}, "list": [2, "x"]})");
  EXPECT_THAT(error_of([&] { c.push_back(1); }), HasSubstr("expected an array, it is an object"));
  EXPECT_THAT(error_of([&] { c["list"]["x"]; }), HasSubstr("expected an object, it is an array"));
}

}  // namespace
}  // namespace papilio
