#include "papilio/layers/convolutions.h"

#include <memory>
#include <utility>
#include <vector>

#include "papilio/layers/block_diagonal.h"
#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/fourier_butterfly.h"
#include "papilio/layers/kronecker.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Part = Kronecker::Part;

size_t at(int64_t i) { return static_cast<size_t>(i); }

Product of_butterfly(const Butterfly& layer, DType dtype) {
  return Product(dtype, converted(layer, complex_of(dtype)));
}

Part moved(Butterfly layer) { return std::make_unique<Butterfly>(std::move(layer)); }

// The Fourier transform of a circular axis of n, without bit reversal, and its inverse. An axis of
// another size than a power of two is padded to one.
Butterfly forward_axis(int64_t n) {
  return Butterfly::from_twiddle(n, circulant_size(n),
                                 fourier_butterfly(circulant_size(n), -1, false).twiddle(), false);
}
Butterfly inverse_axis(int64_t n) {
  const int64_t size = circulant_size(n);
  Butterfly inverse = fourier_butterfly(size, 1, true);
  inverse.scale_matrix(1 / static_cast<double>(size));
  return Butterfly::from_twiddle(size, n, inverse.twiddle(), true);
}

// Over all axes, as one layer; then also over channels, which it leaves alone.
Part over_axes(const std::vector<int64_t>& axes, Butterfly (*axis)(int64_t), DType dtype) {
  Part all;
  for (const int64_t n : axes) {
    Part one = moved(converted(axis(n), dtype));
    all = all ? std::make_unique<Kronecker>(std::move(all), std::move(one)) : std::move(one);
  }
  return all;
}
Part over_channels(Part layer, int64_t channels) {
  if (channels == 1) return layer;
  return std::make_unique<Kronecker>(std::move(layer), channels);
}

// Of each axis: the position in the first column of the circulant matrix at which tap d stands.
int64_t column_entry(int64_t d, int64_t kernel, int64_t n) {
  return ((kernel - 1) / 2 - d + n) % n;
}

void check_kernel(const char* what, const Tensor& weight, int64_t axis, int64_t n) {
  const int64_t kernel = weight.dim(axis);
  check(n >= 1 && kernel % 2 == 1 && kernel <= n, what, ": weight ", weight, " has a kernel of ",
        kernel, " on ", n, " positions; it must be odd and not larger");
}

// The first columns [channel pairs, all positions] of the circulant matrices of weight [out, in,
// kernels...], each axis embedded in its padded size.
Tensor embedded_columns(const Tensor& weight, const std::vector<int64_t>& axes) {
  const int64_t pairs = weight.dim(0) * weight.dim(1);
  std::vector<Complex> values = numbers_of(weight);
  int64_t before = pairs;  // product of the axes done
  for (size_t a = 0; a < axes.size(); ++a) {
    const int64_t n = axes[a], kernel = weight.dim(static_cast<int64_t>(a) + 2);
    const auto after = static_cast<int64_t>(values.size()) / (before * kernel);
    const std::vector<int64_t> embedding = circulant_embedding(n);
    const auto size = static_cast<int64_t>(embedding.size());
    std::vector<Complex> next(at(before * size * after), 0);
    for (int64_t b = 0; b < before; ++b)
      for (int64_t u = 0; u < size; ++u)
        for (int64_t d = 0; d < kernel; ++d)
          if (embedding[at(u)] == column_entry(d, kernel, n))
            for (int64_t c = 0; c < after; ++c)
              next[at((b * size + u) * after + c)] = values[at((b * kernel + d) * after + c)];
    values = std::move(next);
    before *= size;
  }
  return Tensor::from(values, {pairs, static_cast<int64_t>(values.size()) / pairs});
}

Product convolution(const Tensor& weight, const std::vector<int64_t>& axes) {
  const NoTape guard;
  const int64_t out = weight.dim(0), in = weight.dim(1);
  // [out in, positions] -> spectra, one matrix [out, in] for each frequency.
  std::vector<int64_t> padded;
  for (const int64_t n : axes) padded.push_back(circulant_size(n));
  const Part transform = over_axes(padded, forward_axis, DType::c128);
  const Tensor spectra = transpose(transform->multiply(embedded_columns(weight, axes)));
  const DType dtype = complex_of(weight.dtype());
  Product::Parts parts;
  parts.push_back(over_channels(over_axes(axes, forward_axis, dtype), in));
  parts.push_back(
      std::make_unique<BlockDiagonal>(spectra.view({spectra.dim(0), out, in}).to(dtype)));
  parts.push_back(over_channels(over_axes(axes, inverse_axis, dtype), out));
  return Product(weight.dtype(), std::move(parts));
}

}  // namespace

Product circulant(const Tensor& column) {
  check(column.rank() == 1 && column.numel() >= 1, "circulant: column ", column,
        ", expected [n], n >= 1");
  return of_butterfly(circulant_butterfly(numbers_of(column)), column.dtype());
}

Product toeplitz(const Tensor& column, const Tensor& row) {
  check(column.rank() == 1 && row.rank() == 1 && column.numel() >= 1 && row.numel() >= 1 &&
            column.dtype() == row.dtype(),
        "toeplitz: column ", column, " and row ", row, ", expected [out] and [in] of one dtype");
  return of_butterfly(toeplitz_butterfly(numbers_of(column), numbers_of(row)), column.dtype());
}

Product conv1d_circular(const Tensor& weight, int64_t n) {
  check(weight.rank() == 3 && weight.numel() >= 1, "conv1d_circular: weight ", weight,
        ", expected [out, in, kernel]");
  check_kernel("conv1d_circular", weight, 2, n);
  return convolution(weight, {n});
}

Product conv2d_circular(const Tensor& weight, int64_t height, int64_t width) {
  check(weight.rank() == 4 && weight.numel() >= 1, "conv2d_circular: weight ", weight,
        ", expected [out, in, kh, kw]");
  check_kernel("conv2d_circular", weight, 2, height);
  check_kernel("conv2d_circular", weight, 3, width);
  return convolution(weight, {height, width});
}

}  // namespace papilio
