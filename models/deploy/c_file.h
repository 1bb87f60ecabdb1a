// The parts of a C file that is being written: arrays of numbers, helper functions, the body of
// papilio_forward(). Internal to models.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace papilio::models {

/// The shortest C literal that is this float.
std::string c_literal(float value);

class CFile {
 public:
  /// Appends `static const float NAME[]` and returns the name, which is `name` with what no
  /// identifier holds replaced, behind the prefix papilio_, cut to what C99 tells apart, and unlike
  /// all others.
  std::string array(const std::string& name, std::span<const double> values);
  /// The same of indices below 2^31, in the smallest type that holds them.
  std::string array(const std::string& name, std::span<const int64_t> values);
  std::string unique(const std::string& name);

  void function(const std::string& text) { functions_ += text + "\n"; }
  /// Unless it was called with this name before: a helper, whose name begins with kHelper, as none
  /// of unique() does.
  void function_once(const std::string& name, const std::string& text);
  static constexpr const char* kHelper = "pap_";
  void body(const std::string& line) { body_ += "  " + line + "\n"; }

  /// Bytes of all arrays so far.
  int64_t bytes() const { return bytes_; }
  /// Arrays, functions, and papilio_forward() with `declarations` before its body.
  std::string text(const std::string& comment, int64_t inputs, int64_t outputs,
                   const std::string& declarations) const;

 private:
  void list(const std::string& head, const std::vector<std::string>& literals);

  std::string arrays_, functions_, body_;
  std::set<std::string> names_ = {"papilio_forward"}, helpers_;
  int64_t bytes_ = 0;
};

}  // namespace papilio::models
