#include "papilio/models/deploy/c_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "papilio/core/error.h"

namespace papilio::models {
namespace {

constexpr size_t kColumns = 100;
// Of the 63 characters by which C99 tells internal names apart; a number may follow.
constexpr size_t kLongestName = 55;

std::string digits(float value, std::chars_format format) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format).ptr;
  return {text.data(), end};
}

void erase(std::string& text, const std::string& what, const std::string& replacement) {
  if (const size_t at = text.find(what); at != std::string::npos)
    text.replace(at, what.size(), replacement);
}

// 0.25 -> .25
std::string fixed(float value) {
  std::string text = digits(value, std::chars_format::fixed);
  if (std::abs(value) < 1 && value != 0) erase(text, "0.", ".");
  if (text.find('.') == std::string::npos) text += '.';
  return text;
}

// 1e+09 -> 1e9
std::string scientific(float value) {
  std::string text = digits(value, std::chars_format::scientific);
  erase(text, "e+0", "e"), erase(text, "e-0", "e-"), erase(text, "e+", "e");
  return text;
}

}  // namespace

std::string c_literal(float value) {
  const std::string a = fixed(value), b = scientific(value);
  const std::string shortest = a.size() <= b.size() ? a : b;
  // A compiler reads a double and rounds it to float, which in rare cases is another one.
  if (static_cast<float>(std::strtod(shortest.c_str(), nullptr)) == value) return shortest;
  return shortest + 'f';
}

std::string CFile::unique(const std::string& name) {
  std::string base = "papilio_";
  for (const char c : name) base += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  base.resize(std::min(base.size(), kLongestName));
  std::string result = base;
  for (int i = 2; !names_.insert(result).second; ++i) result = concat(base, "_", i);
  return result;
}

void CFile::function_once(const std::string& name, const std::string& text) {
  check(name.starts_with(kHelper), "export to c: the helper ", name, " must begin with ", kHelper);
  if (helpers_.insert(name).second) function(text);
}

void CFile::list(const std::string& head, const std::vector<std::string>& literals) {
  arrays_ += head + " = {\n";
  size_t column = 0;
  for (const std::string& literal : literals) {
    if (column + literal.size() + 1 > kColumns) arrays_ += '\n', column = 0;
    arrays_ += literal + ',';
    column += literal.size() + 1;
  }
  arrays_ += "};\n\n";
}

std::string CFile::array(const std::string& name, std::span<const double> values) {
  std::vector<std::string> literals;
  for (const double value : values) {
    const auto number = static_cast<float>(value);
    check(std::isfinite(number), "export to c: ", name, " has the number ", value,
          ", which no float holds; nothing is written");
    literals.push_back(c_literal(number));
  }
  const std::string identifier = unique(name);
  list(concat("static const float ", identifier, "[", values.size(), "]"), literals);
  bytes_ += static_cast<int64_t>(values.size_bytes() / 2);
  return identifier;
}

std::string CFile::array(const std::string& name, std::span<const int64_t> values) {
  const bool small = std::ranges::all_of(values, [](int64_t i) { return i < 65536; });
  std::vector<std::string> literals;
  for (const int64_t value : values) literals.push_back(std::to_string(value));
  const std::string identifier = unique(name);
  list(concat("static const ", small ? "unsigned short " : "int ", identifier, "[", values.size(),
              "]"),
       literals);
  bytes_ += static_cast<int64_t>(values.size()) * (small ? 2 : 4);
  return identifier;
}

std::string CFile::text(const std::string& comment, int64_t inputs, int64_t outputs,
                        const std::string& declarations) const {
  return concat(comment, "#define PAPILIO_INPUTS ", inputs, "\n#define PAPILIO_OUTPUTS ", outputs,
                "\n\nvoid papilio_forward(const float *x, float *y);\n\n", arrays_, functions_,
                "void papilio_forward(const float *x, float *y) {\n", declarations, body_, "}\n");
}

}  // namespace papilio::models
