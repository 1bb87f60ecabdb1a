// A limit on what is allocated for sizes that come from anybody's file.
#pragma once

#include <cstddef>

namespace papilio {

/// While it lives, tensors that this thread makes may have so many bytes in all, those that are
/// gone again counted too, and each 1 KiB more for what stands around it. The one that is too much
/// is not allocated: it throws Error. Of several limits the last one counts.
class TensorLimit {
 public:
  explicit TensorLimit(size_t bytes);
  ~TensorLimit();
  TensorLimit(const TensorLimit&) = delete;
  TensorLimit& operator=(const TensorLimit&) = delete;

  static constexpr size_t kOverhead = 1024;
  /// Called for every tensor before it is allocated.
  static void count(size_t bytes);

 private:
  size_t bytes_, left_;
  TensorLimit* outer_;
};

}  // namespace papilio
