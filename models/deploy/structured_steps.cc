// The steps of structured layers.
#include <utility>

#include "papilio/layers/bpbp.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/kmatrix.h"
#include "papilio/layers/linear.h"
#include "papilio/layers/low_rank.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/models/deploy/chain.h"

namespace papilio::models {
namespace {

Tensor wide(const Tensor& t) {
  if (!t.defined()) return t;
  return t.to(is_complex(t.dtype()) ? DType::c128 : DType::f64);
}
Tensor bias_of(const StructuredLinear& layer) {
  return layer.bias().defined() ? wide(layer.bias().value()) : Tensor();
}

ButterflyStep butterfly_step(const StructuredLinear& layer, int64_t n, const Tensor& twiddle,
                             bool increasing, std::vector<Tying> tying) {
  return {.n = n,
          .increasing_stride = increasing,
          .twiddle = wide(twiddle),
          .tying = std::move(tying),
          .bias = bias_of(layer),
          .relu = layer.activation() == Activation::relu};
}

// What the layer is, without its sizes.
void describe_structured(StructuredLinear& layer, Step& step) {
  if (auto* butterfly = dynamic_cast<Butterfly*>(&layer)) {
    const auto blocks = static_cast<size_t>(butterfly->nblocks());
    step.what = butterfly_step(
        layer, butterfly->n(), butterfly->twiddle(), butterfly->increasing_stride(),
        std::vector<Tying>(blocks, butterfly->tied() ? Tying::strides : Tying::none));
  } else if (auto* kmatrix = dynamic_cast<KMatrix*>(&layer)) {
    step.what =
        butterfly_step(layer, kmatrix->n(), kmatrix->untied_twiddle(), false,
                       std::vector<Tying>(static_cast<size_t>(2 * kmatrix->width()), Tying::none));
  } else if (auto* bpbp = dynamic_cast<Bpbp*>(&layer)) {
    // An increasing butterfly between bit reversals is a decreasing one (see layers/bpbp.cc).
    auto what =
        butterfly_step(layer, bpbp->n(), bpbp->twiddle(), false, {Tying::reversed, Tying::strides});
    what.real_part = is_complex(bpbp->twiddle().value().dtype());
    step.what = what;
  } else if (auto* permutation = dynamic_cast<Permutation*>(&layer)) {
    step.what = GatherStep{permutation->index().to_vector<int64_t>()};
  } else {
    auto* linear = dynamic_cast<Linear*>(&layer);
    step.what = DenseStep{wide(linear ? Tensor(linear->weight()) : layer.to_dense()),
                          bias_of(layer), layer.activation() == Activation::relu};
  }
}

// A step to complex or to real numbers, where they are not that yet.
void convert(std::vector<Step>& steps, bool from, bool to, int64_t features) {
  if (from == to) return;
  Step step{.layer = "",
            .type = to ? "complex" : "real",
            .in = features,
            .out = features,
            .complex_in = from,
            .complex_out = to,
            .what = RealStep{}};
  if (to) step.what = ComplexStep{};
  steps.push_back(std::move(step));
}

void append_structured(std::vector<Step>& steps, const std::string& path, StructuredLinear& layer) {
  const bool complex = is_complex(layer.dtype());
  if (auto* linear = dynamic_cast<Linear*>(&layer); linear && linear->replacement())
    return append_structured(steps, path, *linear->replacement());
  if (auto* product = dynamic_cast<Product*>(&layer)) {
    bool at = complex;
    for (size_t i = 0; i < product->size(); ++i) {
      StructuredLinear& part = (*product)[i];
      convert(steps, at, is_complex(part.dtype()), part.in_features());
      append_structured(steps, concat(path, path.empty() ? "" : ".", "parts.", i), part);
      at = is_complex(part.dtype());
    }
    convert(steps, at, complex, layer.out_features());
    if (layer.activation() == Activation::relu) steps.push_back(relu_step(layer.out_features()));
    return;
  }
  Step step{.layer = path,
            .type = layer.describe(),
            .in = layer.in_features(),
            .out = layer.out_features(),
            .complex_in = complex,
            .complex_out = complex,
            .what = ReluStep{}};
  if (auto* thin = dynamic_cast<LowRank*>(&layer)) {
    Step down = step;
    down.layer = concat(path, path.empty() ? "" : ".", "down");
    down.out = step.in = thin->rank();
    down.what = DenseStep{wide(thin->down()), {}};
    steps.push_back(std::move(down));
    step.layer = concat(path, path.empty() ? "" : ".", "up");
    step.what = DenseStep{wide(thin->up()), bias_of(layer), layer.activation() == Activation::relu};
    steps.push_back(std::move(step));
    return;
  }
  describe_structured(layer, step);
  steps.push_back(std::move(step));
}

}  // namespace

Step relu_step(int64_t features) {
  return {.layer = "", .type = "relu", .in = features, .out = features, .what = ReluStep{}};
}

std::vector<Step> steps_of(StructuredLinear& layer, const std::string& path) {
  const NoTape guard;
  std::vector<Step> steps;
  append_structured(steps, path, layer);
  return steps;
}

}  // namespace papilio::models
