#include "papilio/models/deploy/c_butterfly.h"

#include <algorithm>

#include "papilio/core/error.h"
#include "papilio/layers/twiddle.h"

namespace papilio::models {
namespace {

// Elements: two vectors of 512 bits.
constexpr int64_t kLongestRun = 32;

// How a factor goes through the vector, in runs: block b begins at run 2 * stride * b, and in it
// run j meets run j + stride. A record holds the twiddles of such a pair of runs.
struct Plan {
  bool transposed = false;
  int64_t run = 1, stride = 1;  // elements; in runs
  bool shared = false;          // one matrix for all pairs of a run
  std::string record;           // its number, as a C expression in b and j, where b counts runs
  std::vector<std::pair<int64_t, int64_t>> records;  // block and run of their first use
};

int64_t columns_of(int64_t n) { return int64_t{1} << (log2_exact(n) / 2); }

Plan plan(const Factor& factor) {
  const int64_t columns = columns_of(factor.n), rows = factor.n / columns;
  Plan p;
  p.transposed = factor.stride < columns;
  p.run = std::min(kLongestRun, p.transposed ? rows : columns);
  p.stride = (p.transposed ? factor.stride * rows : factor.stride) / p.run;
  const int64_t blocks = factor.n / (2 * factor.stride), row_runs = rows / p.run;
  int64_t used_blocks = blocks, used_runs = p.stride, step = 1;
  if (factor.tying == Tying::none) {
    p.record = "b / 2 + j";
  } else if (factor.tying == Tying::strides) {
    used_blocks = 1, p.shared = p.transposed;
    if (p.transposed) step = row_runs;
    p.record = step == 1 ? "j" : concat("j / ", step);
  } else {
    p.shared = !p.transposed;
    used_runs = p.transposed ? row_runs : 1;
    p.record = concat("b / ", 2 * p.stride);
    if (used_runs > 1) p.record += concat(" * ", used_runs, " + j % ", used_runs);
  }
  // In the transposed vector, a block is of columns alone.
  const int64_t cut = p.transposed ? columns / (2 * factor.stride) : blocks;
  for (int64_t block = 0; block < std::min(used_blocks, cut); ++block)
    for (int64_t j = 0; j < used_runs; j += step) p.records.emplace_back(block, j);
  return p;
}

// Which element of v is at `position` of the vector as the factor sees it.
int64_t element(const Plan& p, int64_t n, int64_t position) {
  if (!p.transposed) return position;
  const int64_t columns = columns_of(n), rows = n / columns;
  return position % rows * columns + position / rows;
}

void append_twiddle(const Factor& factor, const Plan& p, bool complex, std::vector<double>& all) {
  for (const auto& [block, j] : p.records)
    for (size_t e = 0; e < 4; ++e) {
      if (factor.unit_diagonal && (e == 0 || e == 3)) continue;
      for (int part = 0; part < (complex ? 2 : 1); ++part)
        for (int64_t i = 0; i < (p.shared ? 1 : p.run); ++i) {
          const int64_t low = element(p, factor.n, p.run * (2 * p.stride * block + j) + i);
          const auto& entry = factor.matrix(low)[e];
          all.push_back(part == 0 ? entry.real() : entry.imag());
        }
    }
}

// In a record.
int64_t numbers(const Factor& factor, const Plan& p, bool complex) {
  return (factor.unit_diagonal ? 2 : 4) * (complex ? 2 : 1) * (p.shared ? 1 : p.run);
}

// C text of the k-th number of a record.
std::string coefficient(const Plan& p, int k) {
  if (p.shared) return concat("t[", k, "]");
  return k == 0 ? "t[i]" : concat("t[", k * p.run, " + i]");
}

// The sum a x + b y, where a is 1 if its number is negative.
std::string real_sum(const Plan& p, int a, int b) {
  return (a < 0 ? "x" : coefficient(p, a) + " * x") + " + " +
         (b < 0 ? "y" : coefficient(p, b) + " * y");
}

// The real or imaginary part of a x + b y.
std::string complex_sum(const Plan& p, int a, int b, bool imaginary) {
  const auto product = [&](int k, const std::string& re, const std::string& im) {
    if (k < 0) return imaginary ? im : re;
    const std::string cross = coefficient(p, k + 1) + " * " + (imaginary ? re : im);
    return coefficient(p, k) + " * " + (imaginary ? im : re) + (imaginary ? " + " : " - ") + cross;
  };
  return product(a, "x", "xi") + " + " + product(b, "y", "yi");
}

// The function that multiplies two runs by the matrices of a record.
std::string pair_function(CFile& file, const Plan& p, bool unit, bool complex) {
  const std::string name = concat(CFile::kHelper, unit ? "unit_" : "full_",
                                  p.shared ? "shared_" : "", complex ? "complex_" : "", p.run);
  const int step = complex ? 2 : 1;  // numbers of an entry
  const int a = unit ? -1 : 0, b = unit ? 0 : step, c = unit ? step : 2 * step,
            d = unit ? -1 : 3 * step;
  std::string text = concat("static void ", name, "(const float *restrict t, float *restrict lo, ",
                            "float *restrict hi");
  if (complex) text += ", float *restrict lo_i, float *restrict hi_i";
  text += concat(") {\n  for (int i = 0; i < ", p.run, "; ++i) {\n",
                 "    const float x = lo[i], y = hi[i];\n");
  if (complex) {
    text += concat("    const float xi = lo_i[i], yi = hi_i[i];\n    lo[i] = ",
                   complex_sum(p, a, b, false), ";\n    lo_i[i] = ", complex_sum(p, a, b, true),
                   ";\n    hi[i] = ", complex_sum(p, c, d, false),
                   ";\n    hi_i[i] = ", complex_sum(p, c, d, true), ";\n");
  } else {
    text += concat("    lo[i] = ", real_sum(p, a, b), ";\n    hi[i] = ", real_sum(p, c, d), ";\n");
  }
  file.function_once(name, text + "  }\n}\n");
  return name;
}

// The loops of one factor over `v`, whose twiddle begins at t.
std::string loops(CFile& file, const Factor& factor, const Plan& p, bool complex,
                  const std::string& v) {
  const std::string function = pair_function(file, p, factor.unit_diagonal, complex);
  const std::string record =
      p.record.find(' ') == std::string::npos ? p.record : "(" + p.record + ")";
  const auto at = [&](const std::string& offset) {
    return concat(v, " + ", p.run, " * (b + j", offset, ")");
  };
  std::string call = concat(function, "(t + ", numbers(factor, p, complex), " * ", record, ", ",
                            at(""), ", ", at(concat(" + ", p.stride)));
  if (complex)
    call += concat(", ", at("").insert(v.size(), concat(" + ", factor.n)), ", ",
                   at(concat(" + ", p.stride)).insert(v.size(), concat(" + ", factor.n)));
  return concat("  /* stride ", factor.stride, " */\n  for (int b = 0; b < ", factor.n / p.run,
                "; b += ", 2 * p.stride, ")\n    for (int j = 0; j < ", p.stride, "; ++j)\n      ",
                call, ");\n");
}

// Transposes each of the `parts` from `from` [rows, columns] to `to`.
std::string transposition(CFile& file, int64_t n, int64_t rows, int parts, const std::string& from,
                          const std::string& to) {
  file.function_once("pap_transpose",
                     "static void pap_transpose(int rows, int columns, const float *restrict x,\n"
                     "                          float *restrict y) {\n"
                     "  for (int j = 0; j < columns; ++j)\n"
                     "    for (int i = 0; i < rows; ++i) y[rows * j + i] = x[columns * i + j];\n"
                     "}\n");
  std::string text;
  for (int part = 0; part < parts; ++part) {
    const std::string offset = part == 0 ? "" : concat(" + ", n);
    text += concat("  pap_transpose(", rows, ", ", n / rows, ", ", from, offset, ", ", to, offset,
                   ");\n");
  }
  return text;
}

}  // namespace

CButterfly c_butterfly(CFile& file, const std::string& name, const std::vector<Factor>& factors,
                       bool complex) {
  CButterfly result;
  if (factors.empty()) return result;
  const int64_t n = factors[0].n, columns = columns_of(n), rows = n / columns;
  const int parts = complex ? 2 : 1;
  std::string text;
  bool transposed = false;
  const auto turn = [&](bool to) {
    if (to == transposed) return;
    text += transposition(file, n, to ? rows : columns, parts, to ? "v" : "u", to ? "u" : "v");
    transposed = to, result.scratch = true;
  };
  for (const Factor& factor : factors) {
    const Plan p = plan(factor);
    turn(p.transposed);
    text += loops(file, factor, p, complex, transposed ? "u" : "v");
    if (&factor != &factors.back())
      text += concat(
          "  t += ", static_cast<int64_t>(p.records.size()) * numbers(factor, p, complex), ";\n");
  }
  turn(false);
  result.name = file.unique(name);
  file.function(concat("static void ", result.name, "(const float *t, float *v",
                       result.scratch ? ", float *u" : "", ") {\n", text, "}\n"));
  return result;
}

std::vector<double> c_twiddle(const std::vector<Factor>& factors, bool complex) {
  std::vector<double> all;
  for (const Factor& factor : factors) append_twiddle(factor, plan(factor), complex, all);
  return all;
}

}  // namespace papilio::models
