// The safetensors file format: an 8-byte little-endian header length, a JSON header {name: {dtype,
// shape, data_offsets},
// "__metadata__": {key: string}}, then the tensors' bytes. Python's `safetensors` reads what is
// written here, and the other way round. The format has no complex numbers; how checkpoints hold
// them is said in models/checkpoint.h.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "papilio/core/tensor.h"

namespace papilio {

struct Safetensors {
  std::vector<std::pair<std::string, Tensor>> tensors;  ///< f32, f64 or i64
  std::map<std::string, std::string> metadata;

  /// The tensor of that name; null when there is none.
  const Tensor* find(std::string_view name) const;
};

/// Writes atomically (write_file). The header is padded so that data begins at a multiple of 64
/// bytes; the bytes of the file depend on the argument alone. Throws Error for a complex or
/// undefined tensor or a name given twice.
void write_safetensors(const std::string& path, const Safetensors& file);

/// Reads F64, F32, I64 as they are, F16 and BF16 as f32, I32 as i64. Throws Error that names the
/// file, what is wrong and where: truncated, a corrupt or oversized header, offsets that overlap,
/// leave gaps, or do not match shape and dtype, an unsupported dtype (with the tensor's name), a
/// name given twice.
Safetensors read_safetensors(const std::string& path);
/// The same from memory; `name` stands for the file in messages.
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

}  // namespace papilio
