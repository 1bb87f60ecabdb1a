#include "papilio/apps/learn_transform/speed.h"

#include <algorithm>
#include <ostream>

#include "papilio/apps/bench/dense.h"
#include "papilio/apps/bench/fft.h"
#include "papilio/apps/bench/measure.h"
#include "papilio/core/tape.h"
#include "papilio/core/threads.h"

namespace papilio::learn {
namespace {

constexpr int64_t kLargestDense = 8192;

Tensor vector_for(const Factorization& found) {
  const Shape shape{1, found.layer->in_features()};
  const DType dtype = found.layer->dtype();
  const Tensor real = rand_uniform(shape, -1, 1, Rng(1), real_of(dtype));
  return is_real(dtype) ? real : complex(real, rand_uniform(shape, -1, 1, Rng(2), real_of(dtype)));
}

}  // namespace

Speed measure_speed(const Target& target, Factorization& found) {
  const NoTape inference;
  const int threads = papilio::threads();
  set_threads(1);
  const Tensor x = vector_for(found);
  std::vector<bench::Candidate> all{{"layer", [&] { (*found.layer)(x); }}};
  const bench::Case what{.dtype = found.layer->dtype(), .n = target.columns, .batch = 1};
  const bool square = target.rows == target.columns;
  if (square && what.n <= kLargestDense)
    for (bench::Candidate& way : bench::dense(what)) all.push_back(std::move(way));
  const size_t dense = all.size();
  if (const auto fft = bench::fft(what); fft && square) all.push_back(*fft);
  const std::vector<double> seconds = bench::measure(all, {.seconds = 0.5});
  set_threads(threads);
  if (seconds.empty()) return {};
  Speed speed{.layer_us = 1e6 * seconds[0]};
  if (dense > 1)
    speed.gemv_us = 1e6 * *std::min_element(seconds.begin() + 1,
                                            seconds.begin() + static_cast<std::ptrdiff_t>(dense));
  if (dense < all.size()) speed.fftw_us = 1e6 * seconds.back();
  return speed;
}

void print(std::ostream& out, const Speed& speed) {
  if (speed.layer_us <= 0) return;
  out << "  one vector       " << speed.layer_us << " us";
  if (speed.gemv_us > 0)
    out << "; the dense matrix " << speed.gemv_us << " us (" << speed.gemv_us / speed.layer_us
        << "x)";
  if (speed.fftw_us > 0)
    out << "; FFTW " << speed.fftw_us << " us (" << speed.fftw_us / speed.layer_us << "x)";
  out << "\n";
}

Config to_config(const Speed& speed) {
  const auto known = [](double value, bool is) { return is ? Config(value) : Config(); };
  return {{"layer_us", known(speed.layer_us, speed.layer_us > 0)},
          {"gemv_us", known(speed.gemv_us, speed.gemv_us > 0)},
          {"fftw_us", known(speed.fftw_us, speed.fftw_us > 0)},
          {"over_gemv", known(speed.gemv_us / speed.layer_us, speed.gemv_us > 0)},
          {"over_fftw", known(speed.fftw_us / speed.layer_us, speed.fftw_us > 0)}};
}

}  // namespace papilio::learn
