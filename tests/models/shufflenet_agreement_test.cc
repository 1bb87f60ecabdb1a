// Every module of ShuffleNet, its gradients and statistics against a PyTorch network that reads the
// same checkpoint, where PyTorch is installed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/safetensors.h"
#include "papilio/core/tape.h"
#include "papilio/models/checkpoint.h"
#include "papilio/models/shufflenet.h"
#include "papilio/tests/models/toy.h"

namespace papilio::models {
namespace {

constexpr int64_t kClasses = 10;

// Norms that change their input and have seen images, so that no weight or statistic is idle.
class SpreadNorms : public Fields {
 protected:
  void parameter(const std::string& path, Parameter& member) override {
    if (path.find("norm") != std::string::npos) spread(path, member.mutable_value());
  }
  void buffer(const std::string& path, Tensor& member) override {
    if (path.find("norm") != std::string::npos) spread(path, member);
  }

 private:
  static void spread(const std::string& path, Tensor& t) {
    const bool positive = path.ends_with("weight") || path.ends_with("var");
    const Tensor values =
        rand_uniform(t.shape(), positive ? 0.5 : -0.5, positive ? 1.5 : 0.5, Rng(5).split(path));
    std::copy_n(values.data<float>(), t.numel(), t.mutable_data<float>());
  }
};

struct Named : Fields {
  using Tensors = std::vector<std::pair<std::string, Tensor>>;
  std::map<const Module*, std::string> modules;
  Tensors buffers;

 protected:
  void buffer(const std::string& path, Tensor& member) override {
    buffers.emplace_back(path, member.clone());
  }
  bool module(const std::string& path, Module& member) override {
    modules[&member] = path;
    return true;
  }
};

// The output of every module under its path.
Named::Tensors outputs(ShuffleNet& net, const std::string& prefix, const Tensor& images) {
  Named names;
  net.fields(names);
  Named::Tensors all;
  const CallObserver observer([&](Module& module, const Tensor&, const Tensor& output) {
    all.emplace_back(prefix + names.modules[&module], output);
  });
  net(images);
  return all;
}

// Writes what shufflenet_agreement.py reads.
void write(const ShuffleNetOptions& options, const std::string& prefix) {
  constexpr int64_t kBatch = 8;
  ShuffleNet net(options, Rng(1));
  SpreadNorms spread;
  net.fields(spread);
  save(net, prefix + "-checkpoint.safetensors");

  const Tensor images =
      rand_uniform({kBatch, options.image_size, options.image_size, 3}, 0, 1, Rng(2));
  Tensor labels({kBatch}, DType::i64);
  for (int64_t i = 0; i < kBatch; ++i)
    labels.mutable_data<int64_t>()[i] = Rng(3).below(kClasses, static_cast<uint64_t>(i));
  Named::Tensors results = {{"images", images}, {"labels", labels}};
  const auto add = [&](const std::string& kind, const Named::Tensors& tensors) {
    for (const auto& [name, tensor] : tensors) results.emplace_back(kind + name, tensor);
  };
  {
    Tape tape;
    add("", outputs(net, "train/", images));
    tape.backward(cross_entropy(results.back().second, labels));  // the network itself ends last
  }
  for (const Parameter& p : net.parameters())
    results.emplace_back("gradient/" + p.name(), p.gradient());
  Named names;
  net.fields(names);
  add("after/", names.buffers);
  add("", outputs(net, "infer/", images));
  write_safetensors(prefix + "-results.safetensors", {results, {}});
}

class ShuffleNetAgreement : public ::testing::TestWithParam<std::string> {};

TEST_P(ShuffleNetAgreement, WithPyTorch) {
  const data::Statistics statistics{.mean = Tensor::from<float>({0.4F, 0.5F, 0.6F}),
                                    .deviation = Tensor::from<float>({0.2F, 0.3F, 0.25F}),
                                    .input = {}};
  std::vector<ShuffleNetOptions> cases = {{.width = 0.325,
                                           .groups = 3,
                                           .image_size = 128,
                                           .ungrouped_stage2 = false,
                                           .statistics = statistics}};
  for (const double width : {0.25, 0.5})
    for (const int64_t groups : {3, 8})
      for (const int64_t size : {32, 64})
        cases.push_back(
            {.width = width, .groups = groups, .image_size = size, .statistics = statistics});
  const papilio::testing::TemporaryFolder folder;
  std::string prefixes;
  for (ShuffleNetOptions& options : cases) {
    options.classes = kClasses;
    options.mixer = GetParam();
    const std::string prefix = folder / concat("width", options.width, "-groups", options.groups,
                                               "-size", options.image_size);
    write(options, prefix);
    prefixes += " '" + prefix + "'";
  }
  const std::string command = concat("/usr/bin/python3 '", PAPILIO_SOURCE_DIR,
                                     "/tests/models/shufflenet_agreement.py'", prefixes);
  const int status = std::system(command.c_str());
  if (const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1; code == 77 || code == 127)
    GTEST_SKIP() << "needs /usr/bin/python3 with torch and numpy (bash tests/setup.sh test peers)";
  EXPECT_EQ(status, 0) << command;
}

INSTANTIATE_TEST_SUITE_P(Mixers, ShuffleNetAgreement, ::testing::ValuesIn(shufflenet_mixers()),
                         [](const auto& mixer) { return mixer.param; });

}  // namespace
}  // namespace papilio::models
