#include "papilio/core/ops/elementwise.h"

namespace papilio::detail {

void check_operands(const char* op, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype(), op, ": a ", a, " and b ", b,
        " differ in dtype; convert one with to()");
  const Shape &whole = a.shape(), &part = b.shape();
  check(part.rank() <= whole.rank() &&
            std::equal(part.begin(), part.end(), whole.end() - part.rank()),
        op, ": a ", a, " and b ", b, ": b needs the shape of a or its trailing axes; reshape() it");
}

}  // namespace papilio::detail
