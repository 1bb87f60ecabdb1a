#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/kernels/rank_one.h"
#include "papilio/core/threads.h"
#include "papilio/layers/factorize/hierarchical.h"
#include "papilio/layers/factorize/scalar.h"

namespace papilio::factorize {
namespace {

constexpr int64_t kRun = 64, kGap = 8;
int64_t place_of(int64_t column) { return column + column / kRun * kGap; }

template <class T>
void copy(int64_t count, const T* from, double scale, double* re, double* im) {
  if constexpr (is_complex_type<T>)
    kernels::to_planes(count, reinterpret_cast<const double*>(from), scale, re, im);
  else
    for (int64_t k = 0; k < count; ++k) re[k] = from[k] * scale;
}
template <class T>
void fill_zeros(int64_t count, double* re, double* im) {
  std::fill_n(re, count, 0.0);
  if constexpr (is_complex_type<T>) std::fill_n(im, count, 0.0);
}

template <class T>
[[noreturn]] void fail_at_first_bad(const char* who, int64_t columns, const T* data) {
  for (int64_t e = 0;; ++e) {
    const std::complex<double> z = data[e];
    for (const double part : {z.real(), z.imag()})
      if (!std::isfinite(part))
        fail(who, ": entry [", e / columns, ", ", e % columns, "] of the matrix is ", part,
             "; all have to be finite");
  }
}

}  // namespace

template <class T>
double scale_of(const char* who, int64_t rows, int64_t columns, const T* data) {
  constexpr int64_t kChunk = 1 << 16;
  const int64_t count = rows * columns * kParts<T>;
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> largest(static_cast<size_t>(chunks));
  parallel_for(
      chunks,
      [&](int64_t begin, int64_t end) {
        for (int64_t c = begin; c < end; ++c)
          largest[static_cast<size_t>(c)] =
              kernels::largest_finite(std::min(kChunk, count - c * kChunk),
                                      reinterpret_cast<const double*>(data) + c * kChunk);
      },
      16);
  double all = 0;
  for (const double value : largest) {
    if (std::isnan(value)) fail_at_first_bad(who, columns, data);
    all = std::max(all, value);
  }
  if (all == 0) return 1;
  int exponent;
  std::frexp(all, &exponent);
  return std::ldexp(1.0, std::min(1000, -exponent));
}

template <class T>
RowReader<T>::RowReader(const Matrix<T>& m) : m_(m) {
  if (!m.column_order) return;
  places_.reserve(static_cast<size_t>(m.order_size));
  for (int64_t j = 0; j < m.order_size; ++j)
    places_.push_back(static_cast<int32_t>(place_of(std::min(m.column_order[j], m.columns))));
}

template <class T>
Buffer RowReader<T>::buffer() const {
  const int64_t numbers = scattered() ? kParts<T> * (place_of(m_.columns) + 1) : 0;
  return Buffer(static_cast<size_t>(numbers) * sizeof(double));
}

template <class T>
void RowReader<T>::load(int64_t i, const RowPart& part, const Buffer& buffer, double* re,
                        double* im, int64_t stride) const {
  const auto& [first, step, width, blocks] = part;
  const int64_t row = m_.row(i), columns = m_.columns;
  if (row >= m_.rows) {
    for (size_t g = 0; g < blocks.size(); ++g)
      fill_zeros<T>(width, re + static_cast<int64_t>(g) * stride,
                    im + static_cast<int64_t>(g) * stride);
    return;
  }
  const T* data = m_.data + row * columns;
  if (!scattered()) return load_in_order(data, part, re, im, stride);
  if (static_cast<int64_t>(blocks.size()) * width * 4 < columns)
    return load_scattered(data, part, re, im, stride);
  double *from_re = buffer.as<double>(), *from_im = from_re + place_of(columns) + 1;
  for (int64_t j = 0; j < columns; j += kRun)
    copy(std::min(kRun, columns - j), data + j, m_.scale, from_re + place_of(j),
         from_im + place_of(j));
  fill_zeros<T>(1, from_re + place_of(columns), from_im + place_of(columns));
  for (const int64_t b : blocks) {
    const int32_t* place = places_.data() + first + b * width * step;
    for (int64_t k = 0; k < width; ++k) {
      re[k] = from_re[place[k * step]];
      if constexpr (is_complex_type<T>) im[k] = from_im[place[k * step]];
    }
    re += stride;
    im += stride;
  }
}

template <class T>
void RowReader<T>::load_in_order(const T* data, const RowPart& part, double* re, double* im,
                                 int64_t stride) const {
  const auto& [first, step, width, blocks] = part;
  for (const int64_t b : blocks) {
    const int64_t from = first + b * width * step;
    const int64_t inside = std::clamp<int64_t>((m_.columns - from + step - 1) / step, 0, width);
    if (step == 1)
      copy(inside, data + from, m_.scale, re, im);
    else
      for (int64_t k = 0; k < inside; ++k)
        copy(1, data + from + k * step, m_.scale, re + k, im + k);
    fill_zeros<T>(width - inside, re + inside, im + inside);
    re += stride;
    im += stride;
  }
}

// A few entries by themselves.
template <class T>
void RowReader<T>::load_scattered(const T* data, const RowPart& part, double* re, double* im,
                                  int64_t stride) const {
  const auto& [first, step, width, blocks] = part;
  for (const int64_t b : blocks) {
    const int64_t* order = m_.column_order + first + b * width * step;
    for (int64_t k = 0; k < width; ++k) {
      const int64_t column = order[k * step];
      const T value = column < m_.columns ? data[column] : T(0);
      re[k] = std::real(value) * m_.scale;
      if constexpr (is_complex_type<T>) im[k] = value.imag() * m_.scale;
    }
    re += stride;
    im += stride;
  }
}

template <class T>
std::vector<int64_t> RowReader<T>::block_order(int64_t count, int64_t width) const {
  std::vector<int64_t> blocks(static_cast<size_t>(count));
  std::iota(blocks.begin(), blocks.end(), int64_t{0});
  if (scattered())
    std::ranges::sort(blocks, {}, [&](int64_t b) { return m_.column_order[b * width]; });
  return blocks;
}

template double scale_of(const char*, int64_t, int64_t, const double*);
template double scale_of(const char*, int64_t, int64_t, const std::complex<double>*);
template class RowReader<double>;
template class RowReader<std::complex<double>>;

}  // namespace papilio::factorize
