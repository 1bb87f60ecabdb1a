// The counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011): a bijection of 128-bit counters for every 64-bit key. Rng is built on it.
#pragma once

#include <array>
#include <cstdint>

namespace papilio::detail {

using PhiloxCounter = std::array<uint32_t, 4>;

constexpr PhiloxCounter philox(std::array<uint32_t, 2> key, PhiloxCounter c) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * c[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return c;
}

}  // namespace papilio::detail
