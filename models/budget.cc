#include "papilio/models/budget.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "papilio/core/error.h"

namespace papilio::models {
namespace {

constexpr std::pair<std::string_view, Budget::Kind> kKinds[] = {
    {"params", Budget::Kind::parameters},
    {"error", Budget::Kind::error},
    {"latency", Budget::Kind::latency},
};
constexpr size_t kLargestFront = 4096;

// A choice for the first layers: which option of the last of them, and the choice before it.
struct Choice {
  double cost, squares;
  size_t option, before;
};

// Drops what another choice beats in both, and thins out what is too much, so that the cheapest
// and the best stay.
void prune(std::vector<Choice>& front) {
  std::ranges::sort(front, [](const Choice& a, const Choice& b) {
    return std::pair(a.cost, a.squares) < std::pair(b.cost, b.squares);
  });
  double least = std::numeric_limits<double>::infinity();
  std::erase_if(front, [&](const Choice& c) {
    if (c.squares >= least) return true;
    least = c.squares;
    return false;
  });
  if (front.size() <= kLargestFront) return;
  std::vector<Choice> kept;
  for (size_t i = 0; i < kLargestFront; ++i)
    kept.push_back(front[i * (front.size() - 1) / (kLargestFront - 1)]);
  front = std::move(kept);
}

}  // namespace

Budget Budget::parse(std::string_view text) {
  constexpr std::string_view kValid =
      "'; params=SHARE, error=NUMBER or latency=SHARE is needed, where a SHARE is 0.1 or 10%";
  const size_t equals = text.find('=');
  const auto kind =
      std::ranges::find(kKinds, text.substr(0, equals), &std::pair<std::string_view, Kind>::first);
  check(equals != std::string_view::npos && kind != std::end(kKinds), "budget '", text, kValid);
  std::string number(text.substr(equals + 1));
  const bool percent = number.ends_with('%');
  if (percent) number.pop_back();
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end) / (percent ? 100 : 1);
  check(!number.empty() && *end == '\0', "budget '", text, kValid);
  check(value > 0 && value < 1, "budget '", text, "': ", value,
        " is not between 0 and 1, or 0 % and 100 %");
  return {kind->second, value};
}

std::string text(const Budget& budget) {
  for (const auto& [name, kind] : kKinds)
    if (kind == budget.kind)
      return kind == Budget::Kind::error
                 ? concat(name, "=", budget.limit)
                 : concat(name, "=", std::round(1e8 * budget.limit) / 1e6, "%");
  return {};
}

std::optional<std::vector<size_t>> choose(const std::vector<std::vector<LayerOption>>& layers,
                                          double limit) {
  std::vector<std::vector<Choice>> fronts = {{{0, 0, 0, 0}}};
  for (const auto& options : layers) {
    std::vector<Choice> next;
    const std::vector<Choice>& last = fronts.back();
    for (size_t i = 0; i < last.size(); ++i)
      for (size_t j = 0; j < options.size(); ++j) {
        const auto [cost, error] = options[j];
        if (last[i].cost + cost <= limit)
          next.push_back({last[i].cost + cost, last[i].squares + error * error, j, i});
      }
    prune(next);
    if (next.empty()) return {};
    fronts.push_back(std::move(next));
  }
  std::vector<size_t> chosen(layers.size());
  size_t at = fronts.back().size() - 1;  // the dearest has the least error
  for (size_t layer = layers.size(); layer-- > 0;) {
    const Choice& choice = fronts[layer + 1][at];
    chosen[layer] = choice.option;
    at = choice.before;
  }
  return chosen;
}

}  // namespace papilio::models
