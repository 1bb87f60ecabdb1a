#include "papilio/apps/bench/dense.h"

#include "papilio/apps/bench/array.h"
#include "papilio/apps/bench/dense_ways.h"

namespace papilio::bench {
namespace {

using kernels::GemmShape;
using Gemm = kernels::Op;

template <class T>
struct Operands {
  explicit Operands(const Case& c)
      : w(c.n * c.n), dw(c.n * c.n), x(c.batch * c.n), y(c.batch * c.n), dx(c.batch * c.n) {}
  Array<T> w, dw, x, y, dx;
};

template <class T>
class Dense {
 public:
  explicit Dense(const Case& c) : n_(c.n), batch_(c.batch), operands_(make(c)) {}

  void forward(Role role) {
    const GemmShape shape{.m = batch_, .n = n_, .k = n_, .op_b = Gemm::transpose};
    add({role, shape, operands_->x.data(), operands_->w.data(), operands_->y.data(), operands_});
  }
  void backward() {
    const GemmShape to_input{.m = batch_, .n = n_, .k = n_};
    add({Role::input_gradient, to_input, operands_->y.data(), operands_->w.data(),
         operands_->dx.data(), operands_});
    const GemmShape to_weights{.m = n_, .n = n_, .k = batch_, .op_a = Gemm::transpose};
    add({Role::weight_gradient, to_weights, operands_->y.data(), operands_->x.data(),
         operands_->dw.data(), operands_});
  }
  std::vector<Candidate> ways() { return std::move(ways_); }

 private:
  static std::shared_ptr<Operands<T>> make(const Case& c) {
    return std::make_shared<Operands<T>>(c);
  }

  void add(const Product<T>& product) {
    if constexpr (std::is_same_v<T, float>) add_onednn(product, groups_, ways_);
    add_openblas(product, groups_, ways_);
    if (!is_complex_type<T> && product.shape.k == 1)
      ways_.push_back({"loop",
                       [product] { kernels::gemm(product.shape, product.a, product.b, product.c); },
                       groups_});
    ++groups_;
  }

  int64_t n_, batch_;
  std::shared_ptr<Operands<T>> operands_;
  std::vector<Candidate> ways_;
  int groups_ = 0;
};

}  // namespace

std::vector<Candidate> dense(const Case& c) {
  return dispatch_floating(c.dtype, "bench", [&]<class T>() {
    Dense<T> layer(c);
    if (c.op == Op::step)
      layer.forward(Role::forward_changing);
    else if (c.op != Op::backward)
      layer.forward(Role::forward_fixed);
    if (c.op == Op::step || c.op == Op::backward) layer.backward();
    return layer.ways();
  });
}

}  // namespace papilio::bench
