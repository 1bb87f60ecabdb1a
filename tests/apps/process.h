// Runs the executables as a user would.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace papilio::testing {

struct Outcome {
  int code = 0;  ///< exit code, or minus the signal that ended it
  std::string out, err;
};

/// Starts bin/ARGUMENTS[0] of the build tree; returns its process id. Its output goes to the files
/// `out` and `err`.
pid_t start(const std::vector<std::string>& arguments, const std::string& out,
            const std::string& err);
/// Waits for it: exit code, or minus the signal.
int wait_for(pid_t process);
/// start() and wait_for().
Outcome run(const std::vector<std::string>& arguments);

/// Writes an MNIST-layout data set of small images (8 x 8 unless said) to a new folder `folder`.
void write_mnist(const std::string& folder, int64_t train, int64_t test, int64_t side = 28);

}  // namespace papilio::testing
