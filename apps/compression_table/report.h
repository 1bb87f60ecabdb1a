// The rows of the compression table's JSON report as text and as a picture.
#pragma once

#include <ostream>
#include <string>

#include "papilio/apps/compression_table/drawing.h"
#include "papilio/core/config.h"

namespace papilio::compression_table {

/// One line of figures a row, under a line of headings.
void print(const Config& rows, std::ostream& people);
DrawnTable drawn_table(const Config& rows, const std::string& title);

}  // namespace papilio::compression_table
