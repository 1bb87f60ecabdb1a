// The table of the learning experiment (Dao et al. 2019, Figure 3): transforms by sizes, learned,
// in closed form, sparse, low rank, and as published.
#pragma once

#include <string>

#include "papilio/apps/learn_transform/find.h"

namespace papilio::learn {

/// All cells up to request.size, each by request.options and with its own file in
/// `out`/cells, so that a second start goes on; then `out`/table.json and table.png. Returns the
/// exit code.
int run_table(const Request& request, const std::string& out, const std::string& json);

}  // namespace papilio::learn
