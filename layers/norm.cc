#include "papilio/layers/norm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "papilio/core/kept.h"
#include "papilio/core/kernels/norm.h"
#include "papilio/core/memory.h"

namespace papilio {
namespace {

Parameter constant_parameter(int64_t size, double value, DType dtype) {
  return Parameter(Tensor::full({size}, value, dtype), {.weight_decay = false});
}

void check_last_axis(const char* layer, const char* what, const Tensor& x, int64_t size) {
  check(x.rank() >= 2 && x.dim(-1) == size, layer, ": x", x.shape(), ", the layer takes [..., ",
        size, "]: ", size, " ", what, " on the last axis");
}

}  // namespace

BatchNorm2d::BatchNorm2d(int64_t channels, const BatchNormOptions& options)
    : channels_(channels), options_(options) {
  check(channels >= 1, "batch_norm: ", channels, " channels; at least 1 is needed");
  check(is_real(options.dtype), "batch_norm: dtype ", options.dtype, "; expected f32 or f64");
  weight_ = constant_parameter(channels, 1, options.dtype);
  bias_ = constant_parameter(channels, 0, options.dtype);
  mean_ = Tensor::zeros({channels}, options.dtype);
  variance_ = Tensor::full({channels}, 1, options.dtype);
}

Tensor BatchNorm2d::forward(const Tensor& x, const Tensor& residual) {
  check_last_axis("batch_norm", "channels", x, channels_);
  if (!Tape::recording() || frozen())
    return batch_norm(x, weight_, bias_, options_.epsilon,
                      BatchStatistics{.mean = mean_, .variance = variance_}, activation_, residual);
  BatchStatistics batch;
  Tensor y = batch_norm(x, weight_, bias_, options_.epsilon, &batch, activation_, residual);
  track(batch, y.shape());
  return y;
}

Tensor BatchNorm2d::after_conv(const Tensor& x, const Tensor& weight, const Conv2dOptions& options,
                               const Tensor& residual) {
  check(!constant(), "batch_norm: after_conv() is for statistics of the batch");
  BatchStatistics batch;
  Tensor y = conv2d_batch_norm(x, weight, options, weight_, bias_, options_.epsilon, &batch,
                               activation_, residual);
  track(batch, y.shape());
  return y;
}

Tensor BatchNorm2d::around_conv(BatchNorm2d& before, const Tensor& x, const Tensor& weight,
                                int64_t groups, BatchNorm2d& after, const Tensor& residual) {
  check(!before.constant() && !after.constant() && before.activation_ == Activation::none,
        "batch_norm: around_conv() is for statistics of the batch and no activation between");
  BatchStatistics first, second;
  Tensor y = norm_conv_norm(
      x, {before.weight_, before.bias_, before.options_.epsilon, &first}, weight, groups,
      {after.weight_, after.bias_, after.options_.epsilon, &second}, after.activation_, residual);
  before.track(first, x.shape());
  after.track(second, y.shape());
  return y;
}

void BatchNorm2d::track(const BatchStatistics& batch, const Shape& x) {
  const int64_t count = x.numel() / channels_;
  check(count > 1, "batch_norm: x", x,
        " has one value a channel, which has no variance; train on "
        "larger batches or freeze() the layer");
  const double m = options_.momentum,
               unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
  dispatch_real(options_.dtype, "batch_norm", [&]<class T>() {
    T *mean = mean_.mutable_data<T>(), *variance = variance_.mutable_data<T>();
    for (int64_t c = 0; c < channels_; ++c) {
      mean[c] = static_cast<T>((1 - m) * mean[c] + m * batch.mean.data<T>()[c]);
      variance[c] =
          static_cast<T>((1 - m) * variance[c] + m * unbiased * batch.variance.data<T>()[c]);
    }
  });
}

bool BatchNorm2d::wants_gradient(const Tensor& weight, const Parameter& bias) const {
  const Tensor none;
  const Tensor* inputs[] = {&weight, bias.defined() ? &bias.value() : &none, &weight_.value(),
                            &bias_.value()};
  return recorded(inputs);
}

BatchNorm2d::Folded BatchNorm2d::folded(const Tensor& weight, const Parameter& bias,
                                        const Tensor& order) const {
  check(weight.rank() >= 1 && weight.dim(0) == channels_ && weight.dtype() == options_.dtype,
        "batch_norm: the convolution's weight is ", weight, ", the layer takes [", channels_,
        ", ...] ", options_.dtype);
  const Tensor shift = bias.defined() ? bias.value() : Tensor();
  // visit(channel of the result, of this layer, gamma / deviation of it)
  const auto for_each_channel = [&]<class T>(const auto& visit) {
    for (int64_t i = 0; i < channels_; ++i) {
      const int64_t c = order.defined() ? order.data<int64_t>()[i] : i;
      visit(i, c,
            static_cast<double>(weight_.value().data<T>()[c]) /
                std::sqrt(static_cast<double>(variance_.data<T>()[c]) + options_.epsilon));
    }
  };
  return {.weight = folded_weight_.get(
              {weight, weight_, variance_, order},
              [&] {
                Tensor result(weight.shape(), weight.dtype());
                const int64_t size = weight.numel() / channels_;
                dispatch_real(weight.dtype(), "batch_norm", [&]<class T>() {
                  T* to = result.mutable_data<T>();
                  for_each_channel.template operator()<T>([&](int64_t i, int64_t c, double factor) {
                    std::transform(weight.data<T>() + c * size, weight.data<T>() + (c + 1) * size,
                                   to + i * size, [&](T w) { return static_cast<T>(w * factor); });
                  });
                });
                return result;
              }),
          .bias = folded_bias_.get({weight_, bias_, mean_, variance_, shift, order}, [&] {
            Tensor result({channels_}, weight.dtype());
            dispatch_real(weight.dtype(), "batch_norm", [&]<class T>() {
              T* to = result.mutable_data<T>();
              for_each_channel.template operator()<T>([&](int64_t i, int64_t c, double factor) {
                const double from = shift.defined() ? shift.data<T>()[c] : 0;
                to[i] = static_cast<T>(bias_.value().data<T>()[c] +
                                       (from - mean_.data<T>()[c]) * factor);
              });
            });
            return result;
          })};
}

std::string BatchNorm2d::describe() const { return concat("BatchNorm2d(", channels_, ")"); }

LayerNorm::LayerNorm(int64_t features, const LayerNormOptions& options)
    : features_(features), epsilon_(options.epsilon) {
  check(features >= 1, "layer_norm: ", features, " features; at least 1 is needed");
  check(is_real(options.dtype), "layer_norm: dtype ", options.dtype, "; expected f32 or f64");
  weight_ = constant_parameter(features, 1, options.dtype);
  bias_ = constant_parameter(features, 0, options.dtype);
}

Tensor LayerNorm::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == features_, "layer_norm: x", x.shape(),
        ", the layer takes [..., ", features_, "]");
  return layer_norm(x, weight_, bias_, epsilon_);
}

std::string LayerNorm::describe() const { return concat("LayerNorm(", features_, ")"); }

struct Standardize::Folded {
  std::mutex mutex;
  const StructuredLinear* next = nullptr;
  Activation activation = Activation::none;
  std::vector<HeldTensor> sources;          // statistics, then what the layer has
  std::shared_ptr<StructuredLinear> layer;  // null when there is none of these
};

namespace {

// Compares the tensors of modules with those that were held, without copying a handle.
class Unchanged : public Fields {
 public:
  explicit Unchanged(const std::vector<HeldTensor>& held) : held_(held) {}
  bool all() const { return same_ && next_ == held_.size(); }

 protected:
  void parameter(const std::string& /*path*/, Parameter& member) override { see(member.value()); }
  void buffer(const std::string& /*path*/, Tensor& member) override { see(member); }

 private:
  void see(const Tensor& now) {
    same_ = same_ && next_ < held_.size() && held_[next_].is(now);
    ++next_;
  }

  const std::vector<HeldTensor>& held_;
  size_t next_ = 0;
  bool same_ = true;
};

class Holder : public Fields {
 public:
  std::vector<HeldTensor> held;

 protected:
  void parameter(const std::string& /*path*/, Parameter& member) override {
    held.emplace_back(member.value());
  }
  void buffer(const std::string& /*path*/, Tensor& member) override { held.emplace_back(member); }
};

Tensor repeated(const Tensor& values, int64_t times) {
  const Tensor flat = reshape(values, {values.numel()});
  return times == 1 ? flat : concat(std::vector<Tensor>(static_cast<size_t>(times), flat), 0);
}

}  // namespace

Standardize::~Standardize() = default;
Standardize::Standardize(Standardize&&) noexcept = default;
Standardize& Standardize::operator=(Standardize&&) noexcept = default;

Standardize::Standardize(const Tensor& mean, const Tensor& deviation)
    : mean_(mean.clone()), deviation_(deviation.clone()), folded_(std::make_unique<Folded>()) {
  check(mean.shape() == deviation.shape() && mean.dtype() == deviation.dtype() &&
            is_real(mean.dtype()),
        "standardize: mean ", mean, " and deviation ", deviation,
        " must be real and of one shape and dtype");
}

Standardize::Standardize(const Shape& shape, DType dtype)
    : Standardize(Tensor::zeros(shape, dtype), Tensor::full(shape, 1, dtype)) {}

Tensor Standardize::forward(const Tensor& x) {
  const int64_t rank = mean_.rank();
  check(x.rank() >= rank &&
            std::equal(mean_.shape().begin(), mean_.shape().end(), x.shape().end() - rank),
        "standardize: x", x.shape(), " doesn't end in ", mean_.shape(),
        ", the shape of the statistics");
  const auto factors = factor();
  const Tensor* const input = &x;
  if (x.dtype() != mean_.dtype() || recorded({&input, 1})) return mul(sub(x, mean_), *factors);
  // Images, as a rule, which nobody wants a gradient of: one pass over them.
  Tensor y(x.shape(), x.dtype());
  dispatch_real(x.dtype(), "standardize", [&]<class T>() {
    const int64_t features = mean_.numel();
    if (features == 0) return;
    kernels::scale_channels<T>(x.numel() / features, features, x.data<T>(), mean_.data<T>(),
                               factors->data<T>(), nullptr, y.mutable_data<T>());
  });
  return y;
}

std::shared_ptr<const Tensor> Standardize::factor() const {
  return kept_with<Tensor>(deviation_, {}, [this] {
    Tensor inverse(deviation_.shape(), deviation_.dtype());
    dispatch_real(deviation_.dtype(), "standardize", [&]<class T>() {
      std::transform(deviation_.data<T>(), deviation_.data<T>() + inverse.numel(),
                     inverse.mutable_data<T>(),
                     [](T deviation) { return deviation == 0 ? T(1) : T(1) / deviation; });
    });
    return std::make_shared<const Tensor>(inverse);
  });
}

Tensor Standardize::before(StructuredLinear& next, const Tensor& x) {
  const int64_t rank = mean_.rank(), features = next.in_features();
  const auto rows = [&](const Tensor& t) {  // the layer says what it has against another shape
    const bool flat = t.rank() > 2 && t.shape().numel() == t.dim(0) * features;
    return flat ? reshape(t, {t.dim(0), features}) : t;
  };
  const bool fits = x.rank() > rank && x.numel() == x.dim(0) * features &&
                    x.dtype() == mean_.dtype() && next.dtype() == mean_.dtype() && x.numel() > 0 &&
                    std::equal(mean_.shape().begin(), mean_.shape().end(), x.shape().end() - rank);
  if (!fits || !plain_inference()) return next(rows((*this)(x)));
  // It comes while the layer is looked up.
  memory::fetch(x.raw(), std::min(x.numel() * size_of(x.dtype()), memory::kFetched));
  std::shared_ptr<StructuredLinear> layer;
  {
    const std::lock_guard lock(folded_->mutex);
    Unchanged unchanged(folded_->sources);
    fields(unchanged), next.fields(unchanged);
    if (folded_->next != &next || folded_->activation != next.activation() || !unchanged.all()) {
      Holder now;
      fields(now), next.fields(now);
      const int64_t times = features / mean_.numel();
      folded_->next = nullptr;  // if something throws, nothing is kept
      folded_->layer = next.on_raw_input(repeated(mean_, times), repeated(*factor(), times));
      folded_->sources = std::move(now.held);
      folded_->activation = next.activation(), folded_->next = &next;
    }
    layer = folded_->layer;
  }
  return layer ? (*layer)(rows(x)) : next(rows((*this)(x)));
}

std::string Standardize::describe() const { return concat("Standardize(", mean_.shape(), ")"); }

}  // namespace papilio
