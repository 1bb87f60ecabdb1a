#include "papilio/models/deploy/onnx_convnet.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "papilio/layers/channel_mixers.h"
#include "papilio/layers/conv2d.h"
#include "papilio/layers/norm.h"
#include "papilio/models/deploy/chain.h"
#include "papilio/models/deploy/onnx_layers.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/resnet.h"
#include "papilio/models/shufflenet.h"

namespace papilio::models {
namespace {

// Sums in another order, through as many layers as there are, differ by less.
constexpr double kTolerance = 1e-3;
constexpr int64_t kImages = 2;

// A value of the graph, and what it is for the random images; images are channels-first in the
// graph, and channels-last here.
struct Value {
  std::string name;
  Tensor probe;
};

class Modules : public Fields {
 public:
  explicit Modules(Module& root) { root.fields(*this); }
  std::map<std::string, Module*> all;

 protected:
  bool module(const std::string& path, Module& member) override {
    all[path] = &member;
    return true;
  }
};

double relative_difference(const Tensor& a, const Tensor& b) {
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    largest = std::max(largest, double(std::abs(a.data<float>()[i])));
    difference = std::max(difference, double(std::abs(a.data<float>()[i] - b.data<float>()[i])));
  }
  return difference / std::max(largest, 1e-30);
}

class Images {
 public:
  Images(OnnxGraph& graph, Module& model, std::vector<DeployedLayer>& rows)
      : graph_(graph), modules_(model), rows_(rows) {}

  bool has(const std::string& path) const { return modules_.all.contains(path); }

  // The first layer; from the channels-last images of the input.
  Value standardize(const Value& x) {
    auto& layer = get<Standardize>("standardize");
    return row("standardize", layer, "", [&] {
      Tensor factor(layer.deviation().shape());
      for (int64_t i = 0; i < factor.numel(); ++i) {
        const float d = layer.deviation().data<float>()[i];
        factor.mutable_data<float>()[i] = d == 0 ? 1 : 1 / d;
      }
      std::string y = graph_.node("Sub", {x.name, graph_.constant("mean", layer.mean())});
      y = graph_.node("Mul", {y, graph_.constant("factor", factor)});
      return Value{graph_.transpose(y, {0, 3, 1, 2}), layer(x.probe)};
    });
  }

  Value conv(const std::string& path, const Value& x) {
    auto& layer = get<Conv2d>(path);
    return row(path, layer, "", [&] {
      const Tensor& weight = layer.weight();
      std::vector<std::string> inputs = {x.name, graph_.constant("weight", weight)};
      if (layer.bias().defined()) inputs.push_back(graph_.constant("bias", layer.bias().value()));
      const auto& o = layer.options();
      return Value{graph_.node("Conv", inputs,
                               {{"kernel_shape", OnnxGraph::Ints{weight.dim(2), weight.dim(3)}},
                                {"strides", OnnxGraph::Ints{o.stride, o.stride}},
                                {"pads", OnnxGraph::Ints(4, o.padding)},
                                {"dilations", OnnxGraph::Ints{o.dilation, o.dilation}},
                                {"group", o.groups}}),
                   layer(x.probe)};
    });
  }

  // With the residual added, if there is one, and the fused activation.
  Value norm(const std::string& path, const Value& x, const Value& residual = {}) {
    auto& layer = get<BatchNorm2d>(path);
    return row(path, layer, "", [&] {
      Statistics tensors(layer);
      std::vector<std::string> inputs = {x.name};
      for (const char* name : {"weight", "bias", "running_mean", "running_var"})
        inputs.push_back(graph_.constant(name, tensors.all.at(name)));
      std::string y = graph_.node("BatchNormalization", inputs,
                                  {{"epsilon", static_cast<float>(layer.epsilon())}});
      if (!residual.name.empty()) y = graph_.node("Add", {y, residual.name});
      if (layer.activation() == Activation::relu) y = graph_.node("Relu", {y});
      return Value{y, layer(x.probe, residual.probe)};
    });
  }

  // A layer over the channels; x itself when there is none of that path.
  Value mixer(const std::string& path, const Value& x) {
    if (!has(path)) return x;
    Module& layer = *modules_.all.at(path);
    if (auto* shuffle = dynamic_cast<ChannelShuffle*>(&layer))
      return row(path, layer, "", [&] {
        const auto order = shuffle->order().to_vector<int64_t>();
        return Value{graph_.node("Gather", {x.name, graph_.constant("order", order)},
                                 {{"axis", int64_t{1}}}),
                     layer(x.probe)};
      });
    return row(path, layer, "as a dense 1x1 convolution", [&] {
      const std::string weight = graph_.constant("weight", dense(layer, x.probe.dim(-1)));
      return Value{graph_.node("Conv", {x.name, weight},
                               {{"kernel_shape", OnnxGraph::Ints{1, 1}},
                                {"strides", OnnxGraph::Ints{1, 1}},
                                {"pads", OnnxGraph::Ints(4, 0)},
                                {"dilations", OnnxGraph::Ints{1, 1}},
                                {"group", int64_t{1}}}),
                   layer(x.probe)};
    });
  }

  // A structured layer on vectors.
  Value vector(const std::string& path, const Value& x) {
    auto& layer = get<StructuredLinear>(path);
    const std::vector<Step> steps = steps_of(layer, path);
    return row(path, layer, onnx_note(steps.front()), [&] {
      Value y{x.name, layer(x.probe)};
      for (const Step& step : steps) y.name = onnx_step(graph_, step, y.name);
      return y;
    });
  }

  Value relu(const Value& x) const {
    return {graph_.node("Relu", {x.name}), papilio::relu(x.probe)};
  }
  Value max_pool(const Value& x, const Pool2dOptions& options) const {
    return {graph_.node("MaxPool", {x.name}, attributes(options)), max_pool2d(x.probe, options)};
  }
  Value average_pool(const Value& x, const Pool2dOptions& options) const {
    auto all = attributes(options);
    all.emplace_back("count_include_pad", int64_t{1});
    return {graph_.node("AveragePool", {x.name}, all), avg_pool2d(x.probe, options)};
  }
  Value global_average(const Value& x) const {
    const std::string mean = graph_.node("GlobalAveragePool", {x.name});
    return {graph_.reshape(mean, {-1, x.probe.dim(-1)}), global_avg_pool2d(x.probe)};
  }
  Value concat_channels(const Value& a, const Value& b) const {
    return {graph_.node("Concat", {a.name, b.name}, {{"axis", int64_t{1}}}),
            concat({a.probe, b.probe}, -1)};
  }
  // In the order of channels-last images.
  Value flatten(const Value& x) const {
    const int64_t features = x.probe.numel() / kImages;
    return {graph_.reshape(graph_.transpose(x.name, {0, 2, 3, 1}), {-1, features}),
            reshape(x.probe, {kImages, features})};
  }

  template <class M>
  M& get(const std::string& path) {
    const auto found = modules_.all.find(path);
    M* module = found == modules_.all.end() ? nullptr : dynamic_cast<M*>(found->second);
    check(module != nullptr, "export to onnx: the model has no layer '", path,
          "' of the kind that its class has; export --to frozen");
    return *module;
  }

 private:
  struct Statistics : Fields {
    explicit Statistics(Module& norm) { norm.fields(*this); }
    std::map<std::string, Tensor> all;

   protected:
    void parameter(const std::string& path, Parameter& member) override {
      all[path] = member.value();
    }
    void buffer(const std::string& path, Tensor& member) override { all[path] = member; }
  };

  static std::vector<OnnxGraph::Attribute> attributes(const Pool2dOptions& o) {
    return {{"kernel_shape", OnnxGraph::Ints{o.kernel, o.kernel}},
            {"strides", OnnxGraph::Ints{o.stride, o.stride}},
            {"pads", OnnxGraph::Ints(4, o.padding)}};
  }

  // The weight [channels, channels, 1, 1] of a linear layer over channels.
  static Tensor dense(Module& layer, int64_t channels) {
    Tensor identity = Tensor::zeros({channels, channels});
    for (int64_t i = 0; i < channels; ++i) identity.mutable_data<float>()[i * (channels + 1)] = 1;
    return reshape(transpose(layer(identity)), {channels, channels, 1, 1});
  }

  Value row(const std::string& path, Module& layer, const std::string& note,
            const std::function<Value()>& write) {
    const int64_t before = graph_.bytes();
    graph_.scope(path);
    Value value = write();
    rows_.push_back({path, layer.describe(), graph_.bytes() - before, note});
    return value;
  }

  OnnxGraph& graph_;
  Modules modules_;
  std::vector<DeployedLayer>& rows_;
};

Value write(Images& g, MixedConvnet&, Value y) {
  y = g.standardize(y);
  for (const char* number : {"1", "2"})
    y = g.max_pool(g.relu(g.norm(concat("norm", number), g.conv(concat("conv", number), y))), {});
  return g.vector("head", g.relu(g.vector("hidden", g.flatten(y))));
}

Value write(Images& g, ResidualMlp&, Value y) {
  y = g.flatten(g.standardize(y));
  y = g.norm("norms.0", g.vector("layers.0", y));
  for (int64_t i = 1; g.has(concat("layers.", i)); ++i)
    y = g.norm(concat("norms.", i), g.vector(concat("layers.", i), y), y);
  return g.vector("head", y);
}

Value write(Images& g, ResNet&, Value y) {
  y = g.norm("bn1", g.conv("conv1", g.standardize(y)));
  for (int64_t i = 0; g.has(concat("blocks.", i)); ++i) {
    const std::string block = concat("blocks.", i, ".");
    Value residual = y;
    if (g.has(block + "shortcut"))
      residual = g.norm(block + "shortcut_bn", g.conv(block + "shortcut", y));
    y = g.norm(block + "bn1", g.conv(block + "conv1", y));
    y = g.norm(block + "bn2", g.conv(block + "conv2", y), residual);
  }
  y = g.global_average(y);
  return g.vector("head", g.has("extra") ? g.vector("extra", y) : y);
}

Value write_block(Images& g, const std::string& block, const Value& x) {
  Value y = g.norm(block + "norm1", g.conv(block + "reduce", g.mixer(block + "mix_in", x)));
  y = g.norm(block + "norm2", g.conv(block + "depthwise", g.mixer(block + "mix_mid", y)));
  y = g.conv(block + "expand", y);
  if (g.get<Conv2d>(block + "depthwise").options().stride == 1)
    return g.norm(block + "norm3", y, x);
  const Value pooled = g.average_pool(x, {.kernel = 3, .stride = 2, .padding = 1});
  return g.concat_channels(pooled, g.norm(block + "norm3", y));
}

Value write(Images& g, ShuffleNet& model, Value y) {
  y = g.norm("norm1", g.conv("conv1", g.standardize(y)));
  if (shufflenet_stem(model.config().at("image_size").as_int()).pool)
    y = g.max_pool(y, {.kernel = 3, .stride = 2, .padding = 1});
  for (int stage = 2; stage <= 4; ++stage)
    for (int64_t i = 0; g.has(concat("stage", stage, ".", i)); ++i)
      y = write_block(g, concat("stage", stage, ".", i, "."), y);
  return g.vector("head", g.global_average(y));
}

// Calls body with the model as the class that it is; false when it is none of these.
template <class Body>
bool as_convnet(Module& model, const Body& body) {
  if (auto* mixed = dynamic_cast<MixedConvnet*>(&model)) return body(*mixed), true;
  if (auto* mlp = dynamic_cast<ResidualMlp*>(&model)) return body(*mlp), true;
  if (auto* resnet = dynamic_cast<ResNet*>(&model)) return body(*resnet), true;
  if (auto* shufflenet = dynamic_cast<ShuffleNet*>(&model)) return body(*shufflenet), true;
  return false;
}

}  // namespace

bool is_convnet(const Module& model) {
  return as_convnet(const_cast<Module&>(model), [](Module&) {});
}

std::string onnx_convnet(OnnxGraph& graph, Module& model, const Shape& example,
                         std::vector<DeployedLayer>& rows, int64_t& outputs) {
  const NoTape guard;
  check(example.rank() == 3, "export to onnx: ", model.describe(), " for examples ", example,
        "; images [height, width, channels] are needed");
  Images images(graph, model, rows);
  const Tensor x = rand_uniform(
      Shape{kImages}.append(example[0]).append(example[1]).append(example[2]), 0, 1, Rng(1));
  Value y;
  as_convnet(model, [&](auto& net) { y = write(images, net, {"x", x}); });
  const double difference = relative_difference(model(x), y.probe);
  check(difference <= kTolerance, "export to onnx: ", model.describe(),
        " computes otherwise than its exported form, by ", difference,
        " of the largest output; export --to frozen");
  outputs = y.probe.dim(-1);
  return y.name;
}

}  // namespace papilio::models
