// A model of one's own: defined, trained, saved, and loaded again by its registered name.
#include <papilio/papilio.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <vector>
using namespace papilio;

class MixNet : public Module {
 public:
  MixNet(int64_t width, int64_t classes, Rng rng)
      : mix_(width, width, {}, rng.split("mix")), head_(width, classes, {}, rng.split("head")) {}
  Tensor forward(const Tensor& x) override { return head_(relu(mix_(x))); }
  void fields(Fields& f) override { f("mix", mix_), f("head", head_); }

 private:
  Butterfly mix_;
  Linear head_;
};

int main() {
  models::register_model("mixnet",
                         [](const Config&) { return std::make_unique<MixNet>(64, 2, Rng(0)); });

  MixNet model(64, 2, Rng(1));
  optim::Adam adam(model.parameters(), {.lr = 0.01});
  Tensor x = randn({32, 64}, Rng(2));
  std::vector<int64_t> halves(32);
  std::fill(halves.begin() + 16, halves.end(), 1);
  Tensor labels = Tensor::from(halves, {32});
  for (int step = 0; step < 100; ++step) {
    Tape tape;
    tape.backward(cross_entropy(model(x), labels));
    adam.step();
  }

  save(model, "mixnet.safetensors");
  auto loaded = models::load("mixnet.safetensors");
  const double loss = cross_entropy(model(x), labels).item();
  const bool same = model(x).to_vector<float>() == (*loaded)(x).to_vector<float>();
  save(model, "mixnet-frozen.safetensors", {.frozen = true});
  std::cout << "loss " << loss << ", the loaded model " << (same ? "agrees" : "differs") << '\n';
  return loss < 0.1 && same ? 0 : 1;
}
