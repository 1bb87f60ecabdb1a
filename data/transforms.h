// What a Loader may do to an example on its way into a batch. A transform never writes the image
// that it is given.
#pragma once

#include <cstdint>
#include <functional>

#include "papilio/core/random.h"
#include "papilio/data/dataset.h"
#include "papilio/data/statistics.h"

namespace papilio::data {

/// A pure function of the example and the key; the key is of the seed, the epoch, the example and
/// the transform's place in the list. It is called from several threads at once.
using Transform = std::function<Example(const Example&, Rng)>;

/// The image at a random place of itself with `padding` zeros on each side; same size. Throws Error
/// when padding < 0.
Transform random_crop(int64_t padding);
/// Left and right exchanged, with probability 1/2.
Transform random_flip();
/// `zeros` on each side: pad(2) makes 28 x 28 to 32 x 32. Throws Error when zeros < 0.
Transform pad(int64_t zeros);
/// Every pixel times `factor`.
Transform scale(double factor);
/// (pixel - mean) / deviation, per feature or per channel, as the statistics are; other sizes are
/// an Error.
Transform normalise(const Statistics& statistics);

}  // namespace papilio::data
