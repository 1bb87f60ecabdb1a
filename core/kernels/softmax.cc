#include "papilio/core/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "papilio/core/memory.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

/// Rows that are worth a thread.
int64_t grain(int64_t classes) { return std::max<int64_t>(1, 8192 / classes); }

template <class T>
T log_sum_exp(int64_t classes, const T* x) {
  // Infinite when all are -inf or one is +inf; NaN comes through the sum.
  const T largest = *std::max_element(x, x + classes);
  const T shift = std::isfinite(largest) ? largest : T(0);
  T sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - shift);
  return shift + std::log(sum);
}

}  // namespace

template <class T>
void log_softmax(int64_t rows, int64_t classes, const T* x, T* y) {
  parallel_for(
      rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T log_sum = log_sum_exp(classes, x + i * classes);
          for (int64_t c = 0; c < classes; ++c) y[i * classes + c] = x[i * classes + c] - log_sum;
        }
      },
      grain(classes));
}

template <class T>
void log_softmax_backward(int64_t rows, int64_t classes, const T* y, const T* dy, T* dx) {
  parallel_for(
      rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin * classes; i < end * classes; i += classes) {
          T sum = 0;
          for (int64_t c = i; c < i + classes; ++c) sum += dy[c];
          for (int64_t c = i; c < i + classes; ++c) dx[c] = dy[c] - std::exp(y[c]) * sum;
        }
      },
      grain(classes));
}

template <class T>
T cross_entropy(const CrossEntropy& s, const T* logits, const int64_t* labels, T* log_sums) {
  const Buffer losses(static_cast<size_t>(s.rows) * sizeof(double));
  parallel_for(
      s.rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* x = logits + i * s.classes;
          log_sums[i] = log_sum_exp(s.classes, x);
          double loss = static_cast<double>(log_sums[i] - x[labels[i]]);
          if (s.label_smoothing > 0) {
            double sum = 0;
            for (int64_t c = 0; c < s.classes; ++c) sum += static_cast<double>(log_sums[i] - x[c]);
            loss += s.label_smoothing * (sum / static_cast<double>(s.classes) - loss);
          }
          losses.as<double>()[i] = loss;
        }
      },
      grain(s.classes));
  double total = 0;
  for (int64_t i = 0; i < s.rows; ++i) total += losses.as<double>()[i];
  return static_cast<T>(total / static_cast<double>(s.rows));
}

template <class T>
void cross_entropy_backward(const CrossEntropy& s, const T* logits, const int64_t* labels,
                            const T* log_sums, T dloss, T* dlogits) {
  const T factor = dloss / static_cast<T>(s.rows);
  const T everywhere = static_cast<T>(s.label_smoothing / static_cast<double>(s.classes));
  const T at_label = static_cast<T>(1 - s.label_smoothing);
  parallel_for(
      s.rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* x = logits + i * s.classes;
          T* dx = dlogits + i * s.classes;
          for (int64_t c = 0; c < s.classes; ++c)
            dx[c] = factor * (std::exp(x[c] - log_sums[i]) - everywhere);
          dx[labels[i]] -= factor * at_label;
        }
      },
      grain(s.classes));
}

#define PAPILIO_INSTANTIATE(T)                                                                     \
  template void log_softmax(int64_t, int64_t, const T*, T*);                                       \
  template void log_softmax_backward(int64_t, int64_t, const T*, const T*, T*);                    \
  template T cross_entropy(const CrossEntropy&, const T*, const int64_t*, T*);                     \
  template void cross_entropy_backward(const CrossEntropy&, const T*, const int64_t*, const T*, T, \
                                       T*);
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
#undef PAPILIO_INSTANTIATE

}  // namespace papilio::kernels
