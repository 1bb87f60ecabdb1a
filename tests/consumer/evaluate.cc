// Evaluates the checkpoint that train.cc wrote.
#include <papilio/papilio.h>

#include <iostream>
using namespace papilio;

int main() {
  const std::string dir = "cifar-10-batches-bin";
  // clang-format off
  auto model = models::load("mlp.safetensors");        // name and config travel in the file
  auto report = models::evaluate(*model, data::cifar10(dir, data::Split::test, {.grayscale = true}));
  std::cout << report << '\n';                          // accuracy, loss, parameters, images/s, latency
  // clang-format on
  return report.score->accuracy > 0.9 ? 0 : 1;
}
