// Long because the fits to a fixed and to a learned permutation share one chain of stages.
#include "papilio/models/transform_fit.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <utility>

#include "papilio/core/kernels/butterfly.h"
#include "papilio/core/kernels/butterfly_misfit.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/resize.h"
#include "papilio/layers/twiddle.h"

namespace papilio::models {
namespace {

using Complex = std::complex<double>;
using Permutations = std::vector<std::vector<int64_t>>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

int64_t matrices_of(const FitModel& model, const FitStage& stage) {
  return stage.nblocks * (model.tied ? model.n - 1 : log2_exact(model.n) * model.n / 2);
}

// Which stored 2 x 2 matrix stands where in the untied twiddle of a stage.
std::vector<int64_t> sources_of(const FitModel& model, const FitStage& stage) {
  std::vector<int64_t> sources;
  const int64_t levels = log2_exact(model.n);
  for (int64_t block = 0; block < stage.nblocks; ++block)
    for (int64_t k = 0; k < levels; ++k) {
      const bool increasing = stage.increasing_stride == (block % 2 == 0);
      const int64_t stride = int64_t{1} << (increasing ? k : levels - 1 - k);
      for (int64_t i = 0; i < model.n / 2; ++i)
        sources.push_back(model.tied ? block * (model.n - 1) + stride - 1 + i % stride
                                     : (block * levels + k) * model.n / 2 + i);
    }
  return sources;
}

// Between the flat doubles that are optimised and untied twiddles of T.
template <class T>
class Twiddles {
 public:
  Twiddles(const FitModel& model, const FitStage& stage)
      : sources_(sources_of(model, stage)), values(4 * sources_.size()), gradient(values.size()) {}

  void read(const double* x) {
    for (size_t i = 0; i < sources_.size(); ++i)
      for (size_t e = 0; e < 4; ++e) values[4 * i + e] = number(x + entry(i, e));
  }
  void add_gradient(double scale, double* g) const {
    for (size_t i = 0; i < sources_.size(); ++i)
      for (size_t e = 0; e < 4; ++e) add(scale, gradient[4 * i + e], g + entry(i, e));
  }

 private:
  static constexpr size_t kParts = is_complex_type<T> ? 2 : 1;
  size_t entry(size_t i, size_t e) const { return (4 * at(sources_[i]) + e) * kParts; }
  static T number(const double* x) {
    using R = real_type<T>;
    if constexpr (is_complex_type<T>)
      return {static_cast<R>(x[0]), static_cast<R>(x[1])};
    else
      return static_cast<R>(x[0]);
  }
  static void add(double scale, const T& value, double* g) {
    if constexpr (is_complex_type<T>)
      g[0] += scale * static_cast<double>(value.real()),
          g[1] += scale * static_cast<double>(value.imag());
    else
      g[0] += scale * static_cast<double>(value);
  }

  std::vector<int64_t> sources_;

 public:
  std::vector<T> values, gradient;
};

template <class T>
T converted(const Complex& z) {
  using R = real_type<T>;
  if constexpr (is_complex_type<T>)
    return {static_cast<R>(z.real()), static_cast<R>(z.imag())};
  else
    return static_cast<R>(z.real());
}

// One complex butterfly of increasing strides, with its permutation applied to the target.
template <class R>
class ButterflyFit : public Misfit {
 public:
  ButterflyFit(const FitModel& model, const Tensor& target, const std::vector<int64_t>& v)
      : n_(model.n),
        twiddles_(model, model.stages.front()),
        misfit_(n_, permuted(target, v).data(), model.real_part) {}

  double operator()(std::span<const double> x, std::span<double> gradient) override {
    twiddles_.read(x.data());
    const double squares = misfit_(twiddles_.values.data(), twiddles_.gradient.data());
    const double scale = 1 / static_cast<double>(n_);
    std::ranges::fill(gradient, 0);
    twiddles_.add_gradient(scale, gradient.data());
    return scale * squares;
  }

 private:
  // Column v[j] of B P is column j of B.
  static std::vector<std::complex<R>> permuted(const Tensor& target,
                                               const std::vector<int64_t>& v) {
    const int64_t n = target.dim(0);
    const Complex* from = target.data<Complex>();
    std::vector<std::complex<R>> to;
    to.reserve(at(n * n));
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        to.push_back(converted<std::complex<R>>(from[i * n + (v.empty() ? j : v[at(j)])]));
    return to;
  }

  int64_t n_;
  Twiddles<std::complex<R>> twiddles_;
  kernels::ButterflyMisfit<R> misfit_;
};

// The columns of a chain's matrix, as rows, and how they differ from the target's.
template <class T>
class ChainFit {
 public:
  ChainFit(const FitModel& model, const Tensor& target)
      : model_(model), in_(target.dim(1)), out_(target.dim(0)) {
    for (const FitStage& stage : model.stages) twiddles_.emplace_back(model, stage);
    target_.resize(at(in_ * out_));
    const Complex* from = target.data<Complex>();
    for (int64_t i = 0; i < out_; ++i)
      for (int64_t j = 0; j < in_; ++j) target_[at(j * out_ + i)] = converted<T>(from[i * in_ + j]);
  }

  int64_t columns() const { return in_; }

  // permute(stage, rows, values) and permute_back(stage, rows, gradient) work in place.
  template <class Permute, class PermuteBack>
  double evaluate(std::span<const int64_t> columns, const double* x, double* gradient,
                  const Permute& permute, const PermuteBack& permute_back) {
    const int64_t rows = std::ssize(columns), n = model_.n;
    std::vector<T> y(at(rows * n));
    for (int64_t r = 0; r < rows; ++r) y[at(r * n + columns[at(r)])] = T(1);
    inputs_.resize(twiddles_.size());
    for (size_t s = 0; s < twiddles_.size(); ++s) {
      twiddles_[s].read(x + offset(s));
      permute(s, rows, y);
      inputs_[s] = y;
      kernels::butterfly_forward(shape(s, rows), twiddles_[s].values.data(), inputs_[s].data(),
                                 y.data());
    }
    const double scale = 1 / static_cast<double>(rows), squares = differences(columns, y);
    std::fill_n(gradient, model_.twiddle_count(), 0);
    std::vector<T> back(y.size());
    for (size_t s = twiddles_.size(); s-- > 0;) {
      kernels::butterfly_backward(shape(s, rows), twiddles_[s].values.data(), inputs_[s].data(),
                                  y.data(), back.data(), twiddles_[s].gradient.data());
      std::swap(y, back);
      twiddles_[s].add_gradient(scale, gradient + offset(s));
      permute_back(s, rows, y);
    }
    return scale * squares;
  }

 private:
  int64_t offset(size_t stage) const {
    int64_t matrices = 0;
    for (size_t s = 0; s < stage; ++s) matrices += matrices_of(model_, model_.stages[s]);
    return matrices * 4 * (is_complex_type<T> ? 2 : 1);
  }
  kernels::ButterflyShape shape(size_t stage, int64_t rows) const {
    const FitStage& form = model_.stages[stage];
    return {.batch = rows,
            .in_features = model_.n,
            .n = model_.n,
            .nblocks = form.nblocks,
            .increasing_stride = form.increasing_stride,
            .out_features = model_.n};
  }

  // y becomes the gradient of the squares, whose sum is returned.
  double differences(std::span<const int64_t> columns, std::vector<T>& y) const {
    double squares = 0;
    for (int64_t r = 0; r < std::ssize(columns); ++r) {
      T* row = y.data() + r * model_.n;
      const T* target = target_.data() + columns[at(r)] * out_;
      std::fill(row + out_, row + model_.n, T(0));
      for (int64_t i = 0; i < out_; ++i) {
        T e = row[i] - target[i];
        if constexpr (is_complex_type<T>) {
          if (model_.real_part) e = e.real();
          squares += static_cast<double>(e.real()) * static_cast<double>(e.real()) +
                     static_cast<double>(e.imag()) * static_cast<double>(e.imag());
        } else {
          squares += static_cast<double>(e) * static_cast<double>(e);
        }
        row[i] = real_type<T>(2) * e;
      }
    }
    return squares;
  }

  FitModel model_;
  int64_t in_, out_;
  std::vector<Twiddles<T>> twiddles_;
  std::vector<T> target_;  // its columns
  std::vector<std::vector<T>> inputs_;
};

template <class T>
class HardFit : public Misfit {
 public:
  HardFit(const FitModel& model, const Tensor& target, Permutations permutations)
      : fit_(model, target), n_(model.n), permutations_(std::move(permutations)) {
    columns_.resize(at(fit_.columns()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  double operator()(std::span<const double> x, std::span<double> gradient) override {
    const auto moved = [&](bool back) {
      return [this, back](size_t stage, int64_t rows, std::vector<T>& y) {
        const std::vector<int64_t>& v = permutations_[stage];
        if (v.empty()) return;
        std::vector<T> old(at(n_));
        for (int64_t r = 0; r < rows; ++r) {
          T* row = y.data() + r * n_;
          std::copy_n(row, n_, old.begin());
          for (int64_t j = 0; j < n_; ++j)
            if (back)
              row[v[at(j)]] = old[at(j)];
            else
              row[j] = old[at(v[at(j)])];
        }
      };
    };
    return fit_.evaluate(columns_, x.data(), gradient.data(), moved(false), moved(true));
  }

 private:
  ChainFit<T> fit_;
  int64_t n_;
  Permutations permutations_;
  std::vector<int64_t> columns_;
};

template <class T>
class SoftFit : public Misfit {
 public:
  SoftFit(const FitModel& model, const Tensor& target, bool shared, int64_t columns, Rng rng)
      : fit_(model, target),
        twiddle_count_(model.twiddle_count()),
        columns_(std::min(columns, fit_.columns())),
        rng_(rng) {
    int64_t offset = twiddle_count_;
    for (const FitStage& stage : model.stages) {
      const PermutationChoices choices = model.choices(stage, shared);
      stages_.push_back({stage.permuted, offset, SoftPermutation<T>(choices)});
      if (stage.permuted) offset += choices.count();
    }
  }

  double operator()(std::span<const double> x, std::span<double> gradient) override {
    std::ranges::fill(gradient, 0);
    const auto soft = [&](size_t stage, int64_t rows, std::vector<T>& y) {
      Stage& s = stages_[stage];
      if (s.permuted) s.permutation.forward(x.data() + s.logits, rows, y.data(), y.data());
    };
    const auto back = [&](size_t stage, int64_t rows, std::vector<T>& y) {
      Stage& s = stages_[stage];
      if (!s.permuted) return;
      logit_gradient_.assign(gradient.size(), 0);
      s.permutation.backward(rows, y.data(), logit_gradient_.data());
      for (size_t i = at(s.logits), j = 0; i < gradient.size(); ++i, ++j)
        gradient[i] += logit_gradient_[j] / static_cast<double>(rows);
    };
    return fit_.evaluate(next_columns(), x.data(), gradient.data(), soft, back);
  }

 private:
  struct Stage {
    bool permuted;
    int64_t logits;  // where they begin
    SoftPermutation<T> permutation;
  };

  std::span<const int64_t> next_columns() {
    if (order_.empty() || next_ + columns_ > std::ssize(order_)) {
      order_ = rng_.split(epoch_++).permutation(fit_.columns());
      next_ = 0;
    }
    next_ += columns_;
    return std::span(order_).subspan(at(next_ - columns_), at(columns_));
  }

  ChainFit<T> fit_;
  int64_t twiddle_count_, columns_;
  Rng rng_;
  std::vector<Stage> stages_;
  std::vector<int64_t> order_;
  int64_t next_ = 0;
  uint64_t epoch_ = 0;
  std::vector<double> logit_gradient_;
};

template <template <class> class Fit, class... Arguments>
std::unique_ptr<Misfit> make_fit(const FitModel& model, Arguments&&... arguments) {
  if (model.complex && model.single)
    return std::make_unique<Fit<std::complex<float>>>(model, arguments...);
  if (model.complex) return std::make_unique<Fit<Complex>>(model, arguments...);
  if (model.single) return std::make_unique<Fit<float>>(model, arguments...);
  return std::make_unique<Fit<double>>(model, arguments...);
}

}  // namespace

int64_t FitModel::twiddle_count() const {
  int64_t matrices = 0;
  for (const FitStage& stage : stages) matrices += matrices_of(*this, stage);
  return matrices * 4 * (complex ? 2 : 1);
}

PermutationChoices FitModel::choices(const FitStage& stage, bool shared) const {
  return {.n = n, .whole_first = stage.whole_first, .shared = shared};
}

int64_t FitModel::logit_count(bool shared) const {
  int64_t count = 0;
  for (const FitStage& stage : stages)
    if (stage.permuted) count += choices(stage, shared).count();
  return count;
}

std::vector<double> FitModel::initial(Rng rng) const {
  const double deviation = complex ? 0.5 : std::sqrt(0.5);
  std::vector<double> twiddles(at(twiddle_count()));
  for (size_t i = 0; i < twiddles.size(); ++i) twiddles[i] = deviation * rng.normal(i);
  return twiddles;
}

Product FitModel::layer(std::span<const double> twiddles, const Permutations& permutations,
                        int64_t in_features, int64_t out_features, bool complex_output,
                        double scale) const {
  const DType real = single ? DType::f32 : DType::f64, dtype = complex ? complex_of(real) : real;
  int64_t blocks = 0;
  for (const FitStage& stage : stages) blocks += stage.nblocks;
  const double each = std::pow(scale, 1 / static_cast<double>(blocks * log2_exact(n)));
  Product::Parts parts;
  if (in_features < n) parts.push_back(std::make_unique<Resize>(in_features, n, dtype));
  const double* next = twiddles.data();
  for (size_t s = 0; s < stages.size(); ++s) {
    if (!permutations[s].empty())
      parts.push_back(std::make_unique<Permutation>(permutations[s], dtype));
    const Shape shape = twiddle_shape(1, stages[s].nblocks, n, tied);
    Tensor twiddle(shape, complex ? DType::c128 : DType::f64);
    auto* values = static_cast<double*>(twiddle.mutable_raw());
    for (int64_t i = 0; i < twiddle.numel() * (complex ? 2 : 1); ++i) values[i] = each * *next++;
    parts.push_back(std::make_unique<Butterfly>(
        Butterfly::from_twiddle(n, s + 1 == stages.size() ? out_features : n, twiddle.to(dtype),
                                stages[s].increasing_stride, tied)));
  }
  return Product(complex_output ? complex_of(real) : real, std::move(parts));
}

std::unique_ptr<Misfit> hard_misfit(const FitModel& model, const Tensor& target,
                                    const Permutations& permutations) {
  const FitStage& first = model.stages.front();
  if (model.stages.size() == 1 && model.complex && first.nblocks == 1 && first.increasing_stride &&
      target.dim(0) == model.n && target.dim(1) == model.n) {
    if (model.single)
      return std::make_unique<ButterflyFit<float>>(model, target, permutations.front());
    return std::make_unique<ButterflyFit<double>>(model, target, permutations.front());
  }
  return make_fit<HardFit>(model, target, permutations);
}

std::unique_ptr<Misfit> soft_misfit(const FitModel& model, const Tensor& target, bool shared,
                                    int64_t columns, Rng rng) {
  return make_fit<SoftFit>(model, target, shared, columns, rng);
}

}  // namespace papilio::models
