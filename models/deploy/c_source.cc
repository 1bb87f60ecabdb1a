#include <algorithm>
#include <complex>
#include <map>
#include <utility>

#include "papilio/core/system.h"
#include "papilio/layers/twiddle.h"
#include "papilio/models/deploy.h"
#include "papilio/models/deploy/c_butterfly.h"
#include "papilio/models/deploy/c_file.h"
#include "papilio/models/deploy/chain.h"
#include "papilio/models/deploy/factors.h"

namespace papilio::models {
namespace {

// Real parts, then, if it is complex, imaginary parts.
std::vector<double> planes(const Tensor& t) {
  std::vector<double> all;
  dispatch_floating(t.dtype(), "export", [&]<class T>() {
    for (const T& value : t.span<T>()) all.push_back(std::real(value));
    if constexpr (is_complex_type<T>)
      for (const T& value : t.span<T>()) all.push_back(std::imag(value));
  });
  return all;
}

std::string for_each(int64_t count, const std::string& statement) {
  return concat("for (int i = 0; i < ", count, "; ++i) ", statement);
}
std::string offset(const std::string& vector, int64_t count) {
  return count == 0 ? vector : concat(vector, " + ", count);
}

const char* const kDot =
    "static float pap_dot(int n, const float *restrict w, const float *restrict x) {\n"
    "  float part[32] = {0}, sum = 0;\n"
    "  int k = 0;\n"
    "  for (; k + 32 <= n; k += 32)\n"
    "    for (int i = 0; i < 32; ++i) part[i] += w[k + i] * x[k + i];\n"
    "  for (; k < n; ++k) sum += w[k] * x[k];\n"
    "  for (int i = 0; i < 32; ++i) sum += part[i];\n"
    "  return sum;\n"
    "}\n";

// Writes step after step. Values between them are in the arrays a and b in turn, butterflies work
// in v and u; complex ones are n real, then n imaginary parts.
class Writer {
 public:
  Writer(Module& model, const Shape& example, const CSourceOptions& options)
      : chain_(chain_of(model, example, "c")), description_(model.describe()), options_(options) {}

  Deployment write() {
    check(chain_.steps.empty() || !chain_.steps.back().complex_out,
          "export to c: the model's output is complex; end it with a Complex2Real layer");
    fold_standardization(chain_);
    for (size_t i = 0; i < chain_.steps.size(); ++i) {
      const Step& step = chain_.steps[i];
      to_ = i + 1 == chain_.steps.size() ? "y" : from_ == "a" ? "b" : "a";
      const int64_t before = file_.bytes();
      note_.clear();
      std::visit([&](const auto& what) { add(step, what); }, step.what);
      result_.layers.push_back({step.layer, step.type, file_.bytes() - before, note_});
    }
    if (from_ == "x") file_.body(for_each(chain_.outputs, "y[i] = x[i];"));
    result_.file = file_.text(comment(), chain_.inputs, chain_.outputs, declarations());
    return std::move(result_);
  }

 private:
  std::string name(const Step& step, const char* what) const {
    return step.layer.empty() ? what : concat(step.layer, "_", what);
  }
  // The values of this step are in to_ now.
  void done(const Step& step) {
    from_ = to_;
    if (to_ != "y") used_[to_] = std::max(used_[to_], step.out * (step.complex_out ? 2 : 1));
  }

  // An element of a vector in C; a literal where all of them are equal.
  std::string element(const Step& step, const char* what, const Tensor& values) {
    const std::vector<double> all = planes(values);
    if (std::ranges::all_of(all, [&](double v) { return v == all[0]; }))
      return "(float)" + c_literal(static_cast<float>(all[0]));
    return file_.array(name(step, what), all) + "[i]";
  }

  void add(const Step& step, const StandardizeStep& what) {
    if (!what.mean.defined() && !what.factor.defined()) {
      note_ = "part of the next layer";
      return;
    }
    std::string value = from_ + "[i]";
    if (what.mean.defined())
      value = concat("(", value, " - ", element(step, "mean", what.mean), ")");
    if (what.factor.defined()) value += " * " + element(step, "factor", what.factor);
    if (!what.mean.defined() || !what.factor.defined()) note_ = "partly in the next layer";
    file_.body(for_each(step.out, concat(to_, "[i] = ", value, ";")));
    done(step);
  }

  void add(const Step& step, const DenseStep& what) {
    file_.function_once("pap_dot", kDot);
    const bool complex = is_complex(what.weight.dtype());
    const std::string weight = file_.array(name(step, "weight"), planes(what.weight));
    const std::string bias = bias_array(step, what.bias);
    const auto dot = [&](int64_t part, int64_t of_x) {
      return concat("pap_dot(", step.in, ", ", weight, " + ",
                    part == 0 ? "" : concat(part * what.weight.numel(), " + "), step.in, " * i, ",
                    offset(from_, of_x * step.in), ")");
    };
    if (!complex) {
      finish(step.out, dot(0, 0), bias, 0, 0, what.relu);
    } else {
      finish(step.out, dot(0, 0) + " - " + dot(1, 1), bias, 0, 0, false);
      finish(step.out, dot(0, 1) + " + " + dot(1, 0), bias, bias_complex(what.bias) * step.out,
             step.out, false);
    }
    if (step.type.rfind("Linear", 0) != 0) note_ = "as a dense matrix";
    done(step);
  }

  void add(const Step& step, const ButterflyStep& what) {
    const bool complex = is_complex(what.twiddle.dtype());
    const auto all = stacks_of(what);
    const CButterfly butterfly =
        c_butterfly(file_, step.layer.empty() ? "butterfly" : step.layer, all[0], complex);
    std::vector<double> twiddle;
    for (const auto& stack : all) {
      const std::vector<double> own = c_twiddle(stack, complex);
      twiddle.insert(twiddle.end(), own.begin(), own.end());
    }
    work_ = std::max(work_, what.n * (complex ? 2 : 1));
    scratch_ |= butterfly.scratch;
    const std::string array = twiddle.empty() ? "" : file_.array(name(step, "twiddle"), twiddle);
    const std::string bias = bias_array(step, what.bias);
    for (size_t stack = 0; stack < all.size(); ++stack) {
      load(step, what.n, complex);
      if (!array.empty())
        file_.body(concat(butterfly.name, "(",
                          offset(array, static_cast<int64_t>(stack * twiddle.size() / all.size())),
                          ", v", butterfly.scratch ? ", u" : "", ");"));
      store(step, what, static_cast<int64_t>(stack), bias);
    }
    done(step);
  }

  void add(const Step& step, const GatherStep& what) {
    const std::string index = file_.array(name(step, "index"), what.index);
    for (int64_t part = 0; part < (step.complex_in ? 2 : 1); ++part)
      file_.body(
          for_each(step.out, concat(to_, "[", offset("i", part * step.out), "] = ", from_, "[",
                                    offset(concat(index, "[i]"), part * step.in), "];")));
    done(step);
  }

  void add(const Step& step, const ReluStep&) {
    finish(step.out, from_ + "[i]", "", 0, 0, true);
    done(step);
  }

  void add(const Step& step, const ComplexStep&) {
    file_.body(for_each(step.out, concat(to_, "[i] = ", from_, "[i];")));
    file_.body(for_each(step.out, concat(to_, "[", step.out, " + i] = 0;")));
    done(step);
  }

  void add(const Step& step, const RealStep&) {
    file_.body(for_each(step.out, concat(to_, "[i] = ", from_, "[i];")));
    done(step);
  }

  // The factors of all stacks, with ones on their diagonals where that is asked for, or free.
  std::vector<std::vector<Factor>> stacks_of(ButterflyStep step) {
    const bool tied = step.tying[0] != Tying::none;
    const bool frozen = !tied && options_.frozen && step.n > 1 && freeze(step);
    std::vector<std::vector<Factor>> all;
    for (int64_t stack = 0; stack < stacks(step); ++stack) all.push_back(factors(step, stack));
    auto scaled = all;
    if (tied && std::ranges::all_of(scaled, [](auto& stack) { return unit_diagonals(stack); })) {
      if (step.n > 1) note_ = "scaled to ones on the diagonals";
      return scaled;
    }
    if (frozen)
      for (auto& stack : all)
        for (size_t i = 0; i + 1 < stack.size(); ++i) stack[i].unit_diagonal = true;
    return all;
  }

  // The untied twiddle in its frozen form; false if there is none.
  bool freeze(ButterflyStep& step) {
    const Tensor narrow =
        step.twiddle.to(is_complex(step.twiddle.dtype()) ? DType::c64 : DType::f32);
    const Tensor frozen = unit_diagonal_twiddle(narrow, step.increasing_stride);
    note_ = frozen.defined() ? "frozen" : "not frozen: a scaling would leave the range of float";
    if (frozen.defined()) step.twiddle = frozen.to(step.twiddle.dtype());
    return frozen.defined();
  }

  std::string bias_array(const Step& step, const Tensor& bias) {
    return bias.defined() ? file_.array(name(step, "bias"), planes(bias)) : "";
  }
  static int64_t bias_complex(const Tensor& bias) {
    return bias.defined() && is_complex(bias.dtype()) ? 1 : 0;
  }

  // to_[at + i] = relu(value + bias[bias_at + i])
  void finish(int64_t count, std::string value, const std::string& bias, int64_t bias_at,
              int64_t at, bool relu) {
    if (!bias.empty()) value += concat(" + ", bias, "[", offset("i", bias_at), "]");
    const std::string target = concat(to_, "[", offset("i", at), "]");
    file_.body(for_each(
        count, relu ? concat("{ const float z = ", value, "; ", target, " = z < 0 ? 0 : z; }")
                    : concat(target, " = ", value, ";")));
  }

  // v = the input, padded with zeros
  void load(const Step& step, int64_t n, bool complex) {
    const int64_t count = std::min(step.in, n);
    file_.body(for_each(count, concat("v[i] = ", from_, "[i];")));
    if (count < n) file_.body(for_each(n - count, concat("v[", offset("i", count), "] = 0;")));
    if (!complex) return;
    if (!step.complex_in) {
      file_.body(for_each(n, concat("v[", offset("i", n), "] = 0;")));
      return;
    }
    file_.body(for_each(
        count, concat("v[", offset("i", n), "] = ", from_, "[", offset("i", step.in), "];")));
    if (count < n) file_.body(for_each(n - count, concat("v[", offset("i", n + count), "] = 0;")));
  }

  // The outputs of one stack.
  void store(const Step& step, const ButterflyStep& what, int64_t stack, const std::string& bias) {
    const int64_t begin = stack * what.n, count = std::min(what.n, step.out - begin);
    const bool complex = is_complex(what.twiddle.dtype()) && !what.real_part;
    finish(count, "v[i]", bias, begin, begin, what.relu);
    if (complex)
      finish(count, concat("v[", offset("i", what.n), "]"), bias_complex(what.bias) ? bias : "",
             begin + step.out, begin + step.out, false);
  }

  std::string declarations() const {
    std::string text;
    const auto declare = [&](const std::string& vector, int64_t size) {
      text += concat("  float ", vector, "[", size, "];\n");
    };
    for (const auto& [vector, size] : used_) declare(vector, size);
    if (work_ > 0) declare("v", work_);
    if (scratch_) declare("u", work_);
    return text;
  }

  std::string comment() const {
    std::string text =
        concat("/* ", description_, ", written by Papilio ", system_info().version, ".\n\n",
               "   papilio_forward() takes PAPILIO_INPUTS floats x as the model takes "
               "them, not normalised,\n   and writes PAPILIO_OUTPUTS floats y, which "
               "must not overlap x. It works on the stack alone.\n   C99, nothing to "
               "link: cc -std=c99 -O3 -march=native -c FILE\n\n");
    for (const DeployedLayer& row : result_.layers)
      text += concat("   ", row.layer.empty() ? "" : row.layer + ": ", row.type, ", ",
                     row.weight_bytes, " bytes", row.note.empty() ? "" : ", " + row.note, "\n");
    return text + "*/\n";
  }

  Chain chain_;
  std::string description_;
  CSourceOptions options_;
  CFile file_;
  Deployment result_;
  std::string from_ = "x", to_, note_;
  std::map<std::string, int64_t> used_;  // a and b, with their sizes
  int64_t work_ = 0;                     // size of v and u
  bool scratch_ = false;
};

}  // namespace

int64_t Deployment::weight_bytes() const {
  int64_t sum = 0;
  for (const DeployedLayer& layer : layers) sum += layer.weight_bytes;
  return sum;
}

Deployment c_source(Module& model, const Shape& example, const CSourceOptions& options) {
  return Writer(model, example, options).write();
}

}  // namespace papilio::models
