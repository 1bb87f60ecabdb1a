#include <dnnl.hpp>
#include <utility>

#include "papilio/apps/bench/dense_ways.h"
#include "papilio/core/error.h"

namespace papilio::bench {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream& stream() {
  static dnnl::stream own(engine());
  return own;
}

dnnl::memory memory(const Desc& desc, const float* data) {
  return {desc, engine(), const_cast<float*>(data)};
}

/// A primitive with its arguments, ready to run without a further allocation.
class Call {
 public:
  Call(dnnl::primitive primitive, std::vector<std::pair<int, dnnl::memory>> arguments)
      : primitive_(std::move(primitive)), arguments_(std::move(arguments)) {
    for (const auto& [role, argument] : arguments_) list_.push_back({role, argument.get()});
  }
  void run() const {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream().get(),
                                                   static_cast<int>(list_.size()), list_.data()),
                            "could not run a primitive");
  }

 private:
  dnnl::primitive primitive_;
  std::vector<std::pair<int, dnnl::memory>> arguments_;
  std::vector<dnnl_exec_arg_t> list_;
};

/// The candidates of one product.
class Ways {
 public:
  Ways(const Product<float>& product, int group, std::vector<Candidate>& ways)
      : p_(product), group_(group), ways_(ways) {}

  void sgemm() {
    const auto& s = p_.shape;
    const bool ta = s.op_a != kernels::Op::none, tb = s.op_b != kernels::Op::none;
    add("onednn sgemm", [p = p_, s, ta, tb] {
      dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', s.m, s.n, s.k, 1, p.a, ta ? s.m : s.k, p.b,
                 tb ? s.k : s.n, 0, p.c, s.n);
    });
  }
  void matmul() {
    const Desc a = matrix(p_.shape.m, p_.shape.k, p_.shape.op_a);
    const Desc b = matrix(p_.shape.k, p_.shape.n, p_.shape.op_b);
    const Call call = matmul_call(a, b, b, p_.b);
    add("onednn matmul", [p = p_, call] { call.run(); });
    if (p_.role != Role::forward_fixed && p_.role != Role::forward_changing) return;
    const Desc in_out = matrix(p_.shape.k, p_.shape.n, kernels::Op::none);
    const Call other = matmul_call(a, in_out, in_out, p_.b);
    add("onednn matmul, W [in, out]", [p = p_, other] { other.run(); });
    const Desc any({p_.shape.k, p_.shape.n}, kF32, Tag::any);
    packed("onednn matmul", b, matmul_description(a, any),
           [](const auto& description) { return dnnl::matmul(description); });
  }
  void inner_product_forward() {
    const auto describe = [&](const Desc& weights) {
      return dnnl::inner_product_forward::primitive_desc(
          {dnnl::prop_kind::forward_inference, x(), weights, x()}, engine());
    };
    const Call call(dnnl::inner_product_forward(describe(w())),
                    {{DNNL_ARG_SRC, memory(x(), p_.a)},
                     {DNNL_ARG_WEIGHTS, memory(w(), p_.b)},
                     {DNNL_ARG_DST, memory(x(), p_.c)}});
    add("onednn inner product", [p = p_, call] { call.run(); });
    packed("onednn inner product", w(), describe(Desc(w().dims(), kF32, Tag::any)),
           [](const auto& description) { return dnnl::inner_product_forward(description); });
  }
  void inner_product_backward() {
    const dnnl::inner_product_forward::primitive_desc hint(
        {dnnl::prop_kind::forward_training, x(), w(), x()}, engine());
    if (p_.role == Role::input_gradient) {
      const dnnl::inner_product_backward_data::primitive_desc description({x(), w(), x()}, engine(),
                                                                          hint);
      const Call call(dnnl::inner_product_backward_data(description),
                      {{DNNL_ARG_DIFF_DST, memory(x(), p_.a)},
                       {DNNL_ARG_WEIGHTS, memory(w(), p_.b)},
                       {DNNL_ARG_DIFF_SRC, memory(x(), p_.c)}});
      add("onednn inner product", [p = p_, call] { call.run(); });
    } else {
      const dnnl::inner_product_backward_weights::primitive_desc description({x(), w(), x()},
                                                                             engine(), hint);
      const Call call(dnnl::inner_product_backward_weights(description),
                      {{DNNL_ARG_DIFF_DST, memory(x(), p_.a)},
                       {DNNL_ARG_SRC, memory(x(), p_.b)},
                       {DNNL_ARG_DIFF_WEIGHTS, memory(w(), p_.c)}});
      add("onednn inner product", [p = p_, call] { call.run(); });
    }
  }

 private:
  void add(std::string name, std::function<void()> run) {
    ways_.push_back({std::move(name), std::move(run), group_});
  }

  static Desc matrix(int64_t rows, int64_t columns, kernels::Op op) {
    return {{rows, columns}, kF32, op == kernels::Op::none ? Tag::ab : Tag::ba};
  }
  // Of the layer: inputs or outputs [batch, n], weights [out, in].
  Desc x() const {
    const int64_t batch = p_.role == Role::weight_gradient ? p_.shape.k : p_.shape.m;
    return {{batch, p_.shape.n}, kF32, Tag::ab};
  }
  Desc w() const { return {{p_.shape.n, p_.shape.n}, kF32, Tag::ab}; }

  dnnl::matmul::primitive_desc matmul_description(const Desc& a, const Desc& b) const {
    const Desc c = matrix(p_.shape.m, p_.shape.n, kernels::Op::none);
    return {{a, b, c}, engine()};
  }
  Call matmul_call(const Desc& a, const Desc& b, const Desc& b_stored, const float* b_data) const {
    const auto description = matmul_description(a, b);
    return {dnnl::matmul(description),
            {{DNNL_ARG_SRC, memory(a, p_.a)},
             {DNNL_ARG_WEIGHTS, memory(b_stored, b_data)},
             {DNNL_ARG_DST, memory(description.dst_desc(), p_.c)}}};
  }

  /// With weights in the form that the primitive likes best, packed once or each time.
  template <class Description, class Make>
  void packed(const std::string& name, const Desc& plain, const Description& description,
              const Make& make) {
    const dnnl::memory from = memory(plain, p_.b), to(description.weights_desc(), engine());
    const Call pack(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    pack.run();
    const Call call(make(description), {{DNNL_ARG_SRC, memory(description.src_desc(), p_.a)},
                                        {DNNL_ARG_WEIGHTS, to},
                                        {DNNL_ARG_DST, memory(description.dst_desc(), p_.c)}});
    if (p_.role == Role::forward_fixed)
      add(name + ", packed", [p = p_, call] { call.run(); });
    else
      add(name + ", packed each time", [p = p_, call, pack] { pack.run(), call.run(); });
  }

  const Product<float>& p_;
  int group_;
  std::vector<Candidate>& ways_;
};

}  // namespace

void add_onednn(const Product<float>& product, int group, std::vector<Candidate>& ways) {
  try {
    Ways all(product, group, ways);
    all.sgemm();
    all.matmul();
    if (product.role == Role::forward_fixed || product.role == Role::forward_changing)
      all.inner_product_forward();
    else
      all.inner_product_backward();
  } catch (const dnnl::error& error) {
    fail("oneDNN: ", error.what());
  }
}

}  // namespace papilio::bench
