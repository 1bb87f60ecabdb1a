// Normalisation over channels (batch norm) and over rows (layer norm) on raw arrays. T is float or
// double. Sums are made over chunks whose size depends on the shape alone: the same bits for every
// number of threads.
#pragma once

#include <cstdint>

namespace papilio::kernels {

// ---- channels: x [rows, channels], everything else [channels]

/// Mean and biased variance of every channel; rows >= 1. Two passes over a chunk, chunks merged in
/// double (Chan, Golub and LeVeque 1979): accurate also when the mean is far larger than the
/// deviation.
template <class T>
void channel_statistics(int64_t rows, int64_t channels, const T* x, T* mean, T* variance);

/// y = (x - mean) factor + shift
template <class T>
void scale_channels(int64_t rows, int64_t channels, const T* x, const T* mean, const T* factor,
                    const T* shift, T* y);

/// sum_dy = sum of dy, sum_dy_x = sum of dy (x - mean), over the rows.
template <class T>
void channel_gradient_sums(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                           T* sum_dy, T* sum_dy_x);

/// dx = dy dy_factor + (x - mean) x_factor + shift
template <class T>
void channel_gradient(int64_t rows, int64_t channels, const T* x, const T* mean, const T* dy,
                      const T* dy_factor, const T* x_factor, const T* shift, T* dx);

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
