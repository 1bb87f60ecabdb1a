// How fast networks run, measured in turn in one process.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio::compression_table {

struct Speed {
  double latency_us = 0;         ///< of one image
  double images_per_second = 0;  ///< in batches of 256
};

/// forward() on random images [1024]. The models take turns for several rounds of a few
/// milliseconds; a figure is the smallest of the rounds' medians, so that what else the machine
/// does touches all of them alike.
std::vector<Speed> measure(const std::vector<Module*>& models);

/// The width of the widest dense hidden layer with which a network of so many classes takes no
/// longer for one image than `reference` does, measured beside it.
int64_t width_of_latency(Module& reference, int64_t classes);

}  // namespace papilio::compression_table
