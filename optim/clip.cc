#include "papilio/optim/clip.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "papilio/optim/elementwise.h"

namespace papilio::optim {
namespace {

// Chunks and lanes are fixed, so the order of the sum is too.
constexpr int64_t kChunk = 1 << 13;
constexpr int64_t kLanes = 16;

template <class T>
double chunk_square_sum(const T* x, int64_t count) {
  std::array<double, kLanes> lanes{};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = static_cast<double>(x[i + lane]);
      lanes[lane] += value * value;
    }
  for (; i < count; ++i) lanes[i % kLanes] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

double square_sum(const Tensor& gradient) {
  return dispatch_real(real_of(gradient.dtype()), "clip_gradient_norm", [&]<class T>() {
    const T* x = reals<T>(gradient);
    const int64_t count = real_count(gradient), chunks = (count + kChunk - 1) / kChunk;
    std::vector<double> sums(static_cast<size_t>(chunks));
    parallel_for(
        chunks,
        [&](int64_t begin, int64_t end) {
          for (int64_t c = begin; c < end; ++c)
            sums[c] = chunk_square_sum(x + c * kChunk, std::min(kChunk, count - c * kChunk));
        },
        kGrain / kChunk);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
  });
}

void multiply(Tensor& gradient, double factor) {
  dispatch_real(real_of(gradient.dtype()), "clip_gradient_norm", [&]<class T>() {
    T* x = mutable_reals<T>(gradient);
    const T by = static_cast<T>(factor);
    parallel_for(
        real_count(gradient),
        [=](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) x[i] *= by;
        },
        kGrain);
  });
}

}  // namespace

double clip_gradient_norm(const std::vector<Parameter>& parameters, double max_norm) {
  check(max_norm > 0, "clip_gradient_norm: max_norm = ", max_norm, ", it must be > 0");
  std::vector<Parameter> clipped;
  std::ranges::copy_if(parameters, std::back_inserter(clipped),
                       [](const Parameter& p) { return p.gradient().defined() && !p.frozen(); });
  double total = 0;
  for (const Parameter& p : clipped) {
    const double sum = square_sum(p.gradient());
    check(std::isfinite(sum), "clip_gradient_norm: the gradient of the parameter '", p.name(), "' ",
          p.value(), " made at ", p.place(),
          " has no finite norm; lower the learning rate, or look for a log or division that "
          "reaches 0");
    total += sum;
  }
  const double norm = std::sqrt(total);
  if (const double factor = max_norm / (norm + 1e-6); factor < 1)
    for (Parameter& p : clipped) multiply(p.mutable_gradient(), factor);
  return norm;
}

}  // namespace papilio::optim
