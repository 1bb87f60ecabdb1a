#include "papilio/layers/kmatrix.h"

#include <algorithm>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

int64_t kmatrix_size(int64_t in_features, const KMatrixOptions& options) {
  check(options.width >= 1, "kmatrix: width = ", options.width, "; at least 1 is needed");
  check(options.expansion >= 1 && butterfly_size(options.expansion) == options.expansion,
        "kmatrix: expansion = ", options.expansion, "; a power of two is needed");
  const int64_t n = butterfly_size(in_features) * options.expansion;
  return options.orthogonal ? std::max<int64_t>(n, 2) : n;
}

Tensor initial_diagonal(const std::string& name, const Shape& shape, DType dtype, Rng rng) {
  if (name == "normal") return randn(shape, rng, dtype);
  check(name == "ones", "kmatrix: unknown diagonal '", name, "'; the names are normal, ones");
  return Tensor::full(shape, 1, dtype);
}

// The switches of the Benes network as quarter turns. A turn that crosses its two inputs negates
// one of them; the diagonal in the middle, which every path crosses once, gives the sign back.
std::pair<Tensor, Tensor> permutation_rotations(const KMatrixOptions& options, int64_t in_features,
                                                int64_t out_features, int64_t n) {
  const auto& v = options.permutation;
  check(options.width == 1 && options.expansion == 1 && in_features == out_features &&
            static_cast<int64_t>(v.size()) == in_features,
        "kmatrix: a permutation of ", v.size(), " features for ", in_features, " in and ",
        out_features, " out, width ", options.width, " and expansion ", options.expansion,
        "; equal sizes, width 1 and expansion 1 are needed");
  const Butterfly network = permutation_as_butterfly(v, false, options.dtype);
  const int64_t factors = log2_exact(n);
  Tensor angles = Tensor::zeros({1, 2, factors, n / 2}, options.dtype),
         diagonal({1, 1, n}, options.dtype);
  if (network.n() < n) return {angles, Tensor::full({1, 1, n}, 1, options.dtype)};
  std::vector<int64_t> source(static_cast<size_t>(n)), middle(source.size());
  std::iota(source.begin(), source.end(), 0);
  std::vector<int> sign(source.size(), 1);
  dispatch_real(options.dtype, "kmatrix", [&]<class T>() {
    const T* matrix = network.untied_twiddle().data<T>();
    T* angle = angles.mutable_data<T>();
    for (int64_t factor = 0; factor < 2 * factors; ++factor) {
      const bool second = factor >= factors;
      const int64_t stride = second ? int64_t{1} << (factor - factors) : n >> (factor + 1);
      for (int64_t i = 0; i < n / 2; ++i, matrix += 4, ++angle) {
        if (matrix[0] != T(0)) continue;
        *angle = static_cast<T>(std::numbers::pi / 2);
        const auto low = static_cast<size_t>(i / stride * 2 * stride + i % stride),
                   high = low + static_cast<size_t>(stride);
        std::swap(source[low], source[high]), std::swap(sign[low], sign[high]);
        sign[low] = -sign[low];
      }
      if (factor + 1 == factors)
        for (size_t i = 0; i < source.size(); ++i)
          middle[static_cast<size_t>(source[i])] = static_cast<int64_t>(i);
    }
    for (size_t j = 0; j < source.size(); ++j)
      diagonal.mutable_data<T>()[middle[static_cast<size_t>(source[j])]] = static_cast<T>(sign[j]);
  });
  return {angles, diagonal};
}

}  // namespace

KMatrix::KMatrix(int64_t in_features, int64_t out_features, const KMatrixOptions& options, Rng rng)
    : StructuredLinear("kmatrix", in_features, out_features, options.bias, options.dtype, rng),
      n_(kmatrix_size(in_features, options)),
      nstacks_((out_features - 1) / n_ + 1),
      width_(options.width),
      expansion_(options.expansion) {
  if (!options.orthogonal) {
    twiddle_ = Parameter(initial_twiddle(options.init, nstacks_, 2 * width_, n_, false, false,
                                         dtype_, rng.split("twiddle")),
                         {.weight_decay = false,
                          .structured = true,
                          .twiddle = TwiddleHint::decreasing_stride,
                          .rows_axis = 4});
    return;
  }
  const ParameterHints structured{.weight_decay = false, .structured = true};
  check(is_real(dtype_), "kmatrix: orthogonal K-matrices are real, the dtype is ", dtype_);
  if (!options.permutation.empty()) {
    const auto [angles, diagonal] = permutation_rotations(options, in_features, out_features, n_);
    angles_ = Parameter(angles, structured), diagonal_ = Parameter(diagonal, structured);
    return;
  }
  angles_ = Parameter(rand_uniform({nstacks_, 2 * width_, log2_exact(n_), n_ / 2}, 0,
                                   2 * std::numbers::pi, rng.split("angles"), dtype_),
                      structured);
  diagonal_ = Parameter(
      initial_diagonal(options.diagonal, {nstacks_, width_, n_}, dtype_, rng.split("diagonal")),
      structured);
}

KMatrix KMatrix::from_twiddle(int64_t in_features, int64_t out_features, const Tensor& twiddle) {
  check(twiddle.rank() == 6 && twiddle.dim(1) % 2 == 0, "kmatrix: twiddle ", twiddle,
        ", expected [nstacks, 2w, log2 n, n/2, 2, 2]");
  return with_values(in_features, out_features, std::max<int64_t>(2 * twiddle.dim(3), 1),
                     twiddle.dim(1) / 2, {twiddle});
}

KMatrix KMatrix::from_angles(int64_t in_features, int64_t out_features, const Tensor& angles,
                             const Tensor& diagonal) {
  check(angles.rank() == 4 && diagonal.rank() == 3, "kmatrix: angles ", angles, " and diagonal ",
        diagonal, ", expected [nstacks, 2w, log2 n, n/2] and [nstacks, w, n]");
  return with_values(in_features, out_features, diagonal.dim(2), diagonal.dim(1),
                     {angles, diagonal});
}

KMatrix KMatrix::with_values(int64_t in_features, int64_t out_features, int64_t n, int64_t width,
                             const std::vector<Tensor>& values) {
  const int64_t least = butterfly_size(in_features);
  KMatrix layer(in_features, out_features,
                {.width = width,
                 .expansion = std::max<int64_t>(n / least, 1),
                 .orthogonal = values.size() == 2,
                 .bias = false,
                 .dtype = values[0].dtype()},
                Rng(0));
  const std::vector<Parameter> parameters = layer.parameters();
  for (size_t i = 0; i < values.size(); ++i) {
    Parameter parameter = parameters[i];
    check(values[i].shape() == parameter.value().shape() && values[i].dtype() == layer.dtype_,
          "kmatrix: ", parameter.name(), " ", values[i], ", but ", in_features, " features in and ",
          out_features, " out need ", parameter.value());
    parameter.mutable_value().assign(values[i]);
  }
  return layer;
}

Tensor KMatrix::untied_twiddle() const {
  if (!orthogonal()) return twiddle_;
  return rotations_.get({angles_, diagonal_},
                        [&] { return orthogonal_twiddle(angles_, diagonal_); });
}

std::unique_ptr<StructuredLinear> KMatrix::with_scaled_input(const Tensor& d) const {
  if (n_ == 1) return nullptr;
  return std::make_unique<Butterfly>(Butterfly::from_twiddle(
      in_features_, out_features_, scaled_columns(untied_twiddle(), false, d), false));
}

Tensor KMatrix::apply(const Tensor& x) {
  return butterfly_multiply(x, untied_twiddle(), n_, false, out_features_, bias_or_none(),
                            activation_);
}

Tensor KMatrix::forward_features_major(const Tensor& x) {
  check(x.rank() == 2 && x.dim(0) == in_features_, "kmatrix: features-major x is ", x,
        ", the layer takes [", in_features_, ", batch]");
  return butterfly_multiply_features_major(x, untied_twiddle(), n_, false, out_features_,
                                           bias_or_none(), activation_);
}

Tensor KMatrix::multiply(const Tensor& x) {
  return butterfly_multiply(x, untied_twiddle(), n_, false, out_features_);
}

Tensor KMatrix::multiply_transposed(const Tensor& x) const {
  check(nstacks_ == 1, "kmatrix: multiply_transposed() of ", nstacks_,
        " stacks; it takes layers of up to n = ", n_, " features out, this one has ",
        out_features_);
  return butterfly_multiply(x, transposed_twiddle(untied_twiddle()), n_, false, in_features_);
}

int64_t KMatrix::flops_per_row() const { return nstacks_ * 2 * width_ * block_flops(n_, dtype_); }

std::string KMatrix::describe() const {
  return described("KMatrix",
                   {orthogonal() ? "orthogonal" : "", width_ > 1 ? concat("width = ", width_) : "",
                    expansion_ > 1 ? concat("expansion = ", expansion_) : ""});
}

Config KMatrix::config() const {
  Config config = base_config();
  config["width"] = width_;
  config["expansion"] = expansion_;
  config["orthogonal"] = orthogonal();
  return config;
}

Tensor orthogonal_twiddle(const Tensor& angles, const Tensor& diagonal) {
  const int64_t stacks = angles.rank() == 4 ? angles.dim(0) : 0,
                units = diagonal.rank() == 3 ? diagonal.dim(1) : 0,
                n = diagonal.rank() == 3 ? diagonal.dim(2) : 0;
  check(n >= 2 && angles.shape() == Shape{stacks, 2 * units, log2_exact(n), n / 2} &&
            diagonal.dim(0) == stacks,
        "kmatrix: angles ", angles, " and diagonal ", diagonal,
        ", expected [nstacks, 2w, log2 n, n/2] and [nstacks, w, n]");
  // Row r of pair i of a factor of stride 1 makes element 2i + r: multiply it by that entry of the
  // diagonal.
  const int64_t rows = stacks * units, factor = 2 * n, total = 2 * angles.dim(2) * factor;
  const int64_t begin = (angles.dim(2) - 1) * factor, end = begin + factor;
  const Tensor rotations = rotation_twiddle(angles);
  const Tensor flat = reshape(rotations, {rows, total});
  const Tensor last = reshape(slice(flat, 1, begin, end), {rows * n, 2});
  const Tensor scales = reshape(diagonal, {rows * n, 1});
  const Tensor scaled = mul(last, concat({scales, scales}, 1));
  return reshape(concat({slice(flat, 1, 0, begin), reshape(scaled, {rows, factor}),
                         slice(flat, 1, end, total)},
                        1),
                 rotations.shape());
}

}  // namespace papilio
