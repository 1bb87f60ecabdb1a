#include "papilio/layers/pool.h"

namespace papilio {
namespace {

std::string described(const char* type, const Pool2dOptions& o) {
  return concat(type, "(", o.kernel, ", stride = ", o.stride,
                o.padding == 0 ? std::string() : concat(", padding = ", o.padding), ")");
}

}  // namespace

std::string MaxPool2d::describe() const { return described("MaxPool2d", options_); }
std::string AvgPool2d::describe() const { return described("AvgPool2d", options_); }

}  // namespace papilio
