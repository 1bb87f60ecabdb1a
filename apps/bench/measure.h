// Times of several programs side by side.
#pragma once

#include <vector>

#include "papilio/apps/bench/workload.h"

namespace papilio::bench {

struct MeasureOptions {
  double seconds = 0.5;    ///< for all candidates together; each gets three rounds at least
  bool wall_time = false;  ///< for work on several threads; else processor time of this thread
};

/// Seconds of one call of each candidate, infinite for those that were given up; empty when Ctrl-C
/// came (models::Interrupt).
///
/// They run in turn, round after round, so that changes of the clock and of the machine's load
/// strike all of them alike. In each round a candidate runs for at least 1 ms, after some
/// calls that aren't timed and bring its data back to the caches: one call is not enough where the
/// last level holds what the second one gave up. Its time is the 20th percentile over the
/// rounds: disturbances only ever add time, so the middle says more of the machine's neighbours
/// than of the program; the least one grows better with the number of rounds, and is where a clock
/// that was high for a moment shows.
///
/// Of the candidates of a group the best one counts: by processor time, who takes long, and more
/// than twice as long as that, is given up after the first calls.
std::vector<double> measure(const std::vector<Candidate>& candidates,
                            const MeasureOptions& options);

}  // namespace papilio::bench
