// CIFAR-10 in its official binary layout (Krizhevsky 2009,
// https://www.cs.toronto.edu/~kriz/cifar.html): records of a label byte and 3072 pixel bytes, three
// planes of 32 x 32.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "papilio/data/image_set.h"

namespace papilio::data {

struct Cifar10Options {
  /// The plain mean of red, green and blue: [32, 32, 1] instead of [32, 32, 3].
  bool grayscale = false;
};

/// Reads data_batch_1.bin .. data_batch_5.bin or test_batch.bin of `directory`; the class names
/// come from batches.meta.txt when it is there. Throws Error that names the file when one is
/// missing, truncated, oversized (a file holds 1 to 10,000 records, the training files equally
/// many) or has a label above 9.
ImageSet cifar10(const std::string& directory, Split split, const Cifar10Options& options = {});

/// The records of one file; `name` stands for it in messages.
ImageSet parse_cifar10(std::span<const std::byte> bytes, const std::string& name,
                       const Cifar10Options& options = {});

}  // namespace papilio::data
