// max_pool2d, avg_pool2d and global_avg_pool2d.
#include <limits>

#include "papilio/core/kernels/gemm.h"
#include "papilio/core/kernels/pool.h"
#include "papilio/core/memory.h"
#include "papilio/core/ops.h"
#include "papilio/core/threads.h"

namespace papilio {
namespace {

void check_images(const char* op, const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) >= 1 && x.dim(2) >= 1 && x.dim(3) >= 1, op, ": x is ", x,
        ", expected [batch, height, width, channels] with at least one pixel");
}

kernels::PoolShape pool_shape(const char* op, const Tensor& x, const Pool2dOptions& options) {
  check_images(op, x);
  const auto& [kernel, stride, padding] = options;
  check(kernel >= 1 && stride >= 1, op, ": kernel = ", kernel, ", stride = ", stride,
        "; both are at least 1");
  check(padding >= 0 && padding <= kernel / 2, op, ": padding = ", padding, ", expected 0 .. ",
        kernel / 2, ", half of the kernel ", kernel);
  const kernels::PoolShape s{.batch = x.dim(0),
                             .height = x.dim(1),
                             .width = x.dim(2),
                             .channels = x.dim(3),
                             .kernel = kernel,
                             .stride = stride,
                             .padding = padding};
  check(kernel <= s.height + 2 * padding && kernel <= s.width + 2 * padding, op, ": x", x.shape(),
        " with padding ", padding, " is smaller than the kernel ", kernel,
        "; use a smaller kernel");
  check(s.height * s.width <= std::numeric_limits<int32_t>::max(), op, ": x", x.shape(),
        " has more than 2^31 - 1 pixels an image");
  return s;
}

Shape pooled(const kernels::PoolShape& s) {
  return {s.batch, s.out_height(), s.out_width(), s.channels};
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const kernels::PoolShape s = pool_shape("max_pool2d", x, options);
  Tensor y(pooled(s), x.dtype());
  const Tensor* inputs[] = {&x};
  std::shared_ptr<Buffer> pixels;
  if (recorded(inputs))
    pixels = std::make_shared<Buffer>(static_cast<size_t>(y.numel()) * sizeof(int32_t));
  dispatch_real(x.dtype(), "max_pool2d", [&]<class T>() {
    kernels::max_pool<T>(s, x.data<T>(), y.mutable_data<T>(),
                         pixels ? pixels->as<int32_t>() : nullptr);
  });
  record("max_pool2d", y, {&x},
         [s, pixels, shape = x.shape(), dtype = x.dtype()](const Tensor& dy,
                                                           InputGradients& gradients) {
           Tensor dx(shape, dtype);
           dispatch_real(dtype, "max_pool2d", [&]<class T>() {
             kernels::max_pool_backward<T>(s, dy.data<T>(), pixels->as<int32_t>(),
                                           dx.mutable_data<T>());
           });
           gradients.add(0, dx);
         });
  return y;
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const kernels::PoolShape s = pool_shape("avg_pool2d", x, options);
  Tensor y(pooled(s), x.dtype());
  dispatch_real(x.dtype(), "avg_pool2d",
                [&]<class T>() { kernels::avg_pool<T>(s, x.data<T>(), y.mutable_data<T>()); });
  record("avg_pool2d", y, {&x},
         [s, shape = x.shape(), dtype = x.dtype()](const Tensor& dy, InputGradients& gradients) {
           Tensor dx(shape, dtype);
           dispatch_real(dtype, "avg_pool2d", [&]<class T>() {
             kernels::avg_pool_backward<T>(s, dy.data<T>(), dx.mutable_data<T>());
           });
           gradients.add(0, dx);
         });
  return y;
}

Tensor global_avg_pool2d(const Tensor& x) {
  check_images("global_avg_pool2d", x);
  const int64_t batch = x.dim(0), pixels = x.dim(1) * x.dim(2), channels = x.dim(3);
  Tensor y({batch, channels}, x.dtype());
  dispatch_real(x.dtype(), "global_avg_pool2d", [&]<class T>() {
    const T *from = x.data<T>(), factor = T(1) / static_cast<T>(pixels);
    T* to = y.mutable_data<T>();
    parallel_for(batch, [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; ++image) {
        T* mean = to + image * channels;
        kernels::column_sums(pixels, channels, from + image * pixels * channels, mean);
        for (int64_t c = 0; c < channels; ++c) mean[c] *= factor;
      }
    });
  });
  record("global_avg_pool2d", y, {&x},
         [shape = x.shape(), pixels, channels](const Tensor& dy, InputGradients& gradients) {
           Tensor dx(shape, dy.dtype());
           dispatch_real(dy.dtype(), "global_avg_pool2d", [&]<class T>() {
             const T *from = dy.data<T>(), factor = T(1) / static_cast<T>(pixels);
             T* to = dx.mutable_data<T>();
             parallel_for(
                 shape[0] * pixels,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t pixel = begin; pixel < end; ++pixel)
                     for (int64_t c = 0; c < channels; ++c)
                       to[pixel * channels + c] = factor * from[pixel / pixels * channels + c];
                 },
                 4096);
           });
           gradients.add(0, dx);
         });
  return y;
}

}  // namespace papilio
