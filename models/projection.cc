// Long because the closed forms, the descent and the error are one algebra.
#include "papilio/models/projection.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "papilio/core/kernels/symmetric.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/low_rank.h"
#include "papilio/layers/monarch.h"
#include "papilio/models/progress.h"
#include "papilio/optim/optimizer.h"
#include "papilio/optim/schedule.h"

namespace papilio::models {
namespace {

// Of the mean variance of an input, added to each: inputs that never vary must not leave what
// stands at them free.
constexpr double kRidge = 1e-5;

double dot(const Tensor& a, const Tensor& b) {
  return std::inner_product(a.data<double>(), a.data<double>() + a.numel(), b.data<double>(), 0.0);
}

// a b^T
Tensor outer(const Tensor& a, const Tensor& b) { return matmul(a, transpose(b)); }

Parameter& named(std::vector<Parameter>& parameters, const std::string& name) {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  check(found != parameters.end(), "projection: the layer has no parameter '", name, "'");
  return *found;
}

void set(StructuredLinear& layer, const std::string& name, const Tensor& value) {
  std::vector<Parameter> parameters = layer.parameters();
  named(parameters, name).mutable_value().assign(value.to(layer.dtype()));
}

// The number of matrices whose product a parameter is.
int64_t factors_in(const Parameter& p) {
  return p.name() == "twiddle" ? p.value().dim(1) * p.value().dim(2) : 1;
}

// Multiplies the matrix by `factor`, spread evenly over its factors.
void scale_matrix(StructuredLinear& layer, double factor) {
  std::vector<Parameter> parameters = layer.parameters();
  std::erase_if(parameters, [](const Parameter& p) { return p.name() == "bias"; });
  int64_t count = 0;
  for (const Parameter& p : parameters) count += factors_in(p);
  if (count == 0) return;
  for (Parameter& p : parameters)
    p.mutable_value().assign(scale(p, std::pow(factor, 1 / static_cast<double>(count))));
}

void copy_values(StructuredLinear& from, StructuredLinear& to) {
  for (const Parameter& p : from.parameters()) set(to, p.name(), p);
}

// Rows r * step + offset of w, columns from `first` on: [rows, columns].
Tensor block_of(const Tensor& w, int64_t offset, int64_t step, int64_t first, int64_t columns) {
  const int64_t rows = (w.dim(0) - offset + step - 1) / step;
  Tensor block({rows, columns}, DType::f64);
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(w.data<double>() + (r * step + offset) * w.dim(1) + first, columns,
                block.mutable_data<double>() + r * columns);
  return block;
}

}  // namespace

std::unique_ptr<StructuredLinear> make_class(const std::string& name, int64_t in, int64_t out,
                                             Rng rng) {
  const size_t colon = std::min(name.find(':'), name.size());
  const std::string kind = name.substr(0, colon),
                    digits = name.substr(colon).substr(colon < name.size());
  int64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error == std::errc() && end == digits.data() + digits.size() && size >= 1) {
    if (kind == "low-rank")
      return std::make_unique<LowRank>(in, out, LowRankOptions{.rank = size}, rng);
    if (kind == "monarch")
      return std::make_unique<Monarch>(in, out, MonarchOptions{.blocks = size}, rng);
    if (kind == "butterfly")
      return std::make_unique<Butterfly>(in, out,
                                         ButterflyOptions{.nblocks = size, .init = "ortho"}, rng);
    if (kind == "kmatrix")
      return std::make_unique<KMatrix>(in, out, KMatrixOptions{.width = size, .init = "ortho"},
                                       rng);
  }
  fail("'", name,
       "' is no class to project to; these are low-rank:RANK, monarch:BLOCKS, "
       "butterfly:BLOCKS and kmatrix:WIDTH");
}

Projector::Projector(const LayerInputs& inputs)
    : path_(inputs.path),
      in_(inputs.layer->in_features()),
      out_(inputs.layer->out_features()),
      mean_(inputs.mean) {
  const NoTape guard;
  check(inputs.rows > 0, inputs.path, ": the layer has seen no input");
  weight_ = inputs.layer->weight().value().to(DType::f64);
  const Parameter& bias = inputs.layer->bias();
  bias_ = bias.defined() ? bias.value().to(DType::f64) : Tensor::zeros({out_}, DType::f64);
  const Tensor column = reshape(mean_, {in_, 1});
  covariance_ = sub(inputs.second_moment, outer(column, column));
  const Tensor output = add(linear(mean_, weight_), bias_);
  energy_ = misfit(Tensor::zeros({out_, in_}, DType::f64)) + dot(output, output);
  check(std::isfinite(energy_), path_,
        ": weights or inputs of the layer are not finite, so that nothing can be fitted to them; "
        "train the network again");
}

double Projector::misfit(const Tensor& matrix) const {
  const NoTape guard;
  const Tensor difference = sub(weight_, matrix);
  return std::max(dot(matmul(difference, covariance_), difference), 0.0);
}

double Projector::error(StructuredLinear& layer) const {
  const NoTape guard;
  const Tensor matrix = layer.to_dense().to(DType::f64);
  const Tensor shift =
      sub(add(linear(mean_, sub(matrix, weight_)), layer.bias().value().to(DType::f64)), bias_);
  if (energy_ <= 0) return 0;
  const double error = std::sqrt((misfit(matrix) + dot(shift, shift)) / energy_);
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

void Projector::factor_outputs() {
  if (directions_.defined()) return;
  const NoTape guard;
  directions_ = outer(matmul(weight_, covariance_), weight_);
  variances_ = Tensor({out_}, DType::f64);
  kernels::symmetric_eigen(out_, directions_.mutable_data<double>(),
                           variances_.mutable_data<double>());
}

std::vector<double> Projector::low_rank_errors() {
  factor_outputs();
  std::vector<double> errors(static_cast<size_t>(std::min(in_, out_)) + 1);
  // Of rank k: what the out - k smallest eigenvalues hold.
  double left = 0;
  for (int64_t i = 0; i < out_; ++i) {
    if (const auto rank = static_cast<size_t>(out_ - i); rank < errors.size())
      errors[rank] = energy_ > 0 ? std::sqrt(left / energy_) : 0;
    left += std::max(variances_.data<double>()[i], 0.0);
  }
  errors[0] = energy_ > 0 ? std::sqrt(left / energy_) : 0;
  return errors;
}

void Projector::fill_low_rank(StructuredLinear& layer, int64_t rank) {
  factor_outputs();
  rank = std::min(rank, out_);
  Tensor up = slice(directions_, 0, out_ - rank, out_).clone();
  Tensor down = matmul(up, weight_);
  for (int64_t k = 0; k < rank; ++k) {  // equal norms on both sides
    double* row = down.mutable_data<double>() + k * in_;
    const double norm = std::sqrt(std::inner_product(row, row + in_, row, 0.0));
    if (norm == 0) continue;
    std::for_each(row, row + in_, [&](double& x) { x /= std::sqrt(norm); });
    double* other = up.mutable_data<double>() + k * out_;
    std::for_each(other, other + out_, [&](double& x) { x *= std::sqrt(norm); });
  }
  const int64_t missing = dynamic_cast<LowRank&>(layer).rank() - rank;
  set(layer, "down", pad(down, 0, 0, missing));
  set(layer, "up", transpose(pad(up, 0, 0, missing)));
}

void Projector::fill_monarch(StructuredLinear& layer, const ProjectionOptions& options) const {
  std::vector<Parameter> parameters = layer.parameters();
  const Shape first_shape = named(parameters, "first").value().shape(),
              second_shape = named(parameters, "second").value().shape();
  const int64_t blocks = first_shape[0], middle = first_shape[1], p = first_shape[2],
                q = second_shape[1];
  Tensor first = Tensor::zeros(first_shape, DType::f64),
         second = Tensor::zeros(second_shape, DType::f64);
  // Output r blocks + t is row r of block t. Entry j = i middle + k, row k of block i, goes to
  // block j mod blocks, as its entry j / blocks: these join input block i and output block t.
  for (int64_t i = 0; i < blocks && i * p < in_; ++i) {
    const int64_t columns = std::min(p, in_ - i * p);
    Tensor weights({columns, columns}, DType::f64);
    for (int64_t c = 0; c < columns; ++c)
      std::copy_n(covariance_.data<double>() + (i * p + c) * in_ + i * p, columns,
                  weights.mutable_data<double>() + c * columns);
    for (int64_t t = 0; t < std::min(blocks, out_); ++t) {
      options.watch();
      const Tensor block = block_of(weight_, t, blocks, i * p, columns);
      const int64_t rows = block.dim(0);
      Tensor vectors = outer(matmul(block, weights), block), values({rows}, DType::f64);
      kernels::symmetric_eigen(rows, vectors.mutable_data<double>(), values.mutable_data<double>());
      int64_t next = rows - 1;
      for (int64_t k = 0; k < middle && next >= 0; ++k) {
        const int64_t j = i * middle + k;
        if (j % blocks != t) continue;
        const Tensor u = slice(vectors, 0, next, next + 1), v = matmul(u, block);
        const double norm = std::sqrt(std::sqrt(dot(v, v)));
        for (int64_t c = 0; c < columns && norm > 0; ++c)
          first.mutable_data<double>()[(i * middle + k) * p + c] = v.data<double>()[c] / norm;
        for (int64_t r = 0; r < rows; ++r)
          second.mutable_data<double>()[(t * q + r) * middle + j / blocks] =
              u.data<double>()[r] * norm;
        --next;
      }
    }
  }
  set(layer, "first", first), set(layer, "second", second);
}

void Projector::set_bias(StructuredLinear& layer) const {
  const NoTape guard;
  const Tensor matrix = layer.to_dense().to(DType::f64);
  set(layer, "bias", add(bias_, linear(mean_, sub(weight_, matrix))));
}

void Projector::make_root() {
  if (root_.defined()) return;
  const NoTape guard;
  double trace = 0;
  for (int64_t i = 0; i < in_; ++i) trace += covariance_.data<double>()[i * (in_ + 1)];
  const double variance = trace > 0 ? trace / static_cast<double>(in_) : 1;
  for (double ridge = kRidge; !root_.defined(); ridge *= 10) {
    Tensor square = covariance_.clone();
    for (int64_t i = 0; i < in_; ++i)
      square.mutable_data<double>()[i * (in_ + 1)] += ridge * variance;
    if (kernels::cholesky(in_, square.mutable_data<double>()))
      root_ = scale(transpose(square), 1 / std::sqrt(variance)).to(DType::f32);
  }
}

void Projector::descend(StructuredLinear& layer, const ProjectionOptions& options, double rate,
                        bool begun) {
  make_root();
  // Brought to gain 1, where factors of gain 1 are, whatever the size of the weights.
  const Tensor target = linear(root_, weight_.to(DType::f32));
  const double energy = sum(abs2(target)).item();
  const double gain = energy > 0 ? std::sqrt(energy / static_cast<double>(in_)) : 1;
  const Tensor scaled = scale(target, std::sqrt(static_cast<double>(out_)) / gain);
  const double factor = gain / std::sqrt(static_cast<double>(out_));
  if (begun) scale_matrix(layer, 1 / factor);
  std::vector<Parameter> parameters = layer.parameters();
  std::erase_if(parameters, [](const Parameter& p) { return p.name() == "bias"; });
  optim::Adam adam(parameters, {.lr = rate});
  const optim::Schedule schedule = optim::cosine(options.steps);
  Progress progress(static_cast<double>(options.steps), 0);
  for (int64_t step = 0; step < options.steps; ++step) {
    options.watch();
    Tape tape;
    tape.backward(mse_loss(layer.multiply(root_), scaled));
    adam.set_learning_rate(rate * schedule({step, {}}));
    adam.step();
    progress.update(static_cast<double>(step + 1),
                    concat(path_, ": ", layer.describe(), ", step ", step + 1, "/", options.steps));
  }
  progress.clear();
  scale_matrix(layer, factor);
}

Projection Projector::project(const std::string& name, const ProjectionOptions& options) {
  Projection result{make_class(name, in_, out_, Rng(options.seed).split("projection")), 0};
  StructuredLinear& layer = *result.layer;
  const std::string kind = name.substr(0, name.find(':'));
  if (kind == "low-rank") {
    fill_low_rank(layer, dynamic_cast<LowRank&>(layer).rank());
  } else if (kind == "monarch") {
    fill_monarch(layer, options);
    Projection descended = {make_class(name, in_, out_, Rng(0)), 0};
    copy_values(layer, *descended.layer);
    descend(*descended.layer, options, 0.4 * options.rate, true);
    set_bias(*descended.layer), set_bias(layer);
    descended.error = error(*descended.layer), result.error = error(layer);
    return descended.error < result.error ? std::move(descended) : std::move(result);
  } else {
    std::vector<Parameter> parameters = layer.parameters();
    const Parameter& twiddle = named(parameters, "twiddle");
    const double share = 4 / std::max(4.0, static_cast<double>(twiddle.value().dim(1)));
    descend(layer, options, options.rate * share * share, false);
  }
  set_bias(layer);
  result.error = error(layer);
  return result;
}

}  // namespace papilio::models
