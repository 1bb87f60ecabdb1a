#include "papilio/layers/permutation_choices.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

#include "papilio/core/dtype.h"
#include "papilio/core/error.h"

namespace papilio {
namespace {

struct Level {
  int64_t block;   // elements
  int64_t choice;  // the first of its three
};

std::vector<Level> levels_of(const PermutationChoices& family) {
  std::vector<Level> levels;
  int64_t choice = 0;
  if (family.whole_first) levels.push_back({family.n, choice}), choice += 3;
  for (int64_t block = family.n; block >= 4; block /= 2) {
    levels.push_back({block, choice});
    if (!family.shared) choice += 3;
  }
  return levels;
}

// Re conj(a) b
template <class T>
double product(const T& a, const T& b) {
  if constexpr (is_complex_type<T>)
    return product(a.real(), b.real()) + product(a.imag(), b.imag());
  else
    return static_cast<double>(a) * static_cast<double>(b);
}

// Both halves of a level's work on one block: z = (1 - p) x + p (x permuted).
template <class T, class P>
void separate(int64_t half, P p, const T* x, T* y) {
  const P q = 1 - p;
  for (int64_t i = 0; i < half; ++i) {
    y[i] = q * x[i] + p * x[2 * i];
    y[half + i] = q * x[half + i] + p * x[2 * i + 1];
  }
}
template <class T, class P>
void reverse(int64_t half, P p, const T* x, T* y) {
  const P q = 1 - p;
  for (int64_t i = 0; i < half; ++i) y[i] = q * x[i] + p * x[half - 1 - i];
}

// g becomes the gradient by x, and the gradient by p is returned.
template <class T, class P>
double separate_gradient(int64_t half, P p, const T* x, std::vector<T>& scratch, T* g) {
  const P q = 1 - p;
  double by_p = 0;
  for (int64_t i = 0; i < half; ++i)
    by_p += product<T>(g[i], x[2 * i] - x[i]) + product<T>(g[half + i], x[2 * i + 1] - x[half + i]);
  std::copy_n(g, 2 * half, scratch.begin());
  for (int64_t i = 0; i < 2 * half; ++i) g[i] = q * scratch[static_cast<size_t>(i)];
  for (int64_t i = 0; i < half; ++i) {
    g[2 * i] += p * scratch[static_cast<size_t>(i)];
    g[2 * i + 1] += p * scratch[static_cast<size_t>(half + i)];
  }
  return by_p;
}
template <class T, class P>
double reverse_gradient(int64_t half, P p, const T* x, std::vector<T>& scratch, T* g) {
  double by_p = 0;
  for (int64_t i = 0; i < half; ++i) by_p += product<T>(g[i], x[half - 1 - i] - x[i]);
  std::copy_n(g, half, scratch.begin());
  reverse(half, p, scratch.data(), g);  // it is its own transpose
  return by_p;
}

}  // namespace

int64_t PermutationChoices::count() const {
  const std::vector<Level> levels = levels_of(*this);
  return levels.empty() ? 0 : levels.back().choice + 3;
}

std::vector<int64_t> PermutationChoices::index(const std::vector<bool>& choices) const {
  check(std::ssize(choices) == count(), "permutation choices: ", choices.size(), " given, size ", n,
        " has ", count());
  std::vector<int64_t> v(static_cast<size_t>(n)), z(v.size());
  std::iota(v.begin(), v.end(), 0);
  for (const Level& level : levels_of(*this)) {
    const int64_t half = level.block / 2;
    const auto chosen = [&](int64_t i) { return choices[static_cast<size_t>(level.choice + i)]; };
    for (int64_t at = 0; at < n; at += level.block) {
      separate<int64_t, int64_t>(half, chosen(0), v.data() + at, z.data() + at);
      reverse<int64_t, int64_t>(half, chosen(1), z.data() + at, v.data() + at);
      reverse<int64_t, int64_t>(half, chosen(2), z.data() + at + half, v.data() + at + half);
    }
  }
  return v;
}

std::vector<bool> PermutationChoices::rounded(const double* logits) const {
  std::vector<bool> choices;
  for (int64_t i = 0; i < count(); ++i) choices.push_back(logits[i] > 0);
  return choices;
}

std::vector<std::vector<bool>> PermutationChoices::candidates() const {
  check(shared || count() <= 6, "permutation choices: too many to list; share them");
  std::vector<std::vector<bool>> all;
  for (int64_t code = 0; code < int64_t{1} << count(); ++code) {
    std::vector<bool> choices;
    for (int64_t i = 0; i < count(); ++i) choices.push_back((code >> i & 1) != 0);
    all.push_back(std::move(choices));
  }
  return all;
}

template <class T>
void SoftPermutation<T>::forward(const double* logits, int64_t rows, const T* x, T* y) {
  using P = real_type<T>;
  p_.resize(static_cast<size_t>(choices_.count()));
  for (size_t i = 0; i < p_.size(); ++i) p_[i] = 1 / (1 + std::exp(-logits[i]));
  const std::vector<Level> levels = levels_of(choices_);
  const int64_t size = rows * choices_.n;
  kept_.resize(static_cast<size_t>(size) * 2 * std::max<size_t>(levels.size(), 1));
  T* now = kept_.data();
  std::copy_n(x, size, now);
  for (const Level& level : levels) {
    const auto p = [&](int64_t i) {
      return static_cast<P>(p_[static_cast<size_t>(level.choice + i)]);
    };
    const int64_t half = level.block / 2;
    T* separated = now + size;
    T* next = &level == &levels.back() ? y : separated + size;
    for (int64_t at = 0; at < size; at += level.block) {
      separate(half, p(0), now + at, separated + at);
      reverse(half, p(1), separated + at, next + at);
      reverse(half, p(2), separated + at + half, next + at + half);
    }
    now = next;
  }
  if (levels.empty()) std::copy_n(now, size, y);
}

template <class T>
void SoftPermutation<T>::backward(int64_t rows, T* gradient, double* grad_logits) {
  using P = real_type<T>;
  const std::vector<Level> levels = levels_of(choices_);
  const int64_t size = rows * choices_.n;
  std::vector<T> scratch(static_cast<size_t>(choices_.n));
  for (int64_t i = std::ssize(levels); i-- > 0;) {
    const Level& level = levels[static_cast<size_t>(i)];
    const double* p = p_.data() + level.choice;
    const int64_t half = level.block / 2;
    const T *x = kept_.data() + 2 * i * size, *separated = x + size;
    double by_p[3] = {};
    for (int64_t at = 0; at < size; at += level.block) {
      T* g = gradient + at;
      by_p[1] += reverse_gradient(half, static_cast<P>(p[1]), separated + at, scratch, g);
      by_p[2] +=
          reverse_gradient(half, static_cast<P>(p[2]), separated + at + half, scratch, g + half);
      by_p[0] += separate_gradient(half, static_cast<P>(p[0]), x + at, scratch, g);
    }
    for (int64_t j = 0; j < 3; ++j) grad_logits[level.choice + j] += by_p[j] * p[j] * (1 - p[j]);
  }
}

template class SoftPermutation<float>;
template class SoftPermutation<double>;
template class SoftPermutation<std::complex<float>>;
template class SoftPermutation<std::complex<double>>;

}  // namespace papilio
