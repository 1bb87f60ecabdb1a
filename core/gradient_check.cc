#include "papilio/core/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "papilio/core/memory.h"
#include "papilio/core/random.h"
#include "papilio/core/tape.h"

namespace papilio {
namespace {

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

// f64 and c128 both as plain doubles; the two parts of a complex entry are neighbours.
std::span<const double> reals(const Tensor& t) {
  return {static_cast<const double*>(t.raw()), static_cast<size_t>(t.bytes()) / sizeof(double)};
}

// Leaves NaN in the free memory that the next tensors of this size get: an entry that an op forgets
// to write then shows.
void poison(int64_t bytes) {
  std::vector<Buffer> free;
  for (int i = 0; i < 8; ++i)
    std::memset(free.emplace_back(static_cast<size_t>(bytes)).data(), 0xFF,
                static_cast<size_t>(bytes));
}

class Checker {
 public:
  Checker(const std::function<Tensor()>& f, std::span<const Parameter> parameters, const char* what,
          const GradientCheckOptions& options)
      : f_(f), parameters_(parameters.begin(), parameters.end()), what_(what), options_(options) {
    for (Parameter& p : parameters_) {
      check(p.value().dtype() == DType::f64 || p.value().dtype() == DType::c128,
            "gradient check: ", what_, " ", p.value(), " is not f64 or c128; convert it with to()");
      gradients_before_.push_back(p.gradient());
      p.clear_gradient();
    }
  }
  ~Checker() {
    for (size_t i = 0; i < parameters_.size(); ++i)
      parameters_[i].mutable_gradient() = gradients_before_[i];
  }
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  GradientCheckReport run() {
    const std::vector<Tensor> values = copies();
    const std::vector<Tensor> gradients = differentiate();
    differentiate_twice(gradients);
    for (size_t i = 0; i < values.size(); ++i)
      if (!same_bytes(values[i], parameters_[i].value()))
        complain(concat(label(i), " was written"));
    for (size_t i = 0; i < parameters_.size() && report_.ok; ++i)
      compare_with_differences(i, gradients[i]);
    return report_;
  }

 private:
  std::string label(size_t i) const {
    const Parameter& p = parameters_[i];
    return concat(what_, " ", i, p.name().empty() ? "" : " '" + p.name() + "'", " ", p.value());
  }

  void complain(const std::string& message) {
    if (report_.ok) report_.message = message;
    report_.ok = false;
  }

  std::vector<Tensor> copies() const {
    std::vector<Tensor> all;
    for (const Parameter& p : parameters_) all.push_back(p.value().clone());
    return all;
  }

  void poison_all() const {
    for (const Parameter& p : parameters_) poison(p.value().bytes());
    if (seed_.defined()) poison(seed_.bytes());
  }

  // One plain pass; gives the gradients, zero where none arrived.
  std::vector<Tensor> differentiate() {
    poison_all();
    Tape tape;
    output_ = f_();
    check(output_.dtype() == DType::f64 || output_.dtype() == DType::c128,
          "gradient check: f gave ", output_, ", expected f64 or c128");
    seed_ = randn(output_.shape(), Rng(20), output_.dtype());
    const Tensor seed_before = seed_.clone();
    poison_all();
    tape.backward(output_, seed_);
    if (!same_bytes(seed_, seed_before))
      complain("a backward function wrote the gradient that it was given");

    std::vector<Tensor> gradients;
    for (const Parameter& p : parameters_)
      gradients.push_back(p.gradient().defined()
                              ? p.gradient().clone()
                              : Tensor::zeros(p.value().shape(), p.value().dtype()));
    return gradients;
  }

  // A second pass, in which f is used twice: each gradient must be three times the first one.
  void differentiate_twice(const std::vector<Tensor>& once) {
    Tape tape;
    const Tensor y1 = f_(), y2 = f_();
    if (!same_bytes(output_, y1) || !same_bytes(output_, y2)) complain("f is not deterministic");
    Tensor both = Tensor::zeros({}, DType::f64);
    record("gradient_check", both, {&y1, &y2}, [seed = seed_](const Tensor&, InputGradients& dx) {
      dx.add(0, seed);
      dx.add(1, seed);
    });
    tape.backward(both);
    for (size_t i = 0; i < once.size(); ++i) {
      if (!parameters_[i].gradient().defined()) continue;
      const auto g = reals(once[i]), g3 = reals(parameters_[i].gradient());
      for (size_t k = 0; k < g.size(); ++k)
        if (!(std::abs(g3[k] - 3 * g[k]) <= 1e-12 * std::max(1.0, std::abs(g[k]))))
          return complain(concat(label(i), ", number ", k, ": gradients don't add: after one use ",
                                 g[k], ", after three ", g3[k]));
    }
  }

  // d<seed, f>/d(number k of parameter i), from both sides; on a tape, because layers behave
  // otherwise without one.
  double difference(size_t i, size_t k) {
    Tensor value = parameters_[i].mutable_value();
    const double original = reals(value)[k];
    const auto at = [&](double x) {
      static_cast<double*>(value.mutable_raw())[k] = x;
      const Tape tape;
      return f_().clone();  // it may share the storage of the input
    };
    const Tensor high = at(original + options_.step), low = at(original - options_.step);
    static_cast<double*>(value.mutable_raw())[k] = original;
    const auto s = reals(seed_), h = reals(high), l = reals(low);
    double sum = 0;
    for (size_t j = 0; j < s.size(); ++j) sum += s[j] * (h[j] - l[j]);
    return sum / ((original + options_.step) - (original - options_.step));
  }

  void compare_with_differences(size_t i, const Tensor& gradient) {
    const auto analytic = reals(gradient);
    const auto parts = static_cast<size_t>(is_complex(gradient.dtype()) ? 2 : 1);
    for (size_t k = 0; k < analytic.size(); ++k)
      if (!std::isfinite(analytic[k]))
        return complain(concat(label(i), ", number ", k, ": its gradient is ", analytic[k],
                               "; backward may have left it unwritten"));

    const size_t entries = analytic.size() / parts;
    const size_t varied = std::min(entries, static_cast<size_t>(options_.max_entries));
    for (size_t v = 0; v < varied; ++v)
      for (size_t part = 0; part < parts; ++part) {
        const size_t k = v * entries / varied * parts + part;
        const double numeric = difference(i, k);
        const double error = std::abs(analytic[k] - numeric) /
                             std::max({1.0, std::abs(analytic[k]), std::abs(numeric)});
        if (error <= report_.worst) continue;
        report_.worst = error;
        if (error <= options_.tolerance) continue;
        report_.ok = false;
        report_.message =
            concat(label(i), ", entry ", k / parts,
                   parts == 1  ? ""
                   : part == 0 ? " real part"
                               : " imaginary part",
                   ": backward gives ", analytic[k], ", central differences give ", numeric);
      }
  }

  const std::function<Tensor()>& f_;
  std::vector<Parameter> parameters_;
  std::vector<Tensor> gradients_before_;
  const char* what_;
  GradientCheckOptions options_;
  Tensor output_, seed_;
  GradientCheckReport report_;
};

}  // namespace

GradientCheckReport check_parameter_gradient(const std::function<Tensor()>& f,
                                             std::span<const Parameter> parameters,
                                             const GradientCheckOptions& options) {
  return Checker(f, parameters, "parameter", options).run();
}

GradientCheckReport check_gradient(const std::function<Tensor(std::span<const Tensor>)>& f,
                                   std::span<const Tensor> inputs,
                                   const GradientCheckOptions& options) {
  std::vector<Parameter> parameters;
  std::vector<Tensor> values;
  for (const Tensor& input : inputs)
    values.push_back(parameters.emplace_back(input.clone()).value());
  return Checker([&] { return f(values); }, parameters, "input", options).run();
}

}  // namespace papilio
