// Inference on one model from several threads at once, which share what layers keep for it: packed
// weights, folded layers, derived tensors. The thread sanitizer sees them being made.
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "papilio/layers/factory.h"
#include "papilio/models/compressed_mlp.h"
#include "papilio/models/residual_mlp.h"
#include "papilio/models/shufflenet.h"
#include "papilio/tests/models/random_statistics.h"

namespace papilio::models {
namespace {

using Numbers = std::vector<float>;

// Two rounds, between which one thread writes every parameter.
void expect_same_from_all_threads(Module& model, const Tensor& x) {
  constexpr int kThreads = 4, kRounds = 2, kCalls = 3;
  std::vector<Numbers> seen[kRounds];
  for (auto& of_round : seen) {
    of_round.resize(kThreads);
    std::barrier start(kThreads);
    std::vector<std::thread> threads;
    for (Numbers& result : of_round)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (int call = 0; call < kCalls; ++call) result = model(x).to_vector<float>();
      });
    for (std::thread& thread : threads) thread.join();
    const Numbers alone = model(x).to_vector<float>();
    for (const Numbers& result : of_round) EXPECT_EQ(result, alone);
    for (Parameter p : model.parameters()) p.mutable_value().assign(scale(p, 1.25));
  }
  EXPECT_NE(seen[0], seen[1]);
}

TEST(SharedModel, CompressedMlpGivesAllThreadsTheSame) {
  for (const std::string_view hidden : hidden_names()) {
    SCOPED_TRACE(hidden);
    CompressedMlp model({.inputs = 32,
                         .hidden = std::string(hidden),
                         .width = 32,
                         .classes = 5,
                         .statistics = testing::random_statistics(32)},
                        Rng(3));
    expect_same_from_all_threads(model, randn({2, 32}, Rng(4)));
  }
}

TEST(SharedModel, ResidualMlpGivesAllThreadsTheSame) {
  ResidualMlp model({.height = 4,
                     .width = 4,
                     .channels = 3,
                     .hidden = "kmatrix",
                     .features = 32,
                     .depth = 2,
                     .classes = 5,
                     .statistics = testing::random_statistics(3)},
                    Rng(3));
  expect_same_from_all_threads(model, randn({2, 4, 4, 3}, Rng(4)));
}

TEST(SharedModel, ShuffleNetGivesAllThreadsTheSame) {
  for (const char* mixer : {"shuffle", "kmatrix", "hadamard"}) {
    SCOPED_TRACE(mixer);
    ShuffleNet model({.classes = 5,
                      .width = 0.25,
                      .mixer = mixer,
                      .image_size = 32,
                      .statistics = testing::random_statistics(3)},
                     Rng(3));
    expect_same_from_all_threads(model, randn({2, 32, 32, 3}, Rng(4)));
  }
}

}  // namespace
}  // namespace papilio::models
