#include "papilio/layers/factory.h"

#include <charconv>
#include <numeric>

#include "papilio/core/config_size.h"
#include "papilio/core/tensor_limit.h"
#include "papilio/layers/block_diagonal.h"
#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/circulant.h"
#include "papilio/layers/fastfood.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/kronecker.h"
#include "papilio/layers/ldr.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/low_rank.h"
#include "papilio/layers/monarch.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/layers/resize.h"
#include "papilio/layers/toeplitz_like.h"

namespace papilio {
namespace {

using Layer = std::unique_ptr<StructuredLinear>;

struct Hidden {
  std::string_view name;
  int64_t number;  // after the colon, when there is none; -1: the name takes none
  Layer (*make)(int64_t in, int64_t out, int64_t number, Rng rng);
};

template <class L, class Options>
Layer ranked(int64_t in, int64_t out, int64_t rank, Rng rng) {
  return std::make_unique<L>(in, out, Options{.rank = rank}, rng);
}

constexpr Hidden kHidden[] = {
    {"dense", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Linear>(in, out, LinearOptions{}, rng);
     }},
    {"butterfly", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Butterfly>(in, out, ButterflyOptions{}, rng);
     }},
    {"kmatrix", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<KMatrix>(in, out, KMatrixOptions{}, rng);
     }},
    {"kmatrix-orthogonal", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<KMatrix>(in, out, KMatrixOptions{.orthogonal = true}, rng);
     }},
    {"bpbp", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Bpbp>(in, out, BpbpOptions{}, rng);
     }},
    {"bpbp-complex", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Bpbp>(in, out, BpbpOptions{.complex = true}, rng);
     }},
    {"circulant", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Circulant>(in, out, CirculantOptions{}, rng);
     }},
    {"fastfood", -1,
     [](int64_t in, int64_t out, int64_t, Rng rng) -> Layer {
       return std::make_unique<Fastfood>(in, out, FastfoodOptions{}, rng);
     }},
    {"toeplitz-like", 4, ranked<ToeplitzLike, ToeplitzLikeOptions>},
    {"low-rank", 4, ranked<LowRank, LowRankOptions>},
    {"ldr-td", 1, ranked<LdrTridiagonal, LdrOptions>},
    {"ldr-sd", 3, ranked<LdrSubdiagonal, LdrOptions>},
    {"monarch", 0,
     [](int64_t in, int64_t out, int64_t blocks, Rng rng) -> Layer {
       return std::make_unique<Monarch>(in, out, MonarchOptions{.blocks = blocks}, rng);
     }},
};

std::string name_list() {
  std::string names;
  for (const Hidden& hidden : kHidden)
    names += concat(names.empty() ? "" : ", ", hidden.name,
                    hidden.number < 0    ? ""
                    : hidden.number == 0 ? "[:BLOCKS]"
                                         : "[:RANK]");
  return names;
}

// ---- structured layers from their config()

struct Common {
  int64_t in, out;
  bool bias;
  DType dtype;
};

struct Structured {
  std::string_view name;
  Layer (*make)(const Config& config, const Common& common);
};

template <class L, class Options>
Layer of_rank(const Config& config, const Common& c) {
  return std::make_unique<L>(
      c.in, c.out, Options{.rank = size_at(config, "rank"), .bias = c.bias, .dtype = c.dtype},
      Rng(0));
}

Kronecker::Part part_or_null(const Config& config) {
  return config.is_object() ? make_structured(config) : nullptr;
}

constexpr Structured kStructured[] = {
    {"linear",
     [](const Config&, const Common& c) -> Layer {
       return std::make_unique<Linear>(c.in, c.out, LinearOptions{.bias = c.bias, .dtype = c.dtype},
                                       Rng(0));
     }},
    {"butterfly",
     [](const Config& config, const Common& c) -> Layer {
       return std::make_unique<Butterfly>(
           c.in, c.out,
           ButterflyOptions{.bias = c.bias,
                            .dtype = c.dtype,
                            .increasing_stride = config.at("increasing_stride").as_bool(),
                            .nblocks = size_at(config, "nblocks"),
                            .tied = config.at("tied").as_bool(),
                            .n = size_at(config, "n", 0)},
           Rng(0));
     }},
    {"kmatrix",
     [](const Config& config, const Common& c) -> Layer {
       return std::make_unique<KMatrix>(
           c.in, c.out,
           KMatrixOptions{.width = size_at(config, "width"),
                          .expansion = size_at(config, "expansion"),
                          .orthogonal = config.at("orthogonal").as_bool(),
                          .bias = c.bias,
                          .dtype = c.dtype},
           Rng(0));
     }},
    {"bpbp",
     [](const Config& config, const Common& c) -> Layer {
       return std::make_unique<Bpbp>(
           c.in, c.out,
           BpbpOptions{.complex = config.at("complex").as_bool(), .bias = c.bias, .dtype = c.dtype},
           Rng(0));
     }},
    {"permutation",
     [](const Config&, const Common& c) -> Layer {
       // Its network of swaps takes some 64 bytes a feature while it is made.
       TensorLimit::count(static_cast<size_t>(64 * c.in));
       std::vector<int64_t> order(static_cast<size_t>(c.in));
       std::iota(order.begin(), order.end(), 0);
       return std::make_unique<Permutation>(order, c.dtype);
     }},
    {"resize",
     [](const Config&, const Common& c) -> Layer {
       return std::make_unique<Resize>(c.in, c.out, c.dtype);
     }},
    {"block-diagonal",
     [](const Config& config, const Common& c) -> Layer {
       const int64_t count = size_at(config, "count");
       check(count >= 1 && c.in % count == 0 && c.out % count == 0, "block-diagonal: ", count,
             " blocks for ", c.in, " features in and ", c.out, " out");
       return std::make_unique<BlockDiagonal>(
           Tensor::zeros({count, c.out / count, c.in / count}, c.dtype));
     }},
    {"circulant",
     [](const Config&, const Common& c) -> Layer {
       return std::make_unique<Circulant>(
           c.in, c.out, CirculantOptions{.bias = c.bias, .dtype = c.dtype}, Rng(0));
     }},
    {"fastfood",
     [](const Config&, const Common& c) -> Layer {
       return std::make_unique<Fastfood>(c.in, c.out,
                                         FastfoodOptions{.bias = c.bias, .dtype = c.dtype}, Rng(0));
     }},
    {"toeplitz_like", of_rank<ToeplitzLike, ToeplitzLikeOptions>},
    {"low_rank", of_rank<LowRank, LowRankOptions>},
    {"ldr_tridiagonal", of_rank<LdrTridiagonal, LdrOptions>},
    {"ldr_subdiagonal", of_rank<LdrSubdiagonal, LdrOptions>},
    {"monarch",
     [](const Config& config, const Common& c) -> Layer {
       return std::make_unique<Monarch>(
           c.in, c.out,
           MonarchOptions{.blocks = size_at(config, "blocks", 0), .bias = c.bias, .dtype = c.dtype},
           Rng(0));
     }},
    {"product",
     [](const Config& config, const Common& c) -> Layer {
       Product::Parts parts;
       for (const Config& part : config.at("parts").as_array())
         parts.push_back(make_structured(part));
       return std::make_unique<Product>(c.dtype, std::move(parts));
     }},
    {"kronecker",
     [](const Config& config, const Common&) -> Layer {
       const Config &a = config.at("left"), &b = config.at("right");
       if (!a.is_object())
         return std::make_unique<Kronecker>(size_at(config, "left"), part_or_null(b));
       if (!b.is_object())
         return std::make_unique<Kronecker>(part_or_null(a), size_at(config, "right"));
       return std::make_unique<Kronecker>(part_or_null(a), part_or_null(b));
     }},
};

}  // namespace

std::unique_ptr<StructuredLinear> make_hidden(std::string_view name, int64_t in_features,
                                              int64_t out_features, Rng rng) {
  const size_t colon = name.find(':');
  for (const Hidden& hidden : kHidden) {
    if (hidden.name != name.substr(0, colon)) continue;
    int64_t number = hidden.number;
    if (colon != std::string_view::npos) {
      const std::string_view digits = name.substr(colon + 1);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), number);
      check(hidden.number >= 0, "hidden layer '", name, "': ", hidden.name, " takes no number");
      check(error == std::errc() && end == digits.data() + digits.size() && number >= 1 &&
                number <= 1 << 20,
            "hidden layer '", name, "': a number from 1 on is needed after the colon");
    }
    return hidden.make(in_features, out_features, number, rng);
  }
  fail("hidden layer: unknown name '", name, "'; the names are ", name_list());
}

std::vector<std::string_view> hidden_names() {
  std::vector<std::string_view> names;
  for (const Hidden& hidden : kHidden) names.push_back(hidden.name);
  return names;
}

std::unique_ptr<StructuredLinear> make_structured(const Config& config) {
  const std::string& name = config.at("layer").as_string();
  const Common common{size_at(config, "in"), size_at(config, "out"), config.get("bias", false),
                      dtype_named(config.at("dtype").as_string())};
  std::string names;
  for (const Structured& known : kStructured) {
    if (known.name == name) {
      Layer layer = known.make(config, common);
      check(layer->in_features() == common.in && layer->out_features() == common.out,
            "structured layer: 'in' and 'out' are ", common.in, " and ", common.out, ", ",
            layer->describe(), " has ", layer->in_features(), " and ", layer->out_features());
      return layer;
    }
    names += concat(names.empty() ? "" : ", ", known.name);
  }
  fail("structured layer: unknown name '", name, "'; the names are ", names);
}

}  // namespace papilio
