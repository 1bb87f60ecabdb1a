// One row of the table: a case, measured, beside its rivals.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "papilio/apps/bench/workload.h"
#include "papilio/core/config.h"

namespace papilio::bench {

struct RowOptions {
  double seconds = 0.5;  ///< spent on the row, or three rounds
  bool dense = true;     ///< measure the dense counterpart
};

/// A rival; all times are of one sample.
struct Rival {
  double us = 0;
  std::string how;   ///< the libraries' ways that were best
  double share = 0;  ///< of the FMA slots, by its own count of operations
};

struct Way {
  std::string name;
  int group;  ///< as in dense.h
  double us;  ///< of one sample; infinite when it was given up
};

struct Row {
  Case what;
  int threads = 1;
  double us = 0;
  double fma_share = 0;  ///< FMA slots used for the operations that the method needs, 0 to 1
  std::optional<Rival> dense, fftw;
  std::vector<Way> ways;  ///< of the dense rival, all that were tried

  /// False where the dense rival is known to run below its ability, so that a ratio to it says
  /// nothing: y = x W^T in f32 with a batch of 256 or more must reach 85 % of the FMA slots.
  bool dense_ok() const;
};

/// Measures on threads() threads; FFTW takes part on one thread only. `available` says whether
/// there is such a kernel; without one, or after Ctrl-C, there is no row.
struct RowResult {
  bool available = false;
  std::optional<Row> row;
};
RowResult measure_row(const Case& what, const RowOptions& options);

/// Seconds that measure_row will take, roughly.
double expected_seconds(const Case& what, const RowOptions& options);

/// Keys: op, layout, dtype, n, batch, threads, us_per_sample, fma_share, dense_us, dense_how,
/// dense_share, dense_ok, over_dense, fftw_us, over_fftw. over_* is how many times as long the
/// rival takes; null stands where nothing was measured.
Config to_config(const Row& row);

void print_header(std::ostream& out);
void print(std::ostream& out, const Row& row);
/// A line for each of row.ways.
void print_ways(std::ostream& out, const Row& row);
void print_unavailable(std::ostream& out, const Case& what);

}  // namespace papilio::bench
