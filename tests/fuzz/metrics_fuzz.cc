// Any text is either refused with an Error or becomes a table that is written out and read back as
// the same one.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "papilio/models/metrics.h"

namespace {

using papilio::models::MetricsTable;

std::string written(const MetricsTable& table) {
  std::string csv;
  for (const std::string& name : table.names) csv += (csv.empty() ? "" : ",") + name;
  csv += '\n';
  for (size_t row = 0; row < table.columns.front().size(); ++row)
    for (size_t i = 0; i < table.columns.size(); ++i)
      csv += (i > 0 ? "," : "") + papilio::text(table.columns[i].at(row)) +
             (i + 1 == table.columns.size() ? "\n" : "");
  return csv;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  MetricsTable table;
  try {
    table = papilio::models::parse_metrics({reinterpret_cast<const char*>(bytes), size}, "fuzz");
  } catch (const papilio::Error&) {
    return 0;
  }
  double before = 0;
  for (const double epoch : table.columns.at(0)) {
    if (!(epoch > before) || epoch != std::floor(epoch)) std::abort();
    before = epoch;
  }
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (table.find(table.names[i]) != &table.columns.at(i)) std::abort();
    if (table.columns[i].size() != table.columns[0].size()) std::abort();
  }
  const std::string csv = written(table);  // compared as text, where NaN equals NaN
  if (written(papilio::models::parse_metrics(csv, "fuzz")) != csv) std::abort();
  return 0;
}
