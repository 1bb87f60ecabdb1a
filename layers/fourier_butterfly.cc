#include "papilio/layers/fourier_butterfly.h"

#include <algorithm>
#include <bit>

#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/root_of_unity.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Numbers = std::vector<Complex>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

// U* diag(F column) U for the unitary Fourier transform U of size n, with no bit reversal: what is
// between the two blocks is in bit-reversed order.
Butterfly convolution(const Numbers& column) {
  const auto n = static_cast<int64_t>(column.size());
  Butterfly forward = fourier_butterfly(n, -1, false), backward = fourier_butterfly(n, 1, true);
  const NoTape guard;
  const Tensor spectrum = forward.multiply(vector_of(column));
  forward.scale_matrix(1 / std::sqrt(static_cast<double>(n)));
  backward.scale_matrix(1 / std::sqrt(static_cast<double>(n)));
  return product(backward, diagonal_times(spectrum, forward));
}

}  // namespace

Butterfly fourier_butterfly(int64_t n, int sign, bool increasing_stride) {
  const Tensor twiddle =
      make_twiddle(n, 1, increasing_stride, DType::c128, [&](const TwiddlePlace& place) {
        const Complex w = root_of_unity(sign * (place.p % place.stride), 2 * place.stride);
        return increasing_stride ? Matrix2{1, w, 1, -w} : Matrix2{1, 1, w, -w};
      });
  return Butterfly::from_twiddle(n, n, twiddle, increasing_stride);
}

int64_t toeplitz_size(int64_t out, int64_t in) {
  return std::max<int64_t>(butterfly_size(out + in - 1), 2);
}

Butterfly toeplitz_butterfly(const Numbers& column, const Numbers& row) {
  const auto out = static_cast<int64_t>(column.size()), in = static_cast<int64_t>(row.size());
  Numbers circulant(at(toeplitz_size(out, in)), 0);
  std::copy(column.begin(), column.end(), circulant.begin());
  std::copy(row.begin() + 1, row.end(), circulant.rbegin());
  return Butterfly::from_twiddle(in, out, convolution(circulant).twiddle(), false);
}

int64_t circulant_size(int64_t n) {
  return n >= 2 && std::has_single_bit(at(n)) ? n : toeplitz_size(n, n);
}

std::vector<int64_t> circulant_embedding(int64_t n) {
  std::vector<int64_t> entries(at(circulant_size(n)), -1);
  const auto size = static_cast<int64_t>(entries.size());
  for (int64_t d = 1 - n; d < n; ++d) entries[at((d + size) % size)] = (d + n) % n;
  return entries;
}

Butterfly circulant_butterfly(const Numbers& column) {
  const auto n = static_cast<int64_t>(column.size());
  Numbers embedded;
  for (const int64_t entry : circulant_embedding(n))
    embedded.push_back(entry < 0 ? 0 : column[at(entry)]);
  return Butterfly::from_twiddle(n, n, convolution(embedded).twiddle(), false);
}

Tensor vector_of(const Numbers& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

Numbers numbers_of(const Tensor& t) { return t.to(DType::c128).to_vector<Complex>(); }

}  // namespace papilio
