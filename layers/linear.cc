#include "papilio/layers/linear.h"

#include "papilio/layers/dense_init.h"

namespace papilio {

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& options, Rng rng)
    : StructuredLinear("linear", in_features, out_features, options.bias, options.dtype, rng),
      weight_(initial_weight("linear", options.init, {out_features, in_features}, in_features,
                             options.dtype, rng.split("weight")),
              {.rows_axis = 0}) {}

void Linear::replace(std::unique_ptr<StructuredLinear> layer) {
  check(layer->in_features() == in_features_ && layer->out_features() == out_features_ &&
            layer->dtype() == dtype_,
        "linear: ", layer->describe(), " can't replace ", describe(),
        "; it needs the same features and dtype");
  layer->fuse(activation_);
  bias_ = layer->bias();
  weight_ = Parameter();
  replacement_ = std::move(layer);
}

void Linear::fuse(Activation activation) {
  StructuredLinear::fuse(activation);
  if (replacement_) replacement_->fuse(activation);
}

void Linear::fields(Fields& f) {
  if (replacement_)
    replacement_->fields(f);
  else
    f("weight", weight_), f("bias", bias_);
}

std::string Linear::describe() const {
  return replacement_ ? replacement_->describe() : described("Linear");
}

Config Linear::config() const { return replacement_ ? replacement_->config() : base_config(); }

Cost Linear::cost(const Shape& input) const {
  return replacement_ ? replacement_->cost(input) : StructuredLinear::cost(input);
}

Tensor Linear::apply(const Tensor& x) {
  if (replacement_) return replacement_->forward(x);
  Tensor y = linear(x, weight_, bias_or_none());
  if (activation_ == Activation::relu) return relu(y);
  return y;
}

Tensor Linear::multiply(const Tensor& x) {
  return replacement_ ? replacement_->multiply(x) : linear(x, weight_);
}

int64_t Linear::flops_per_row() const {
  return (is_complex(dtype_) ? 8 : 2) * in_features_ * out_features_;
}

std::vector<std::pair<std::string, Linear*>> linear_layers(Module& model) {
  class Finder : public Fields {
   public:
    std::vector<std::pair<std::string, Linear*>> found;

   protected:
    bool module(const std::string& path, Module& member) override {
      auto* layer = dynamic_cast<Linear*>(&member);
      if (layer) found.emplace_back(path, layer);
      return true;
    }
  } finder;
  model.fields(finder);
  return std::move(finder.found);
}

}  // namespace papilio
