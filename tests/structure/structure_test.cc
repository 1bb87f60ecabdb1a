// The rules of the tree that a compiler does not check: who may include what, and that quoted code
// is compiled code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;
using testing::IsEmpty;

const fs::path kRoot = PAPILIO_SOURCE_DIR;
const Lines kParts = {"core", "layers", "optim", "data", "models", "apps"};

Lines lines_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  Lines lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> files(const Lines& folders, const Lines& extensions) {
  std::vector<fs::path> found;
  for (const auto& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (std::ranges::count(extensions, entry.path().extension().string()) > 0)
        found.push_back(fs::relative(entry.path(), kRoot));
  std::ranges::sort(found);
  return found;
}

struct Include {
  fs::path file;
  std::string spelling;  // with its quotes or brackets
};

std::vector<Include> includes(const Lines& extensions) {
  static const std::regex pattern(R"re(#include (["<][^">]*[">]).*)re");
  std::vector<Include> found;
  for (const auto& file : files(kParts, extensions))
    for (const auto& line : lines_of(kRoot / file))
      if (std::smatch match; line.starts_with("#include") && std::regex_match(line, match, pattern))
        found.push_back({file, match[1]});
  return found;
}

bool matches(const std::string& text, const char* pattern) {
  return std::regex_match(text, std::regex(pattern));
}

Lines offences(const Lines& extensions, const auto& allowed) {
  Lines found;
  for (const auto& include : includes(extensions))
    if (!allowed(include)) found.push_back(include.file.string() + " includes " + include.spelling);
  return found;
}

TEST(Includes, AreFoundByTheTest) { EXPECT_GT(includes({".h", ".cc"}).size(), 100u); }

TEST(Includes, HaveOneSpelling) {
  auto allowed = [](const Include& include) {
    return matches(include.spelling,
                   R"("papilio/(core|layers|optim|data|models|apps)/[a-z0-9_/-]+\.h")") ||
           (include.spelling.front() == '<' && !include.spelling.starts_with("<papilio"));
  };
  EXPECT_THAT(offences({".h", ".cc"}, allowed), IsEmpty())
      << "write \"papilio/<part>/<file>.h\" for our own headers and <...> for all others";
}

TEST(Includes, OfHeadersAreOursOrStandard) {
  auto allowed = [](const Include& include) {
    const std::string file = include.file.string();
    return file.ends_with("-inl.h") || file.starts_with("apps") ||
           matches(include.spelling, R"("papilio/.*"|<[a-z_]+>)");
  };
  EXPECT_THAT(offences({".h"}, allowed), IsEmpty())
      << "third-party headers belong into .cc files, the -inl.h files of the kernels and apps/";
}

// The -inl.h files are not installed.
TEST(Includes, OfHeadersAreInstalled) {
  auto allowed = [](const Include& include) {
    return include.file.string().ends_with("-inl.h") || !include.spelling.ends_with("-inl.h\"");
  };
  EXPECT_THAT(offences({".h"}, allowed), IsEmpty());
}

TEST(Includes, OfCommandLineParsingAreInAppsOnly) {
  auto allowed = [](const Include& include) {
    return !include.spelling.starts_with("<CLI") || include.file.string().starts_with("apps");
  };
  EXPECT_THAT(offences({".h", ".cc"}, allowed), IsEmpty());
}

TEST(Headers, SayWhatTheyAreForAndAreReadOnce) {
  for (const auto& file : files(kParts, {".h"})) {
    auto lines = lines_of(kRoot / file);
    ASSERT_FALSE(lines.empty()) << file;
    EXPECT_TRUE(lines[0].starts_with("// "))
        << file << " begins with a comment that says what it is for";
    const bool repeated = std::ranges::any_of(lines, [](const auto& line) {
      return line.find("HWY_TARGET") != std::string::npos;
    });  // once for every SIMD target
    EXPECT_EQ(std::ranges::count(lines, "#pragma once"), repeated ? 0 : 1) << file;
  }
}

// What papilio.h includes, directly or not.
void reach(const std::string& header, std::set<std::string>& reached) {
  static const std::regex ours(R"re(#include "papilio/(.*)")re");
  if (!reached.insert(header).second) return;
  for (const auto& line : lines_of(kRoot / header))
    if (std::smatch match; line.starts_with("#include") && std::regex_match(line, match, ours))
      reach(match[1], reached);
}

TEST(PapilioHeader, GivesEveryPublicHeader) {
  const std::set<std::string> internal = {"data/augment.h",
                                          "data/decode_image.h",
                                          "data/decode_stb.h",
                                          "data/folder_index.h",
                                          "data/folder_layout.h",
                                          "data/folder_listing.h",
                                          "data/jpeg_turbo.h",
                                          "data/picture.h",
                                          "data/picture_file.h",
                                          "data/picture_header.h",
                                          "data/picture_input.h",
                                          "data/resize_image.h",
                                          "layers/factorize/hierarchical.h",
                                          "layers/factorize/identify.h",
                                          "layers/factorize/low_rank.h",
                                          "layers/factorize/scalar.h",
                                          "data/gzip.h",
                                          "layers/dense_init.h",
                                          "layers/fourier_butterfly.h",
                                          "optim/elementwise.h",
                                          "optim/options.h",
                                          "models/progress.h",
                                          "models/interrupt.h",
                                          "models/training_state.h",
                                          "models/training_aids.h",
                                          "models/frozen.h",
                                          "models/transform_fit.h",
                                          "models/transform_trial.h",
                                          "models/deploy/c_butterfly.h",
                                          "models/deploy/c_file.h",
                                          "models/deploy/chain.h",
                                          "models/deploy/factors.h",
                                          "models/deploy/onnx_convnet.h",
                                          "models/deploy/onnx_graph.h",
                                          "models/deploy/onnx_layers.h"};
  std::set<std::string> reached;
  reach("models/papilio.h", reached);
  for (const auto& file : files({"layers", "optim", "data", "models"}, {".h"}))
    EXPECT_EQ(reached.contains(file.string()), !internal.contains(file.string()))
        << file
        << ": include a public header in models/papilio.h; list an internal one in this test";
}

// ---- Documents

std::vector<fs::path> documents() {
  auto all = files({"docs"}, {".md"});
  all.emplace_back("README.md");
  return all;
}

struct Quote {
  std::string where, source;
  Lines code;
};

// The C++ and Python blocks of a document; the line before one names its file: <!--
// tests/consumer/train.cc
// -->.
std::vector<Quote> quotes(const fs::path& document) {
  static const std::regex marker(R"(<!-- (\S+) -->)");
  std::vector<Quote> found;
  Lines lines = lines_of(kRoot / document);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] != "```cpp" && lines[i] != "```python") continue;
    Quote quote{document.string() + ":" + std::to_string(i + 1), "", {}};
    if (std::smatch match; i > 0 && std::regex_match(lines[i - 1], match, marker))
      quote.source = match[1];
    while (++i < lines.size() && lines[i] != "```") quote.code.push_back(lines[i]);
    found.push_back(quote);
  }
  return found;
}

// True when `code` stands in `source`, every line behind the same indentation.
bool stands_in(const Lines& code, const Lines& source) {
  for (size_t first = 0; first + code.size() <= source.size(); ++first) {
    const std::string indent(source[first].size() - std::min(source[first].size(), code[0].size()),
                             ' ');
    auto same = [&](const std::string& quoted, const std::string& line) {
      return quoted.empty() ? line.empty() : line == indent + quoted;
    };
    if (std::equal(code.begin(), code.end(), source.begin() + first, same)) return true;
  }
  return false;
}

TEST(Documents, QuoteCodeThatIsCompiledAndTested) {
  int count = 0;
  for (const auto& document : documents())
    for (const auto& quote : quotes(document)) {
      ++count;
      ASSERT_FALSE(quote.source.empty())
          << quote.where
          << ": the line before a block of code names its file: <!-- tests/consumer/train.cc -->";
      ASSERT_TRUE(quote.source.starts_with("tests/")) << quote.where;
      EXPECT_TRUE(stands_in(quote.code, lines_of(kRoot / quote.source)))
          << quote.where << " differs from " << quote.source
          << ", which is what is compiled and tested";
    }
  EXPECT_GE(count, 3);
}

TEST(Documents, QuotesAreComparedToTheLetter) {
  const Lines source = {"int main() {", "  int a = 1;", "", "  return a;", "}"};
  EXPECT_TRUE(stands_in(source, source));
  EXPECT_TRUE(stands_in({"int a = 1;", "", "return a;"}, source));
  EXPECT_FALSE(stands_in({"int a = 1;", "return a;"}, source));
  EXPECT_FALSE(stands_in({"int a = 2;", "", "return a;"}, source));
  EXPECT_FALSE(stands_in({"int a = 1;", "", "  return a;"}, source));
}

TEST(Documents, LinksLeadToFiles) {
  static const std::regex link(R"(\]\(([^)#\s]+)[^)]*\))");
  for (const auto& document : documents()) {
    bool code = false;
    for (const auto& line : lines_of(kRoot / document)) {
      if (line.starts_with("```")) code = !code;
      for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end; ++match) {
        const std::string target = (*match)[1];
        if (code || target.find("://") != std::string::npos) continue;
        EXPECT_TRUE(fs::exists((kRoot / document).parent_path() / target))
            << document << " links to " << target;
      }
    }
  }
}

TEST(Documents, ReadmeNamesEveryExecutable) {
  Lines lines = lines_of(kRoot / "README.md");
  for (const auto& entry : fs::directory_iterator(kRoot / "apps")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string row = "| `" + entry.path().stem().string() + "` |";
    EXPECT_EQ(std::ranges::count_if(lines, [&](const auto& line) { return line.starts_with(row); }),
              1)
        << "README.md needs a row of the table of executables that begins with " << row;
  }
}

}  // namespace
