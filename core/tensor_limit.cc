#include "papilio/core/tensor_limit.h"

#include "papilio/core/error.h"

namespace papilio {
namespace {

thread_local TensorLimit* innermost = nullptr;

}  // namespace

TensorLimit::TensorLimit(size_t bytes) : bytes_(bytes), left_(bytes), outer_(innermost) {
  innermost = this;
}

TensorLimit::~TensorLimit() { innermost = outer_; }

void TensorLimit::count(size_t bytes) {
  if (innermost == nullptr) return;
  const size_t left = innermost->left_;
  check(left >= kOverhead && bytes <= left - kOverhead, "a tensor of ", bytes,
        " bytes is more than is left of the ", innermost->bytes_, " bytes that are allowed here");
  innermost->left_ -= bytes + kOverhead;
}

}  // namespace papilio
