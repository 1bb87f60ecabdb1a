// A training step in steady state asks the system for no memory: fresh pages are what makes others
// slow.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "papilio/core/memory.h"
#include "papilio/core/threads.h"
#include "papilio/data/loader.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/mixed_convnet.h"
#include "papilio/optim/optimizer.h"
#include "papilio/tests/models/toy.h"

// Every sanitizer's run-time library has it.
extern "C" __attribute__((weak)) void __sanitizer_print_stack_trace();

namespace papilio::models {
namespace {

int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

void expect_steady(Module& model, const data::AnyDataset& images, const std::string& name) {
  optim::Sgd sgd(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const data::Loader loader(images, {.batch = 50, .shuffle = true, .seed = 1});
  const auto train_epoch = [&](int64_t epoch) {
    for (const auto& [pixels, labels] : loader.epoch(epoch)) {
      Tape tape;
      tape.backward(cross_entropy(model(pixels), labels));
      sgd.step();
    }
  };
  train_epoch(0);  // the last batch of an epoch is smaller: all shapes occur once
  const int64_t requests = memory::stats().system_requests;
  const int64_t faults = page_faults();
  for (int64_t epoch = 1; epoch <= 4; ++epoch) train_epoch(epoch);
  // Each thread of a parallel region has scratch of its own, and the first epoch may not have seen
  // all of them at work at once.
  EXPECT_LT(memory::stats().system_requests - requests, threads()) << name;
  // A sanitizer's own allocator gives out new pages all the time.
  if (__sanitizer_print_stack_trace != nullptr) return;
  // One fresh activation alone would be 50 pages a step. Two are left to oneDNN, whose own
  // allocations depend on what lies where.
  EXPECT_LT(page_faults() - faults, 2 * 4 * loader.steps()) << name;
}

class SteadyState : public ::testing::TestWithParam<int> {
 protected:
  SteadyState() {
    memory::keep_freed_memory();
    set_threads(GetParam());
  }
  ~SteadyState() override { set_threads(before_); }

 private:
  const int before_ = threads();
};

TEST_P(SteadyState, TrainingAsksTheSystemForNothing) {
  const data::ImageSet images = papilio::testing::toy(640, 1, 32);
  for (const char* hidden : {"dense", "kmatrix", "bpbp-complex"}) {
    CompressedMlp model(
        {.inputs = 1024, .hidden = hidden, .width = 1024, .classes = 4, .statistics = {}}, Rng(1));
    expect_steady(model, images, hidden);
  }
  MixedConvnet convnet({.height = 32,
                        .width = 32,
                        .channels = 1,
                        .hidden = "butterfly",
                        .features = 256,
                        .classes = 4,
                        .statistics = {}},
                       Rng(1));
  expect_steady(convnet, images, "mixed_convnet");
}
INSTANTIATE_TEST_SUITE_P(Threads, SteadyState, ::testing::Values(1, 2));

}  // namespace
}  // namespace papilio::models
