#include "papilio/models/deploy/chain.h"

#include <algorithm>
#include <map>
#include <utility>

#include "papilio/layers/dropout.h"
#include "papilio/layers/elementwise.h"
#include "papilio/layers/norm.h"

namespace papilio::models {
namespace {

// Enough that a function other than max(x, 0) doesn't look like it.
constexpr int64_t kExamples = 16;

struct Call {
  std::string layer;
  Module* module;
  Tensor input, output;
};

template <class... Layers>
bool is_one_of(const Module& module) {
  return (dynamic_cast<const Layers*>(&module) || ...);
}

bool known(const Module& module) {
  return is_one_of<StructuredLinear, Standardize, Relu, Flatten, Dropout, Real2Complex,
                   Complex2Real>(module);
}

// The modules that steps are made of, by path, and those that have no step.
class Leaves : public Fields {
 public:
  explicit Leaves(Module& root) { visit("", root); }
  const std::string* find(Module& module) const {
    const auto found = known_.find(&module);
    return found == known_.end() ? nullptr : &found->second;
  }
  std::vector<std::string> unsupported;

 protected:
  bool module(const std::string& path, Module& member) override {
    visit(path, member);
    return false;
  }

 private:
  struct Children : Fields {
    std::vector<std::pair<std::string, Module*>> all;

   protected:
    bool module(const std::string& path, Module& member) override {
      all.emplace_back(path, &member);
      return false;
    }
  };
  void visit(const std::string& path, Module& module) {
    if (known(module)) {
      known_.emplace(&module, path);
      return;
    }
    Children children;
    module.fields(children);
    for (const auto& [name, child] : children.all)
      visit(path.empty() ? name : path + "." + name, *child);
    if (children.all.empty())
      unsupported.push_back((path.empty() ? "" : path + ": ") + module.describe());
  }

  std::map<const Module*, std::string> known_;
};

// Statistics of trailing axes, for all features of an example.
StandardizeStep standardize_step(const Standardize& layer, int64_t features) {
  StandardizeStep step{Tensor({features}, DType::f64), Tensor({features}, DType::f64)};
  const Tensor mean = layer.mean().to(DType::f64), deviation = layer.deviation().to(DType::f64);
  for (int64_t i = 0; i < features; ++i) {
    const double d = deviation.data<double>()[i % deviation.numel()];
    step.mean.mutable_data<double>()[i] = mean.data<double>()[i % mean.numel()];
    step.factor.mutable_data<double>()[i] = d == 0 ? 1 : 1 / d;
  }
  return step;
}

void append(std::vector<Step>& steps, const Call& call) {
  if (auto* layer = dynamic_cast<StructuredLinear*>(call.module)) {
    check(call.input.rank() == 2, call.layer, ": ", layer->describe(), " is applied to ",
          call.input.shape(), " along the last axis; only layers on whole examples, [batch, ",
          "features], are exported: flatten them before");
    for (Step& step : steps_of(*layer, call.layer)) steps.push_back(std::move(step));
    return;
  }
  if (is_one_of<Flatten, Dropout>(*call.module)) return;
  const int64_t rows = std::max<int64_t>(call.input.dim(0), 1);
  Step step{.layer = call.layer,
            .type = call.module->describe(),
            .in = call.input.numel() / rows,
            .out = call.output.numel() / rows,
            .complex_in = is_complex(call.input.dtype()),
            .complex_out = is_complex(call.output.dtype()),
            .what = ReluStep{}};
  if (auto* standardize = dynamic_cast<Standardize*>(call.module)) {
    step.what = standardize_step(*standardize, step.in);
  } else if (is_one_of<Real2Complex>(*call.module)) {
    step.what = ComplexStep{};
  } else if (is_one_of<Complex2Real>(*call.module)) {
    step.what = RealStep{};
  }
  steps.push_back(std::move(step));
}

bool is_relu_of(const Tensor& y, const Tensor& x) {
  if (y.dtype() != x.dtype() || y.numel() != x.numel() || !is_real(x.dtype())) return false;
  const Tensor expected = relu(x);
  return dispatch_real(x.dtype(), "export", [&]<class T>() {
    return std::ranges::equal(y.span<T>(), expected.span<T>());
  });
}

// Adds what the model does between `from` and `to`: nothing, or ReLU. False: something else.
bool connect(std::vector<Step>& steps, const Tensor& from, const Tensor& to) {
  if (from.shares_storage_with(to) && from.numel() == to.numel()) return true;
  if (!is_relu_of(to, from)) return false;
  steps.push_back(relu_step(to.numel() / to.dim(0)));
  return true;
}

// ReLU as a part of the layer before it.
void fuse_relu(std::vector<Step>& steps) {
  std::vector<Step> fused;
  for (Step& step : steps) {
    if (std::holds_alternative<ReluStep>(step.what) && !fused.empty()) {
      if (auto* dense = std::get_if<DenseStep>(&fused.back().what)) {
        dense->relu = true;
        continue;
      }
      if (auto* butterfly = std::get_if<ButterflyStep>(&fused.back().what)) {
        butterfly->relu = true;
        continue;
      }
    }
    fused.push_back(std::move(step));
  }
  steps = std::move(fused);
}

Tensor examples(Module& model, const Shape& example) {
  Shape batch = {kExamples};
  for (const int64_t size : example) batch = batch.append(size);
  const std::vector<Parameter> parameters = model.parameters();
  const DType dtype = parameters.empty() ? DType::f32 : real_of(parameters[0].value().dtype());
  return rand_uniform(batch, 0, 1, Rng(1), dtype);
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

Chain chain_of(Module& model, const Shape& example, const std::string& to) {
  const NoTape guard;
  const Leaves leaves(model);
  check(leaves.unsupported.empty(), "export to ", to, ": no form for ", joined(leaves.unsupported),
        "; dense and structured layers, Standardize, Relu, Flatten and Dropout have one: build the "
        "model of these, or export --to frozen, which takes every layer; --to onnx takes "
        "ResNet, ShuffleNet, MixedConvnet and ResidualMlp too");
  const auto* layer = dynamic_cast<const StructuredLinear*>(&model);
  check(!layer || is_real(layer->dtype()), "export to ", to, ": ", model.describe(),
        " takes complex numbers; put it between Real2Complex and Complex2Real layers");
  std::vector<Call> calls;
  const CallObserver observer([&](Module& module, const Tensor& input, const Tensor& output) {
    if (const std::string* path = leaves.find(module))
      calls.push_back({*path, &module, input, output});
  });
  const Tensor x = examples(model, example);
  const Tensor y = model(x);

  Chain chain{.inputs = x.numel() / kExamples, .outputs = y.numel() / kExamples, .steps = {}};
  Tensor at = x;
  std::string before = "the input";
  const auto follow = [&](const Tensor& next, const std::string& name) {
    check(connect(chain.steps, at, next), "export to ", to, ": between ", before, " and ", name,
          " the model computes what is neither a layer nor relu(); write it as a layer, or export "
          "--to frozen");
  };
  for (const Call& call : calls) {
    const std::string name = call.layer.empty() ? call.module->describe() : call.layer;
    follow(call.input, name);
    append(chain.steps, call);
    at = call.output, before = name;
  }
  follow(y, "the output");
  fuse_relu(chain.steps);
  return chain;
}

}  // namespace papilio::models
