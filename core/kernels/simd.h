// Which SIMD instructions our kernels use: the best of this CPU, unless the environment variable
// PAPILIO_SIMD or the program says otherwise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace papilio::kernels {

/// The target in use, one of simd_targets(). The first call of this or of any kernel reads
/// PAPILIO_SIMD; it throws std::invalid_argument when that names none of simd_targets().
std::string_view simd_target();

/// The targets that this CPU can run, best first: of "avx512", "avx2", "sse4" and "neon", and last
/// what the compiler's baseline gives, "scalar" on x86.
std::vector<std::string> simd_targets();

/// From now on all kernels use the target `name`; the empty name is the best one. Throws
/// std::invalid_argument with the valid names when there is no such target. Not to be called while
/// a kernel runs.
void set_simd_target(std::string_view name);

/// Reads PAPILIO_SIMD if nothing has chosen a target yet. Every kernel calls it before
/// HWY_DYNAMIC_DISPATCH.
void ensure_simd_target();

}  // namespace papilio::kernels
