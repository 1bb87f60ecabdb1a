// The example of docs/writing-a-layer.md: a structured layer, checked and trained.
#include <papilio/papilio.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
using namespace papilio;

class DiagonalPlusLowRank : public StructuredLinear {
 public:
  DiagonalPlusLowRank(int64_t features, int64_t rank, Rng rng, DType dtype = DType::f32)
      : StructuredLinear("diagonal_plus_low_rank", features, features, true, dtype,
                         rng.split("bias")),
        rank_(rank),
        diagonal_(Tensor::full({features}, 1, dtype), {.weight_decay = false}),
        down_(scale(randn({features, rank}, rng.split("down"), dtype), 1 / std::sqrt(features))),
        up_(scale(randn({rank, features}, rng.split("up"), dtype), 1 / std::sqrt(rank))) {}

  Tensor multiply(const Tensor& x) override {
    return x * diagonal_ + matmul(matmul(x, down_), up_);
  }
  void fields(Fields& f) override {
    f("diagonal", diagonal_), f("down", down_), f("up", up_), f("bias", bias_);
  }
  std::string describe() const override {
    return described("DiagonalPlusLowRank", "rank " + std::to_string(rank_));
  }

 protected:
  int64_t flops_per_row() const override { return in_features_ * (2 + 4 * rank_); }

 private:
  int64_t rank_;
  Parameter diagonal_, down_, up_;
};

// The matrix that to_dense() gives is the one that forward() multiplies by.
bool dense_agrees() {
  DiagonalPlusLowRank layer(12, 3, Rng(1));
  Tensor x = randn({5, 12}, Rng(2));
  auto structured = layer(x).to_vector<float>();
  auto dense = linear(x, layer.to_dense(), layer.bias()).to_vector<float>();
  return std::equal(structured.begin(), structured.end(), dense.begin(),
                    [](float a, float b) { return std::abs(a - b) <= 1e-5f * (1 + std::abs(b)); });
}

bool gradients_agree() {
  DiagonalPlusLowRank layer(12, 3, Rng(1), DType::f64);
  Tensor x = randn({5, 12}, Rng(2), DType::f64);
  auto report = check_parameter_gradient([&] { return layer(x); }, layer.parameters());
  std::cout << report.message << '\n';
  return report.ok;
}

// As a member of a larger model it is trained, counted and saved like any other layer.
bool trains() {
  Sequential model(DiagonalPlusLowRank(12, 3, Rng(3)), Linear(12, 2, {}, Rng(4)));
  optim::Adam adam(model.parameters(), {.lr = 0.05});
  Tensor x = randn({4, 12}, Rng(5));
  Tensor labels = Tensor::from<int64_t>({0, 1, 1, 0});
  for (int step = 0; step < 100; ++step) {
    Tape tape;
    tape.backward(cross_entropy(model(x), labels));
    adam.step();
  }
  return cross_entropy(model(x), labels).item() < 0.05;
}

int main() { return dense_agrees() && gradients_agree() && trains() ? 0 : 1; }
