// Pictures of a learned transform: its matrix beside the target, the error, factors, permutations.
#pragma once

#include <string>

#include "papilio/apps/learn_transform/find.h"

namespace papilio::learn {

/// Writes matrix.png, error.png, factors.png and permutation.png, as far as there are such, into
/// the folder. Matrices above 256 x 256 are drawn by the largest entry of every block.
void draw_pictures(const std::string& folder, const Target& target, Factorization& found);

}  // namespace papilio::learn
