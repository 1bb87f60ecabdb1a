#include "papilio/apps/bench/workload.h"

#include <algorithm>
#include <cmath>

#include "papilio/core/error.h"

namespace papilio::bench {
namespace {

template <class Enum>
Enum named(std::string_view name, const std::vector<std::string>& names, std::string_view what) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<Enum>(found - names.begin());
  std::string valid;
  for (const std::string& one : names) valid += (valid.empty() ? "" : ", ") + one;
  fail("there is no ", what, " \"", name, "\"; the valid names are: ", valid);
}

double passes(Op op) {
  switch (op) {
    case Op::backward:
      return 2;
    case Op::step:
      return 3;
    default:
      return 1;
  }
}

}  // namespace

const std::vector<std::string>& op_names() {
  static const std::vector<std::string> names = {"forward", "forward_frozen", "backward", "step",
                                                 "kmatrix_forward"};
  return names;
}
const std::vector<std::string>& layout_names() {
  static const std::vector<std::string> names = {"rows", "features_major"};
  return names;
}
std::string_view text(Op op) { return op_names()[static_cast<size_t>(op)]; }
std::string_view text(Layout layout) { return layout_names()[static_cast<size_t>(layout)]; }
Op op_named(std::string_view name) { return named<Op>(name, op_names(), "op"); }
Layout layout_named(std::string_view name) { return named<Layout>(name, layout_names(), "layout"); }

double butterfly_slots(const Case& c) {
  const double n = static_cast<double>(c.n);
  const double blocks = c.op == Op::kmatrix_forward ? 2 : 1;
  const double matrices = c.op == Op::forward_frozen ? n * std::log2(n) + n : 2 * n * std::log2(n);
  return matrices * blocks * passes(c.op) * (is_complex(c.dtype) ? 4 : 1);
}

double dense_slots(const Case& c) {
  const double n = static_cast<double>(c.n);
  return n * n * passes(c.op) * (is_complex(c.dtype) ? 4 : 1);
}

}  // namespace papilio::bench
