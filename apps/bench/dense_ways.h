// One matrix product in the ways of each library. Internal to dense*.cc.
#pragma once

#include <memory>
#include <vector>

#include "papilio/apps/bench/workload.h"
#include "papilio/core/kernels/gemm.h"

namespace papilio::bench {

/// Which of a dense layer's products it is; W is [n, n], x and y are [batch, n].
enum class Role : uint8_t {
  forward_fixed,     ///< y = x W^T, W may be packed in advance
  forward_changing,  ///< y = x W^T, packing W counts
  input_gradient,    ///< dX = dY W
  weight_gradient,   ///< dW = dY^T X
};

/// c = a b as gemm.h has it, the matrices without gaps.
template <class T>
struct Product {
  Role role;
  kernels::GemmShape shape;
  const T *a, *b;
  T* c;
  std::shared_ptr<void> operands;  ///< keeps them alive
};

/// Each appends its candidates, in `group`.
void add_onednn(const Product<float>& product, int group, std::vector<Candidate>& ways);
template <class T>
void add_openblas(const Product<T>& product, int group, std::vector<Candidate>& ways);

}  // namespace papilio::bench
