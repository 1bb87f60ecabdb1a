// NumPy's .npy files.
#pragma once

#include <string>

#include "papilio/core/tensor.h"

namespace papilio {

/// Writes a tensor of any dtype so that numpy.load gives the same array. Atomic, as write_file.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace papilio
