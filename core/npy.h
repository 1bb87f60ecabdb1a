// NumPy's .npy files.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "papilio/core/tensor.h"

namespace papilio {

/// Writes a tensor of any dtype so that numpy.load gives the same array. Atomic, as write_file.
void write_npy(const std::string& path, const Tensor& tensor);

/// An array of numbers: floats of 4 and 8 bytes, complex ones of 8 and 16 as they are, integers and
/// booleans as f64; either byte order, rows or columns first; versions 1 to 3 of the format. Throws
/// Error that names the file when it is damaged, or holds something else.
Tensor read_npy(const std::string& path);
/// The same from memory; `name` stands for the file in messages.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name);

}  // namespace papilio
