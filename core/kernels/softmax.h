// Softmax over the rows of a matrix, its logarithm, and the cross-entropy loss, on raw arrays. T is
// float or double. The same bits for every number of threads.
#pragma once

#include <cstdint>

namespace papilio::kernels {

/// y = x - log sum exp x for each row of x [rows, classes].
template <class T>
void log_softmax(int64_t rows, int64_t classes, const T* x, T* y);
/// dx = dy - exp(y) sum dy for each row, from the result y.
template <class T>
void log_softmax_backward(int64_t rows, int64_t classes, const T* y, const T* dy, T* dx);

struct CrossEntropy {
  int64_t rows, classes;
  double label_smoothing;
};

/// Mean over the rows of -sum_c q_c log_softmax(logits)_c, where q is 1 - s at the label plus s /
/// classes everywhere. Labels lie in [0, classes). Writes log sum exp of each row to log_sums
/// [rows].
template <class T>
T cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* labels, T* log_sums);
/// dlogits = dloss (softmax(logits) - q) / rows.
template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* labels,
                            const T* log_sums, T dloss, T* dlogits);

}  // namespace papilio::kernels
