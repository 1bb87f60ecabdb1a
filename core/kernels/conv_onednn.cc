#include <algorithm>
#include <vector>

#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/onednn-inl.h"
#include "papilio/core/threads.h"

namespace papilio::kernels {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

enum class Pass : int64_t { forward, data, weight };

/// What is computed: with what is fused, in Pass::forward.
struct Kind {
  Pass pass;
  bool bias = false, residual = false, relu = false;
  int64_t number() const {
    return static_cast<int64_t>(pass) | int64_t{bias} << 2 | int64_t{residual} << 3 |
           int64_t{relu} << 4;
  }
};
Kind forward_kind(const ConvFusion<float>& fused) {
  return {.pass = Pass::forward,
          .bias = fused.bias != nullptr,
          .residual = fused.residual != nullptr,
          .relu = fused.relu};
}

/// A convolution, and the way of the weights between the caller's order and the one the primitive
/// wants.
struct Convolution {
  dnnl::primitive primitive;
  Desc x, y, weight, bias, scratchpad;
  Desc user_weight;
  dnnl::reorder
      reorder;  ///< to the primitive's order, or from it in Pass::weight; null when they are equal
};

dnnl::primitive_attr attributes(const Kind& kind, const Desc& y) {
  dnnl::primitive_attr attr = onednn::user_scratchpad();
  dnnl::post_ops end;
  if (kind.residual) end.append_binary(dnnl::algorithm::binary_add, y);
  if (kind.relu) end.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
  attr.set_post_ops(end);
  return attr;
}

Convolution make_convolution(const ConvShape& s, const Kind& kind) {
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
  const auto forward_desc = [&](dnnl::prop_kind prop) {
    return kind.bias
               ? Forward::desc(prop, kDirect, x, any, bias, y, strides, dilations, padding, padding)
               : Forward::desc(prop, kDirect, x, any, y, strides, dilations, padding, padding);
  };
  Convolution c{.primitive = {},
                .x = x,
                .y = y,
                .weight = {},
                .bias = bias,
                .scratchpad = {},
                .user_weight = Desc(weight_sizes, kF32, grouped ? Tag::goihw : Tag::oihw),
                .reorder = {}};
  if (kind.pass == Pass::forward) {
    const Forward::primitive_desc description(forward_desc(dnnl::prop_kind::forward_inference),
                                              attributes(kind, y), onednn::engine());
    c.primitive = Forward(description);
    c.weight = description.weights_desc();
    c.scratchpad = description.scratchpad_desc();
  } else {
    const Forward::primitive_desc hint(forward_desc(dnnl::prop_kind::forward_training), attr,
                                       onednn::engine());
    if (kind.pass == Pass::data) {
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
    const bool out_of = kind.pass == Pass::weight;
    c.reorder = dnnl::reorder(
        dnnl::reorder::primitive_desc(engine, out_of ? c.weight : c.user_weight, engine,
                                      out_of ? c.user_weight : c.weight, attr));
  }
  return c;
}

std::shared_ptr<const Convolution> convolution(const ConvShape& s, const Kind& kind) {
  static onednn::Cache<Convolution, 13> cache;
  return cache.find_or_make(
      {s.batch, s.height, s.width, s.in, s.out, s.kernel_height, s.kernel_width, s.stride,
       s.padding, s.dilation, s.groups, kind.number(), threads()},
      [&] { return make_convolution(s, kind); });
}

void reorder(const Convolution& c, const dnnl::memory& from, const dnnl::memory& to) {
  onednn::execute(c.reorder, Desc(), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Buffer packed_weight(const Convolution& c, const float* weight) {
  Buffer packed(c.weight.get_size());
  reorder(c, onednn::memory(c.user_weight, weight), onednn::memory(c.weight, packed.data()));
  return packed;
}

/// Calls run(weights in the primitive's order), between the reorders that it needs.
template <class Run>
void with_weight(const Convolution& c, Pass pass, const float* weight, const Run& run) {
  const dnnl::memory user = onednn::memory(c.user_weight, weight);
  if (!c.reorder) return run(user);
  if (pass != Pass::weight) {
    const Buffer packed = packed_weight(c, weight);
    return run(onednn::memory(c.weight, packed.data()));
  }
  const Buffer packed(c.weight.get_size());
  const dnnl::memory own = onednn::memory(c.weight, packed.data());
  run(own);
  reorder(c, own, user);
}

void run_forward(const Convolution& c, const float* x, const dnnl::memory& weight,
                 const ConvFusion<float>& fused, float* y) {
  std::vector<onednn::Argument> arguments = {{DNNL_ARG_SRC, onednn::memory(c.x, x)},
                                             {DNNL_ARG_WEIGHTS, weight},
                                             {DNNL_ARG_DST, onednn::memory(c.y, y)}};
  if (fused.bias) arguments.emplace_back(DNNL_ARG_BIAS, onednn::memory(c.bias, fused.bias));
  if (fused.residual)
    arguments.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                           onednn::memory(c.y, fused.residual));
  onednn::execute(c.primitive, c.scratchpad, arguments);
}

}  // namespace

void conv_forward_onednn(const ConvShape& s, const float* x, const float* weight,
                         const ConvFusion<float>& fused, float* y, const Buffer* packed) {
  onednn::translate_errors("conv2d", [&] {
    const auto c = convolution(s, forward_kind(fused));
    if (packed) return run_forward(*c, x, onednn::memory(c->weight, packed->data()), fused, y);
    with_weight(*c, Pass::forward, weight,
                [&](const dnnl::memory& ordered) { run_forward(*c, x, ordered, fused, y); });
  });
}

std::shared_ptr<const Buffer> conv_pack_onednn(const ConvShape& s, const float* weight,
                                               const ConvFusion<float>& fused) {
  return onednn::translate_errors("conv2d", [&]() -> std::shared_ptr<const Buffer> {
    const auto c = convolution(s, forward_kind(fused));
    return c->reorder ? std::make_shared<const Buffer>(packed_weight(*c, weight)) : nullptr;
  });
}

int64_t conv_packing_onednn(const ConvShape& s, const ConvFusion<float>& fused) {
  return onednn::translate_errors("conv2d", [&] {
    const auto c = convolution(s, forward_kind(fused));
    if (!c->reorder) return int64_t{0};
    const auto& blocks = c->weight.data.format_desc.blocking;
    uint64_t hash = 1;
    const auto mix = [&](const auto* numbers, int count) {
      for (int i = 0; i < count; ++i)
        hash = (hash ^ static_cast<uint64_t>(numbers[i])) * 0x9E3779B97F4A7C15u + (hash >> 29);
    };
    mix(c->weight.data.padded_dims, c->weight.data.ndims);
    mix(blocks.strides, c->weight.data.ndims);
    mix(blocks.inner_blks, blocks.inner_nblks);
    mix(blocks.inner_idxs, blocks.inner_nblks);
    return static_cast<int64_t>(hash);
  });
}

void conv_backward_data_onednn(const ConvShape& s, const float* dy, const float* weight,
                               float* dx) {
  onednn::translate_errors("conv2d", [&] {
    const auto c = convolution(s, {.pass = Pass::data});
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
    const auto c = convolution(s, {.pass = Pass::weight});
    with_weight(*c, Pass::weight, dweight, [&](const dnnl::memory& packed) {
      onednn::execute(c->primitive, c->scratchpad,
                      {{DNNL_ARG_SRC, onednn::memory(c->x, x)},
                       {DNNL_ARG_DIFF_DST, onednn::memory(c->y, dy)},
                       {DNNL_ARG_DIFF_WEIGHTS, packed}});
    });
  });
}

}  // namespace papilio::kernels
