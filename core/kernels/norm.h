// Normalisation over channels (batch norm) and over rows (layer norm) on raw arrays. T is float or
// double. Sums are made over chunks whose size depends on the shape alone: the same bits for every
// number of threads.
#pragma once

#include <cstdint>
#include <functional>

namespace papilio::kernels {

// ---- channels: x, y, dy, dx, residual [rows, channels], everything else [channels]

/// Mean and biased variance of every channel; rows >= 1. x is read once: chunks are summed relative
/// to their own first row, and merged in double (Chan, Golub and LeVeque 1979). Accurate also when
/// the mean is far larger than the deviation.
template <class T>
void channel_statistics(int64_t rows, int64_t channels, const T* x, T* mean, T* variance);
/// The same of rows that are computed meanwhile: write(first, count) is called before rows first ..
/// first + count - 1 are read, which are still in the cache then, `unit` rows or a multiple of it,
/// on several threads. rows is a multiple of `unit`.
template <class T>
void channel_statistics(int64_t rows, int64_t channels, const T* x, T* mean, T* variance,
                        int64_t unit,
                        const std::function<void(int64_t first, int64_t count)>& write);

/// y = (x - mean) factor + shift + residual, then max(y, 0) with `relu`. `shift` and `residual` may
/// be null.
template <class T>
void scale_channels(int64_t rows, int64_t channels, const T* x, const T* mean, const T* factor,
                    const T* shift, const T* residual, bool relu, T* y);
template <class T>
void scale_channels(int64_t rows, int64_t channels, const T* x, const T* mean, const T* factor,
                    const T* shift, T* y) {
  scale_channels(rows, channels, x, mean, factor, shift, static_cast<const T*>(nullptr), false, y);
}

/// Where the ReLU of scale_channels let dy pass; all null: everywhere, there was none. Either by
/// its y, or recomputed from x, which is a read less.
template <class T>
struct ReluGate {
  const T* y = nullptr;                         ///< where y > 0
  const T *factor = nullptr, *shift = nullptr;  ///< where (x - mean) factor + shift > 0
};

/// sum_dy = sum of dy, sum_dy_x = sum of dy (x - mean), over the rows. A gate by y also writes the
/// dy that passed to `passed` [rows, channels].
template <class T>
void channel_gradient_sums(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                           T* sum_dy, T* sum_dy_x, const ReluGate<T>& gate = {},
                           T* passed = nullptr);

/// sum = sum of dy over the rows, of that which passed where y > 0 if y is not null; `passed` is
/// then where it goes, perhaps dy itself.
template <class T>
void gate_channels(int64_t rows, int64_t channels, const T* dy, const T* y, T* passed, T* sum);

/// dx = dy dy_factor + (x - mean) x_factor + shift; the gate is recomputed, if there is one.
template <class T>
void channel_gradient(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                      const T* dy_factor, const T* x_factor, const T* shift, T* dx,
                      const ReluGate<T>& gate = {});

// ---- rows: x [rows, features], gamma and beta [features], mean and inverse_deviation [rows]

/// y = (x - mean) inverse_deviation gamma + beta with each row's own mean and 1 / sqrt(variance +
/// epsilon).
template <class T>
void layer_norm(int64_t rows, int64_t features, double epsilon, const T* x, const T* gamma,
                const T* beta, T* y, T* mean, T* inverse_deviation);
/// Gradients of all three inputs; any of dx, dgamma and dbeta may be null.
template <class T>
void layer_norm_backward(int64_t rows, int64_t features, const T* x, const T* gamma, const T* mean,
                         const T* inverse_deviation, const T* dy, T* dx, T* dgamma, T* dbeta);

}  // namespace papilio::kernels
