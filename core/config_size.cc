#include "papilio/core/config_size.h"

namespace papilio {

int64_t size_at(const Config& config, std::string_view key, int64_t least, int64_t most) {
  config.at(key);  // or throws; get() names the key when the value is no integer, as_int() can't
  const int64_t size = config.get(key, int64_t{0});
  check(size >= least && size <= most, "'", key, "' is ", size, ", a number from ", least, " to ",
        most, " is needed");
  return size;
}

}  // namespace papilio
