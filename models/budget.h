// What a compressed network may cost, and the choice of one option for each layer within it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::models {

struct Budget {
  enum class Kind : uint8_t {
    parameters,  ///< of the network, as a share of the original's trained parameters
    error,       ///< of each layer's output, relative, on training inputs
    latency      ///< of the network at batch 1, as a share of the original's
  };
  Kind kind = Kind::parameters;
  double limit = 0.25;  ///< above 0, below 1

  /// "params=10%", "error=0.02", "latency=0.5": a share may be a number or a percentage. Throws
  /// Error that says what is valid.
  static Budget parse(std::string_view text);
};
/// "params=10%", "error=0.02", "latency=50%"
std::string text(const Budget& budget);

/// One way to make one layer.
struct LayerOption {
  double cost = 0, error = 0;
};

/// The option of each layer for which the sum of the squares of the errors is least, of those whose
/// costs together are at most `limit`: by the Pareto front of cost and error, exactly unless that
/// has more than some thousand points. Nothing when there is no such choice.
std::optional<std::vector<size_t>> choose(const std::vector<std::vector<LayerOption>>& layers,
                                          double limit);

}  // namespace papilio::models
