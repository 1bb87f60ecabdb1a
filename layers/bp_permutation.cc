#include "papilio/layers/closed_form.h"
#include "papilio/layers/permutation_choices.h"
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
  const PermutationChoices family{.n = n, .shared = true};
  return family.index(family.count() == 0  // nothing to choose below 4
                          ? std::vector<bool>()
                          : std::vector<bool>{p.separate, p.reverse_first, p.reverse_second});
}

}  // namespace papilio
