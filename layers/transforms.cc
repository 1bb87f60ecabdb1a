#include "papilio/layers/transforms.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <utility>

#include "papilio/layers/butterfly_algebra.h"
#include "papilio/layers/fourier_butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/root_of_unity.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

using Complex = std::complex<double>;
using Numbers = std::vector<Complex>;
using Index = std::vector<int64_t>;

size_t at(int64_t i) { return static_cast<size_t>(i); }
bool is_power(int64_t n) { return std::has_single_bit(at(n)); }

// exp(i pi a / b)
Complex phase(int64_t a, int64_t b) { return root_of_unity(a, 2 * b); }

template <class Entry>
auto list(int64_t n, const Entry& entry) {
  std::vector<decltype(entry(0))> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(entry(i));
  return all;
}

// v[w[.]], where an empty one is the identity.
Index chained(const Index& v, const Index& w) {
  if (v.empty()) return w;
  return list(static_cast<int64_t>(w.size()), [&](int64_t j) { return v[at(w[at(j)])]; });
}

// y = (scale diag(post) F diag(pre) x[in])[out], with F the sums with exp(sign 2 pi i j k / n).
// Empty index vectors are the identity.
struct FourierForm {
  Index in, out;
  Numbers pre, post;
  int sign = -1;
  double scale = 1;
};

// F is a Toeplitz matrix between two diagonals, since j k = (j^2 + k^2 - (j - k)^2) / 2.
Butterfly bluestein(int64_t n, int sign, Numbers pre, Numbers post) {
  const Numbers chirp = list(n, [&](int64_t j) { return phase(sign * (j * j % (2 * n)), n); });
  const Numbers column = list(n, [&](int64_t d) { return std::conj(chirp[at(d)]); });
  for (int64_t j = 0; j < n; ++j) pre[at(j)] *= chirp[at(j)], post[at(j)] *= chirp[at(j)];
  const Butterfly toeplitz = toeplitz_butterfly(column, column);
  return diagonal_times(vector_of(post), times_diagonal(toeplitz, vector_of(pre)));
}

Product made(const FourierForm& form, DType dtype) {
  const auto n = static_cast<int64_t>(form.pre.size());
  const bool one = n >= 2 && is_power(n);  // one block of size n
  Index in = form.in, out = form.out;
  Numbers pre = form.pre, post = form.post;
  // The bit reversal joins the permutation that is there, else the one behind.
  const bool increasing = !in.empty();
  if (one) {
    const Index reversal = bit_reversal(n);
    Numbers& moved = increasing ? pre : post;
    moved = list(n, [&, old = moved](int64_t i) { return old[at(reversal[at(i)])]; });
    if (increasing)
      in = chained(in, reversal);
    else
      out = out.empty() ? reversal : chained(reversal, out);
  }
  Butterfly butterfly =
      one ? diagonal_times(
                vector_of(post),
                times_diagonal(fourier_butterfly(n, form.sign, increasing), vector_of(pre)))
          : bluestein(n, form.sign, std::move(pre), std::move(post));
  butterfly.scale_matrix(form.scale);

  Product::Parts parts;
  if (!in.empty()) parts.push_back(std::make_unique<Permutation>(in, dtype));
  parts.push_back(std::make_unique<Butterfly>(converted(butterfly, complex_of(dtype))));
  if (!out.empty()) parts.push_back(std::make_unique<Permutation>(out, complex_of(dtype)));
  return Product(dtype, std::move(parts));
}

void check_size(const char* name, int64_t n, int64_t least = 1) {
  check(n >= least && n <= int64_t{1} << 30, name, ": n = ", n, "; ", least,
        " to 2^30 are possible");
}
void check_power(const char* name, int64_t n) {
  check_size(name, n, 2);
  check(is_power(n), name, ": n = ", n, " is not a power of two");
}
void check_real(const char* name, DType dtype) {
  check(is_real(dtype), name, ": dtype ", dtype,
        ", but the transform is the real part of a complex one; use f32 or f64, for complex x "
        "once for each part");
}

// The scale of a forward transform, or of an inverse one.
double norm_scale(Norm norm, int64_t size, bool inverse = false) {
  const auto n = static_cast<double>(size);
  if (norm == Norm::ortho) return 1 / std::sqrt(n);
  return (norm == Norm::forward) != inverse ? 1 / n : 1;
}

FourierForm plain(int64_t n, int sign, double scale) {
  return {.in = {},
          .out = {},
          .pre = Numbers(at(n), 1),
          .post = Numbers(at(n), 1),
          .sign = sign,
          .scale = scale};
}

Product fourier(const char* name, int64_t n, int sign, const TransformOptions& options) {
  check_size(name, n);
  return made(plain(n, sign, norm_scale(options.norm, n, sign > 0)), complex_of(options.dtype));
}

// 0, 2, 4, ..., 5, 3, 1: with it a cosine transform of size n is a Fourier transform of size n
// (Makhoul 1980).
Index evens_and_reversed_odds(int64_t n) {
  return list(n, [n](int64_t m) { return 2 * m < n ? 2 * m : 2 * (n - 1 - m) + 1; });
}

// pre, by the index k of x: one phase for even k, another one for odd k.
template <class Even, class Odd>
void set_pre(FourierForm& form, const Even& even, const Odd& odd) {
  for (size_t m = 0; m < form.in.size(); ++m) {
    const int64_t k = form.in[m];
    form.pre[m] = k % 2 == 0 ? even(k) : odd(k);
  }
}

FourierForm cosine(int type, int64_t n, Norm norm) {
  check_size("dct", n);
  FourierForm form = plain(n, -1, norm_scale(norm, 2 * n));
  const Index order = evens_and_reversed_odds(n);
  const bool ortho = norm == Norm::ortho;
  if (type == 3) {
    form.out = inverse_permutation(order);
    form.pre = list(n, [&](int64_t k) { return 2.0 * phase(-k, 2 * n); });
    form.pre[0] = ortho ? std::sqrt(2.0) : 1;
    return form;
  }
  check(type == 2 || type == 4, "dct: type ", type, "; the types are 2, 3 and 4");
  form.in = order;
  form.post = list(n, [&](int64_t j) { return 2.0 * phase(-j, 2 * n); });
  if (type == 2 && ortho) form.post[0] *= std::sqrt(0.5);
  if (type == 4)
    set_pre(
        form, [&](int64_t k) { return phase(-(2 * k + 1), 4 * n); },
        [&](int64_t k) { return phase(2 * k + 1, 4 * n); });
  return form;
}

FourierForm sine(int type, int64_t n, Norm norm) {
  check_size("dst", n);
  const Complex i(0, 1);
  const Index order = evens_and_reversed_odds(n);
  const bool ortho = norm == Norm::ortho;
  if (type == 3) {
    // DST-III(x)_j = (-1)^j DCT-III(reversed x)_j; reversing turns the Fourier transform round.
    FourierForm form = cosine(3, n, norm);
    form.sign = 1;
    std::reverse(form.pre.begin(), form.pre.end());
    form.post =
        list(n, [&](int64_t m) { return (order[at(m)] % 2 == 0 ? 1.0 : -1.0) * phase(2 * m, n); });
    return form;
  }
  check(type == 2 || type == 4, "dst: type ", type, "; the types are 2, 3 and 4");
  FourierForm form = plain(n, -1, norm_scale(norm, 2 * n));
  form.in = order;
  if (type == 2) {
    set_pre(
        form, [&](int64_t k) { return phase(-k, n); }, [&](int64_t k) { return -phase(k + 1, n); });
    form.post = list(n, [&](int64_t j) { return 2.0 * i * phase(-(j + 1), 2 * n); });
    if (ortho) form.post.back() *= std::sqrt(0.5);
  } else {
    set_pre(
        form, [&](int64_t k) { return phase(-k, 2 * n); },
        [&](int64_t k) { return -phase(k + 1, 2 * n); });
    form.post = list(n, [&](int64_t j) { return 2.0 * i * phase(-(2 * j + 1), 4 * n); });
  }
  return form;
}

// Result j is multiplied by d[j]; a real part is taken behind it.
void scale_results(FourierForm& form, const Tensor& d) {
  const Numbers values = numbers_of(d);
  for (size_t j = 0; j < values.size(); ++j)
    form.post[form.out.empty() ? j : at(form.out[j])] *= values[j];
}

std::unique_ptr<Product> moved(Product product) {
  return std::make_unique<Product>(std::move(product));
}

}  // namespace

Product fft(int64_t n, const TransformOptions& options) { return fourier("fft", n, -1, options); }

Product ifft(int64_t n, const TransformOptions& options) { return fourier("ifft", n, 1, options); }

Product dct(int type, int64_t n, const TransformOptions& options) {
  check_real("dct", options.dtype);
  return made(cosine(type, n, options.norm), options.dtype);
}

Product dst(int type, int64_t n, const TransformOptions& options) {
  check_real("dst", options.dtype);
  return made(sine(type, n, options.norm), options.dtype);
}

// cos + sin = Re((1 + i) (cos - i sin)).
Product hartley(int64_t n, const TransformOptions& options) {
  check_size("hartley", n);
  check_real("hartley", options.dtype);
  FourierForm form = plain(n, -1, norm_scale(options.norm, n));
  std::fill(form.post.begin(), form.post.end(), Complex(1, 1));
  return made(form, options.dtype);
}

Butterfly hadamard(int64_t n, const TransformOptions& options, bool increasing_stride) {
  check_power("hadamard", n);
  Butterfly layer = Butterfly::from_twiddle(n, n,
                                            make_twiddle(n, 1, increasing_stride, options.dtype,
                                                         [](const TwiddlePlace&) {
                                                           return Matrix2{1, 1, 1, -1};
                                                         }),
                                            increasing_stride);
  layer.scale_matrix(norm_scale(options.norm, n));
  return layer;
}

Product haar(int64_t n, DType dtype) {
  check_power("haar", n);
  const double h = std::sqrt(0.5);
  const Tensor twiddle = make_twiddle(n, 1, true, dtype, [&](const TwiddlePlace& place) {
    return place.p % (2 * place.stride) == 0 ? Matrix2{h, h, h, -h} : Matrix2{1, 0, 0, 1};
  });
  Index order{0};  // the detail of the pair (p, p + stride) is at p + stride
  for (int64_t stride = n / 2; stride >= 1; stride /= 2)
    for (int64_t p = 0; p < n; p += 2 * stride) order.push_back(p + stride);
  return Product(dtype, Butterfly::from_twiddle(n, n, twiddle), Permutation(order, dtype));
}

Kronecker fft2d(int64_t height, int64_t width, const TransformOptions& options) {
  return Kronecker(moved(fft(height, options)), moved(fft(width, options)));
}

Kronecker ifft2d(int64_t height, int64_t width, const TransformOptions& options) {
  return Kronecker(moved(ifft(height, options)), moved(ifft(width, options)));
}

Product fastfood(const Tensor& s, const Tensor& g, const std::vector<int64_t>& v, const Tensor& b,
                 Norm norm) {
  const auto n = static_cast<int64_t>(v.size());
  const TransformOptions options{.norm = norm, .dtype = b.dtype()};
  return Product(b.dtype(), times_diagonal(hadamard(n, options), b), Permutation(v, b.dtype()),
                 diagonal_times(s, times_diagonal(hadamard(n, options, false), g)));
}

Product acdc(const Tensor& d2, const Tensor& d1, AcdcOrder order) {
  check(d1.rank() == 1 && d1.shape() == d2.shape() && d1.dtype() == d2.dtype(), "acdc: d1 ", d1,
        " and d2 ", d2, ", expected diagonals [n] of one dtype");
  check_real("acdc", d1.dtype());
  const bool dct_first = order == AcdcOrder::dct_first;
  FourierForm first = cosine(dct_first ? 2 : 3, d1.dim(0), Norm::ortho),
              second = cosine(dct_first ? 3 : 2, d1.dim(0), Norm::ortho);
  scale_results(first, d1), scale_results(second, d2);
  return Product(d1.dtype(), made(first, d1.dtype()), made(second, d1.dtype()));
}

}  // namespace papilio
