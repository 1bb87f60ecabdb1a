#include <algorithm>

#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/onednn-inl.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

enum class Pass : int64_t { forward, forward_with_bias, data, weight };

/// A convolution, and the way of the weights between the caller's order and the one the primitive
/// wants.
struct Convolution {
  dnnl::primitive primitive;
  Desc x, y, weight, bias, scratchpad;
  Desc user_weight;
  dnnl::reorder
      reorder;  ///< to the primitive's order, or from it in Pass::weight; null when they are equal
};

Convolution make_convolution(const ConvShape& s, Pass pass) {
  const bool grouped = s.groups > 1;
  const dnnl::memory::dims weight_sizes =
      grouped ? dnnl::memory::dims{s.groups, s.out_per_group(), s.in_per_group(), s.kernel_height,
                                   s.kernel_width}
              : dnnl::memory::dims{s.out, s.in, s.kernel_height, s.kernel_width};
  const Desc x({s.batch, s.in, s.height, s.width}, kF32, Tag::nhwc);
  const Desc y({s.batch, s.out, s.out_height(), s.out_width()}, kF32, Tag::nhwc);
  const Desc any(weight_sizes, kF32, Tag::any), bias({s.out}, kF32, Tag::a);
  const dnnl::memory::dims strides{s.stride, s.stride}, dilations{s.dilation - 1, s.dilation - 1},
      padding{s.padding, s.padding};
  const dnnl::primitive_attr attr = onednn::user_scratchpad();

  using Forward = dnnl::convolution_forward;
  const auto forward_desc = [&](dnnl::prop_kind kind) {
    return pass == Pass::forward_with_bias
               ? Forward::desc(kind, kDirect, x, any, bias, y, strides, dilations, padding, padding)
               : Forward::desc(kind, kDirect, x, any, y, strides, dilations, padding, padding);
  };
  Convolution c{.primitive = {},
                .x = x,
                .y = y,
                .weight = {},
                .bias = bias,
                .scratchpad = {},
                .user_weight = Desc(weight_sizes, kF32, grouped ? Tag::goihw : Tag::oihw),
                .reorder = {}};
  if (pass == Pass::forward || pass == Pass::forward_with_bias) {
    const Forward::primitive_desc description(forward_desc(dnnl::prop_kind::forward_inference),
                                              attr, onednn::engine());
    c.primitive = Forward(description);
    c.weight = description.weights_desc();
    c.scratchpad = description.scratchpad_desc();
  } else {
    const Forward::primitive_desc hint(forward_desc(dnnl::prop_kind::forward_training), attr,
                                       onednn::engine());
    if (pass == Pass::data) {
      using Backward = dnnl::convolution_backward_data;
      const Backward::primitive_desc description(
          {kDirect, x, any, y, strides, dilations, padding, padding}, attr, onednn::engine(), hint);
      c.primitive = Backward(description);
      c.weight = description.weights_desc();
      c.scratchpad = description.scratchpad_desc();
    } else {
      using Backward = dnnl::convolution_backward_weights;
      const Backward::primitive_desc description(
          {kDirect, x, any, y, strides, dilations, padding, padding}, attr, onednn::engine(), hint);
      c.primitive = Backward(description);
      c.weight = description.diff_weights_desc();
      c.scratchpad = description.scratchpad_desc();
    }
  }
  if (c.weight != c.user_weight) {
    const auto& engine = onednn::engine();
    const bool out_of = pass == Pass::weight;
    c.reorder = dnnl::reorder(
        dnnl::reorder::primitive_desc(engine, out_of ? c.weight : c.user_weight, engine,
                                      out_of ? c.user_weight : c.weight, attr));
  }
  return c;
}

std::shared_ptr<const Convolution> convolution(const ConvShape& s, Pass pass) {
  static onednn::Cache<Convolution, 13> cache;
  return cache.find_or_make(
      {s.batch, s.height, s.width, s.in, s.out, s.kernel_height, s.kernel_width, s.stride,
       s.padding, s.dilation, s.groups, static_cast<int64_t>(pass), threads()},
      [&] { return make_convolution(s, pass); });
}

/// Calls run(weights in the primitive's order), between the reorders that it needs.
template <class Run>
void with_weight(const Convolution& c, Pass pass, const float* weight, const Run& run) {
  const dnnl::memory user = onednn::memory(c.user_weight, weight);
  if (!c.reorder) return run(user);
  const Buffer packed(c.weight.get_size());
  const dnnl::memory own = onednn::memory(c.weight, packed.data());
  const auto reorder = [&](const dnnl::memory& from, const dnnl::memory& to) {
    onednn::execute(c.reorder, Desc(), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  };
  if (pass != Pass::weight) reorder(user, own);
  run(own);
  if (pass == Pass::weight) reorder(own, user);
}

}  // namespace

void conv_forward_onednn(const ConvShape& s, const float* x, const float* weight, const float* bias,
                         float* y) {
  onednn::translate_errors("conv2d", [&] {
    const Pass pass = bias ? Pass::forward_with_bias : Pass::forward;
    const auto c = convolution(s, pass);
    with_weight(*c, pass, weight, [&](const dnnl::memory& packed) {
      if (bias)
        onednn::execute(c->primitive, c->scratchpad,
                        {{DNNL_ARG_SRC, onednn::memory(c->x, x)},
                         {DNNL_ARG_WEIGHTS, packed},
                         {DNNL_ARG_BIAS, onednn::memory(c->bias, bias)},
                         {DNNL_ARG_DST, onednn::memory(c->y, y)}});
      else
        onednn::execute(c->primitive, c->scratchpad,
                        {{DNNL_ARG_SRC, onednn::memory(c->x, x)},
                         {DNNL_ARG_WEIGHTS, packed},
                         {DNNL_ARG_DST, onednn::memory(c->y, y)}});
    });
  });
}

void conv_backward_data_onednn(const ConvShape& s, const float* dy, const float* weight,
                               float* dx) {
  onednn::translate_errors("conv2d", [&] {
    const auto c = convolution(s, Pass::data);
    with_weight(*c, Pass::data, weight, [&](const dnnl::memory& packed) {
      onednn::execute(c->primitive, c->scratchpad,
                      {{DNNL_ARG_DIFF_DST, onednn::memory(c->y, dy)},
                       {DNNL_ARG_WEIGHTS, packed},
                       {DNNL_ARG_DIFF_SRC, onednn::memory(c->x, dx)}});
    });
  });
}

void conv_backward_weight_onednn(const ConvShape& s, const float* x, const float* dy,
                                 float* dweight) {
  if (s.batch == 0)
    return conv_backward_weight_reference(s, x, dy, dweight);  // oneDNN would write nothing
  onednn::translate_errors("conv2d", [&] {
    const auto c = convolution(s, Pass::weight);
    with_weight(*c, Pass::weight, dweight, [&](const dnnl::memory& packed) {
      onednn::execute(c->primitive, c->scratchpad,
                      {{DNNL_ARG_SRC, onednn::memory(c->x, x)},
                       {DNNL_ARG_DIFF_DST, onednn::memory(c->y, dy)},
                       {DNNL_ARG_DIFF_WEIGHTS, packed}});
    });
  });
}

}  // namespace papilio::kernels
