#include <algorithm>
#include <numeric>

#include "papilio/layers/closed_form.h"
#include "papilio/layers/twiddle.h"

namespace papilio {

const std::vector<BpPermutation>& bp_permutations() {
  static const std::vector<BpPermutation> all = {
      {false, false, false}, {true, false, false}, {false, true, false}, {false, false, true},
      {false, true, true},   {true, true, false},  {true, false, true},  {true, true, true}};
  return all;
}

std::string text(const BpPermutation& p) {
  std::string letters;
  if (p.separate) letters += 'a';
  if (p.reverse_first) letters += 'b';
  if (p.reverse_second) letters += 'c';
  return letters.empty() ? "identity" : letters == "a" ? "bit-reversal" : letters;
}

std::vector<int64_t> index_of(const BpPermutation& p, int64_t n) {
  log2_exact(n);
  std::vector<int64_t> v(static_cast<size_t>(n)), block;
  std::iota(v.begin(), v.end(), int64_t{0});
  for (int64_t size = n; size >= 4; size /= 2)
    for (auto first = v.begin(); first != v.end(); first += size) {
      const auto half = first + size / 2, last = first + size;
      if (p.separate) {
        block.assign(first, last);
        for (int64_t i = 0; i < size / 2; ++i) {
          first[i] = block[static_cast<size_t>(2 * i)];
          half[i] = block[static_cast<size_t>(2 * i + 1)];
        }
      }
      if (p.reverse_first) std::reverse(first, half);
      if (p.reverse_second) std::reverse(half, last);
    }
  return v;
}

}  // namespace papilio
