#include "papilio/layers/factory.h"

#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"

namespace papilio {
namespace {

using Layer = std::unique_ptr<StructuredLinear>;

struct Hidden {
  std::string_view name;
  Layer (*make)(int64_t in, int64_t out, Rng rng);
};

constexpr Hidden kHidden[] = {
    {"dense",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<Linear>(in, out, LinearOptions{}, rng);
     }},
    {"butterfly",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<Butterfly>(in, out, ButterflyOptions{}, rng);
     }},
    {"kmatrix",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<KMatrix>(in, out, KMatrixOptions{}, rng);
     }},
    {"kmatrix-orthogonal",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<KMatrix>(in, out, KMatrixOptions{.orthogonal = true}, rng);
     }},
    {"bpbp",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<Bpbp>(in, out, BpbpOptions{}, rng);
     }},
    {"bpbp-complex",
     [](int64_t in, int64_t out, Rng rng) -> Layer {
       return std::make_unique<Bpbp>(in, out, BpbpOptions{.complex = true}, rng);
     }},
};

}  // namespace

std::unique_ptr<StructuredLinear> make_hidden(std::string_view name, int64_t in_features,
                                              int64_t out_features, Rng rng) {
  for (const Hidden& hidden : kHidden)
    if (hidden.name == name) return hidden.make(in_features, out_features, rng);
  std::string names;
  for (std::string_view known : hidden_names()) names += concat(names.empty() ? "" : ", ", known);
  fail("hidden layer: unknown name '", name, "'; the names are ", names);
}

std::vector<std::string_view> hidden_names() {
  std::vector<std::string_view> names;
  for (const Hidden& hidden : kHidden) names.push_back(hidden.name);
  return names;
}

}  // namespace papilio
