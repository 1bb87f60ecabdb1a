#include "papilio/core/kernels/symmetric.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "papilio/core/error.h"

// OpenBLAS holds LAPACK, but Debian's headers of it declare BLAS alone. Matrices are column-major;
// the two last numbers are the lengths of the strings.
extern "C" {
void dsyevd_(const char* job, const char* triangle, const int* n, double* a, const int* lda,
             double* w, double* work, const int* lwork, int* iwork, const int* liwork, int* info,
             size_t, size_t);
void dpotrf_(const char* triangle, const int* n, double* a, const int* lda, int* info, size_t);
}

namespace papilio::kernels {
namespace {

int checked(int64_t n) {
  check(n >= 1 && n <= 32768, "symmetric matrix of size ", n, "; 1 to 32768 is supported");
  return static_cast<int>(n);
}

}  // namespace

void symmetric_eigen(int64_t n, double* a, double* values) {
  const int size = checked(n), ask = -1;
  check(std::all_of(a, a + n * n, [](double x) { return std::isfinite(x); }),
        "eigenvalues: the matrix has an entry that is not finite");
  double work_size = 0;
  int integers_size = 0, info = 0;
  dsyevd_("V", "L", &size, a, &size, values, &work_size, &ask, &integers_size, &ask, &info, 1, 1);
  std::vector<double> work(static_cast<size_t>(work_size));
  std::vector<int> integers(static_cast<size_t>(integers_size));
  const int work_count = static_cast<int>(work.size()),
            integers_count = static_cast<int>(integers.size());
  dsyevd_("V", "L", &size, a, &size, values, work.data(), &work_count, integers.data(),
          &integers_count, &info, 1, 1);
  check(info == 0, "eigenvalues: no convergence (", info, ")");
}

bool cholesky(int64_t n, double* a) {
  const int size = checked(n);
  int info = 0;
  dpotrf_("U", &size, a, &size, &info,
          1);  // the upper triangle of columns is the lower one of rows
  for (int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, 0.0);
  return info == 0;
}

}  // namespace papilio::kernels
