#include "papilio/core/kernels/gemm.h"
#include "papilio/core/ops.h"

namespace papilio {

using kernels::Op;

Tensor matmul(const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype(), "matmul: a ", a, " and b ", b,
        " have different dtypes; convert one with to()");
  check(a.rank() >= 2 && b.rank() == 2, "matmul: a ", a, " and b ", b,
        ", expected a [..., m, k] and b [k, n]; reshape() a vector to a matrix of one row");
  check(a.dim(-1) == b.dim(0), "matmul: a", a.shape(), " has ", a.dim(-1), " columns, b", b.shape(),
        " has ", b.dim(0), " rows; the two must be equal");
  const int64_t k = b.dim(0), n = b.dim(1), m = a.shape().leading().numel();
  Tensor c(a.shape().with(-1, n), a.dtype());
  dispatch_floating(a.dtype(), "matmul", [&]<class T>() {
    kernels::gemm<T>({.m = m, .n = n, .k = k}, a.data<T>(), b.data<T>(), c.mutable_data<T>());
  });
  record("matmul", c, {&a, &b}, [a, b, m, n, k](const Tensor& dc, InputGradients& gradients) {
    dispatch_floating(dc.dtype(), "matmul", [&]<class T>() {
      if (gradients.needs(0)) {
        Tensor da(a.shape(), a.dtype());
        kernels::gemm<T>({.m = m, .n = k, .k = n, .op_b = Op::adjoint}, dc.data<T>(), b.data<T>(),
                         da.mutable_data<T>());
        gradients.add(0, da);
      }
      if (gradients.needs(1)) {
        Tensor db(b.shape(), b.dtype());
        kernels::gemm<T>({.m = k, .n = n, .k = m, .op_a = Op::adjoint}, a.data<T>(), dc.data<T>(),
                         db.mutable_data<T>());
        gradients.add(1, db);
      }
    });
  });
  return c;
}

}  // namespace papilio
