// clang-format off
#include <papilio/papilio.h>
using namespace papilio;

int main() {
  auto cifar = data::cifar10("cifar-10-batches-bin", data::Split::train, {.grayscale = true});
  data::Loader train(cifar, {.batch = 50, .shuffle = true, .seed = 1});
  models::CompressedMlp model(
      {.inputs = 1024, .hidden = "bpbp-complex", .classes = 10, .statistics = data::statistics(cifar)}, Rng(1));
  optim::Sgd sgd(model.parameters(), {.lr = 0.02, .momentum = 0.9});

  for (int epoch = 0; epoch < 20; ++epoch)
    for (const auto& [images, labels] : train.epoch(epoch)) {
      Tape tape;
      tape.backward(cross_entropy(model(images), labels));
      sgd.step();
    }
  save(model, "mlp.safetensors");
}
