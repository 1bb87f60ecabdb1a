#include "papilio/apps/compression_table/speed.h"

#include "papilio/apps/compression_table/rows.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/evaluate.h"

namespace papilio::compression_table {

int64_t width_of_latency(Module& reference, int64_t classes) {
  int64_t fits = 1, too_wide = kFeatures;
  while (too_wide - fits > 1) {
    const int64_t width = (fits + too_wide) / 2;
    models::CompressedMlp dense({.inputs = kFeatures,
                                 .hidden = "dense",
                                 .width = width,
                                 .classes = classes,
                                 .statistics = {}},
                                Rng(1));
    const std::vector<double> times =
        models::measure_latencies_us({&reference, &dense}, {kFeatures}, 0.1);
    (times[1] <= times[0] ? fits : too_wide) = width;
  }
  return fits;
}

}  // namespace papilio::compression_table
