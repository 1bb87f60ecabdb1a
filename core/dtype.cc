#include "papilio/core/dtype.h"

#include <array>

#include "papilio/core/error.h"

namespace papilio {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  int64_t size;
};
constexpr std::array<Row, 5> kDTypes = {{{DType::f32, "f32", 4},
                                         {DType::f64, "f64", 8},
                                         {DType::c64, "c64", 8},
                                         {DType::c128, "c128", 16},
                                         {DType::i64, "i64", 8}}};

}  // namespace

int64_t size_of(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].size; }

std::string_view text(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }

DType dtype_named(std::string_view name) {
  for (const Row& row : kDTypes)
    if (row.name == name) return row.dtype;
  fail("dtype '", name, "' is unknown; valid: f32, f64, c64, c128, i64");
}

void detail::unexpected_dtype(DType dtype, std::string_view op, std::string_view expected) {
  fail(op, ": the input is ", dtype, ", expected ", expected);
}

}  // namespace papilio
