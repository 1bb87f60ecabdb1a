#include "papilio/core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "papilio/core/philox.h"

namespace papilio {
namespace {

using Counter = detail::PhiloxCounter;

Counter philox(uint64_t key, uint64_t low, uint64_t high) {
  return detail::philox({static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)},
                        {static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                         static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)});
}

uint64_t join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }
double unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// The high counter word keeps values, keys of numbers and keys of purposes apart.
enum Stream : uint64_t { kValues, kNumbers, kPurposes };

}  // namespace

Rng Rng::split(std::string_view purpose) const {
  uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  const Counter c = philox(key_, hash, kPurposes);
  return Rng(join(c[0], c[1]));
}

Rng Rng::split(uint64_t number) const {
  const Counter c = philox(key_, number, kNumbers);
  return Rng(join(c[0], c[1]));
}

uint64_t Rng::bits(uint64_t index) const {
  const Counter c = philox(key_, index, kValues);
  return join(c[0], c[1]);
}

double Rng::uniform(uint64_t index) const { return unit(bits(index)); }

int64_t Rng::below(int64_t count, uint64_t index) const {
  check(count > 0, "random: an integer below ", count, " does not exist");
  return static_cast<int64_t>(
      static_cast<unsigned __int128>(bits(index)) * static_cast<uint64_t>(count) >> 64);
}

double Rng::normal(uint64_t index) const {
  const Counter c = philox(key_, index, kValues);
  const double radius = std::sqrt(-2 * std::log(1 - unit(join(c[0], c[1]))));
  return radius * std::cos(2 * std::numbers::pi * unit(join(c[2], c[3])));
}

std::vector<int64_t> Rng::permutation(int64_t count) const {
  check(count >= 0, "random: a permutation of ", count, " numbers does not exist");
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)],
              order[static_cast<size_t>(below(i + 1, static_cast<uint64_t>(i)))]);
  return order;
}

namespace {

// Fills a tensor with sample(index), taken twice for a complex entry.
template <class Sample>
Tensor filled(const Shape& shape, DType dtype, double complex_factor, Sample sample) {
  Tensor result(shape, dtype);
  dispatch_floating(dtype, "random", [&]<class T>() {
    T* out = result.mutable_data<T>();
    for (int64_t i = 0, n = result.numel(); i < n; ++i) {
      const auto index = static_cast<uint64_t>(i);
      if constexpr (is_complex_type<T>) {
        using Real = real_type<T>;
        out[i] = {static_cast<Real>(complex_factor * sample(2 * index)),
                  static_cast<Real>(complex_factor * sample(2 * index + 1))};
      } else {
        out[i] = static_cast<T>(sample(index));
      }
    }
  });
  return result;
}

}  // namespace

Tensor randn(const Shape& shape, Rng rng, DType dtype) {
  return filled(shape, dtype, std::numbers::sqrt2 / 2, [&](uint64_t i) { return rng.normal(i); });
}

Tensor rand_uniform(const Shape& shape, double low, double high, Rng rng, DType dtype) {
  return filled(shape, dtype, 1, [&](uint64_t i) { return low + (high - low) * rng.uniform(i); });
}

}  // namespace papilio
