// Runs every row of the table of gradient checks, and looks for ops without a row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "papilio/tests/core/ops/gradient_check_table.h"

namespace papilio::testing {
namespace {

class GradientTable : public ::testing::TestWithParam<GradientCase> {
 protected:
  static std::vector<Tensor> inputs() {
    const Rng key = Rng(1).split(GetParam().op).split(GetParam().name);
    std::vector<Tensor> all;
    for (const InputMaker& make : GetParam().inputs) all.push_back(make(key.split(all.size())));
    return all;
  }
};

TEST_P(GradientTable, backward_agrees_with_central_differences) {
  const GradientCheckReport report = check_gradient(GetParam().f, inputs(), GetParam().options);
  EXPECT_TRUE(report.ok) << report.message;
}

TEST_P(GradientTable, records_the_op_that_its_row_names) {
  Tape tape;
  std::vector<Tensor> watched;
  for (const Tensor& input : inputs()) watched.push_back(tape.watch(input));
  GetParam().f(watched);
  EXPECT_THAT(tape.ops(), ::testing::Contains(GetParam().op));
}

// Evaluated when GoogleTest starts: all rows are registered by then.
INSTANTIATE_TEST_SUITE_P(, GradientTable, ::testing::ValuesIn(gradient_cases()),
                         [](const auto& row) { return row.param.op + "_" + row.param.name; });

std::string contents(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// The first argument of every call of record() in the sources.
std::multiset<std::string> recorded_names() {
  static const std::regex call(R"re(\brecord\(\s*("?\w+"?)\s*,)re");
  std::multiset<std::string> names;
  for (const char* folder : {"core/ops", "layers"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(PAPILIO_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".cc") continue;
      const std::string text = contents(entry.path());
      for (std::sregex_iterator i(text.begin(), text.end(), call), end; i != end; ++i)
        names.insert((*i)[1]);
    }
  return names;
}

TEST(GradientCoverage, every_recorded_op_has_a_row) {
  std::set<std::string> rows;
  for (const GradientCase& row : gradient_cases()) rows.insert(row.op);
  const auto names = recorded_names();
  ASSERT_THAT(names, ::testing::Contains("\"add\""))
      << "the sources were not found in " << PAPILIO_SOURCE_DIR;
  for (const std::string& name : names) {
    ASSERT_EQ(name.front(), '"') << "record(" << name
                                 << ", ...): the name must be a literal, so that this test sees it";
    EXPECT_TRUE(rows.contains(name.substr(1, name.size() - 2)))
        << "op " << name
        << " has no row in the table of gradient checks: add one to its test in tests/core/ops";
  }
}

TEST(GradientCoverage, every_row_is_an_op_of_the_sources) {
  const auto names = recorded_names();
  for (const GradientCase& row : gradient_cases())
    EXPECT_TRUE(names.contains('"' + row.op + '"'))
        << row.op << ": no record(\"" << row.op << "\", ...) in the sources";
}

}  // namespace
}  // namespace papilio::testing
