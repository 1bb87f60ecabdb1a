#include "papilio/core/npy.h"

#include "papilio/core/file.h"

namespace papilio {
namespace {

std::string_view descr(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "<f4";
    case DType::f64:
      return "<f8";
    case DType::c64:
      return "<c8";
    case DType::c128:
      return "<c16";
    case DType::i64:
      return "<i8";
  }
  fail("npy: unknown dtype");
}

// Format 1.0: magic, version, 16-bit header length, a Python dictionary padded with spaces so that
// data begins at a multiple of 64.
std::string header(const Tensor& tensor) {
  std::string shape;
  for (const int64_t size : tensor.shape()) shape += concat(size, ",");
  std::string dictionary = concat("{'descr': '", descr(tensor.dtype()),
                                  "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr size_t kPreamble = 10;
  dictionary.append(63 - (kPreamble + dictionary.size()) % 64, ' ');
  dictionary += '\n';
  const size_t length = dictionary.size();
  std::string all = "\x93NUMPY";
  for (const size_t byte : {size_t{1}, size_t{0}, length & 255, length >> 8})
    all += static_cast<char>(byte);
  return all + dictionary;
}

}  // namespace

void write_npy(const std::string& path, const Tensor& tensor) {
  const std::string start = header(tensor);
  write_file(path, [&](const ByteSink& sink) {
    sink(start.data(), start.size());
    sink(tensor.raw(), static_cast<size_t>(tensor.bytes()));
  });
}

}  // namespace papilio
