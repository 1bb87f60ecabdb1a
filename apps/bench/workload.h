// What the program `bench` measures: one row of its table is one Case.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/core/dtype.h"

namespace papilio::bench {

enum class Op : uint8_t {
  forward,          ///< y = B x, twiddle as it is trained
  forward_frozen,   ///< the same with a twiddle that was prepared once
  backward,         ///< both gradients, of x and of the twiddle, given dL/dy
  step,             ///< forward, then backward
  kmatrix_forward,  ///< the product of two butterflies
};
enum class Layout : uint8_t {
  rows,            ///< x [batch, n]
  features_major,  ///< x [n, batch]
};

struct Case {
  Op op = Op::forward;
  Layout layout = Layout::rows;
  DType dtype = DType::f32;
  int64_t n = 0, batch = 0;
};

/// The names of all ops and of all layouts, in the order of the enumerations.
const std::vector<std::string>& op_names();
const std::vector<std::string>& layout_names();
std::string_view text(Op op);
std::string_view text(Layout layout);
/// The inverse of text(); throws Error that lists the names.
Op op_named(std::string_view name);
Layout layout_named(std::string_view name);

/// Multiply-adds of real numbers that one sample takes: forward_frozen n log2 n + n; forward 2 n
/// log2 n (four for each 2 x 2 matrix), a K-matrix twice that, backward twice that, a step three
/// times; four times as many for complex numbers.
double butterfly_slots(const Case& c);
/// The same for the n x n matrix in its place: n^2, backward 2 n^2, a step 3 n^2.
double dense_slots(const Case& c);

/// A program to be measured side by side with others.
struct Candidate {
  std::string name;
  std::function<void()> run;
  int group = -1;  ///< an equal one, if not negative, says: a way to do the same
};

}  // namespace papilio::bench
