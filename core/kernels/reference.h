// The butterfly multiply and its gradient as plain loops: what the vectorised kernels are tested
// against.
#pragma once

#include "papilio/core/kernels/butterfly.h"

namespace papilio::kernels {

/// As butterfly_forward, one sample and one pair at a time.
template <class T>
void butterfly_forward_reference(const ButterflyShape& shape, const T* twiddle, const T* x, T* y);

/// As butterfly_backward; keeps the input of every factor.
template <class T>
void butterfly_backward_reference(const ButterflyShape& shape, const T* twiddle, const T* x,
                                  const T* grad_y, T* grad_x, T* grad_twiddle);

}  // namespace papilio::kernels
