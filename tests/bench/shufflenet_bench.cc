// The ops of a training step of ShuffleNet v1 (8 groups), each alone at the shapes of the network:
// which kernel costs how much. `step_ms` is the time of all calls of that shape in one step. One
// thread unless OMP_NUM_THREADS says otherwise; --benchmark_filter=w0.25/i64 chooses a network.

#include <benchmark/benchmark.h>

#include <functional>
#include <map>

#include "papilio/core/error.h"
#include "papilio/core/kernels/conv.h"
#include "papilio/core/kernels/norm.h"
#include "papilio/core/kernels/pool.h"
#include "papilio/core/memory.h"
#include "papilio/core/ops.h"
#include "papilio/core/random.h"
#include "papilio/core/system.h"
#include "papilio/core/tape.h"
#include "papilio/core/tensor.h"

namespace papilio {
namespace {

constexpr int64_t kGroups = 8;

struct Network {
  double width;
  int64_t image, batch;
};

/// Every op of the network with the number of its calls in a step.
struct Ops {
  std::map<std::vector<int64_t>, std::pair<kernels::ConvShape, int>> convolutions;
  std::map<std::pair<int64_t, int64_t>, int> plain_norms, relu_norms, add_norms;  // rows, channels
  std::vector<kernels::PoolShape> average_pools, max_pools;
  std::map<std::vector<int64_t>, std::pair<kernels::ConvShape, int>> ends;  // of the blocks
};

int64_t rounded(double channels) {
  const auto whole = static_cast<int64_t>(channels);
  const int64_t multiple = std::max(kGroups, (whole + kGroups / 2) / kGroups * kGroups);
  return static_cast<double>(multiple) < 0.9 * channels ? multiple + kGroups : multiple;
}

struct Collector {
  int64_t batch, size, channels;
  Ops ops = {};

  kernels::ConvShape convolve(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              int64_t groups) {
    const kernels::ConvShape s{.batch = batch,
                               .height = size,
                               .width = size,
                               .in = in,
                               .out = out,
                               .kernel_height = kernel,
                               .kernel_width = kernel,
                               .stride = stride,
                               .padding = kernel / 2,
                               .dilation = 1,
                               .groups = groups};
    auto& [shape, calls] = ops.convolutions[{size, in, out, kernel, stride, groups}];
    shape = s;
    ++calls;
    size = s.out_height();
    return s;
  }
  void normalise(std::map<std::pair<int64_t, int64_t>, int>& norms, int64_t of) {
    ++norms[{batch * size * size, of}];
  }
  kernels::PoolShape pool() const { return {batch, size, size, channels, 3, 2, 1}; }

  void block(int64_t out, int64_t stride, int64_t groups) {
    const int64_t middle = rounded(static_cast<double>(out / 4));
    const int64_t made = stride == 1 ? out : out - channels;
    if (stride > 1) ops.average_pools.push_back(pool());
    convolve(channels, middle, 1, 1, groups);
    normalise(ops.relu_norms, middle);
    convolve(middle, middle, 3, stride, middle);
    normalise(ops.plain_norms, middle);
    auto& [shape, calls] = ops.ends[{size, middle, made}];
    shape = convolve(middle, made, 1, 1, kGroups);
    ++calls;
    normalise(stride == 1 ? ops.add_norms : ops.relu_norms, made);
    channels = out;
  }
};

Ops collect(const Network& n) {
  Collector c{.batch = n.batch, .size = n.image, .channels = rounded(24 * n.width)};
  c.convolve(3, c.channels, 3, 2, 1);
  c.normalise(c.ops.relu_norms, c.channels);
  if (n.image >= 128) {
    c.ops.max_pools.push_back(c.pool());
    c.size = c.pool().out_height();
  }
  const int64_t blocks[] = {4, 8, 4};
  for (int stage = 0; stage < 3; ++stage)
    for (int64_t i = 0; i < blocks[stage]; ++i)
      c.block(rounded(static_cast<double>(384 << stage) * n.width), i == 0 ? 2 : 1,
              stage == 0 ? 1 : kGroups);
  return c.ops;
}

// ---------------------------------------------------------------- measuring

/// Names of what is measured, with its work.
struct Work {
  std::string name;
  double flops, numbers;
  int calls;
};

void add(const Work& work, std::function<void()> body) {
  const auto run = [work, body = std::move(body)](benchmark::State& state) {
    body();
    for (auto _ : state) body();
    using benchmark::Counter;
    state.counters["GFLOP/s"] = Counter(work.flops / 1e9, Counter::kIsIterationInvariantRate);
    state.counters["GB/s"] = Counter(4 * work.numbers / 1e9, Counter::kIsIterationInvariantRate);
    state.counters["calls"] = work.calls;
    state.counters["step_ms"] =
        Counter(1 / (1e3 * work.calls), Counter::kIsIterationInvariantRate | Counter::kInvert);
  };
  benchmark::RegisterBenchmark(work.name.c_str(), run)
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond)
      ->MinTime(0.04);
}

/// Shared by all benchmarks: four arrays as long as the longest.
float* numbers(int which, int64_t count) {
  static std::map<int, Tensor> arrays;
  Tensor& array = arrays[which];
  if (!array.defined() || array.numel() < count) array = randn({count}, Rng(1).split(which));
  return array.mutable_data<float>();
}

void add_convolution(const std::string& network, const kernels::ConvShape& s, int calls) {
  const int64_t in = s.batch * s.height * s.width * s.in,
                out = s.batch * s.out_height() * s.out_width() * s.out,
                weights = s.out * s.in_per_group() * s.kernel_height * s.kernel_width;
  const double flops = 2.0 * static_cast<double>(out * weights / s.out),
               traffic = static_cast<double>(in + out + weights);
  const auto longest = std::max({in, out, weights});
  const std::string name =
      network + concat("/conv", s.kernel_height, "x", s.kernel_width, "s", s.stride, "_", s.in, "-",
                       s.out, "g", s.groups, "_", s.height);
  const auto pass = [&](const char* what, std::function<void()> ours,
                        std::function<void()> onednn) {
    add({name + what, flops, traffic, calls}, std::move(ours));
    add({name + what + "_onednn", flops, traffic, calls}, std::move(onednn));
  };
  const auto a = [=] { return numbers(0, longest); };
  const auto b = [=] { return numbers(2, longest); };
  const auto weight = [=] { return numbers(1, weights); };
  pass(
      "/forward", [=] { kernels::conv_forward<float>(s, a(), weight(), {}, b()); },
      [=] { kernels::conv_forward_onednn(s, a(), weight(), {}, b()); });
  if (s.in > 3)
    pass(
        "/data", [=] { kernels::conv_backward_data<float>(s, a(), weight(), b()); },
        [=] { kernels::conv_backward_data_onednn(s, a(), weight(), b()); });
  pass(
      "/weight", [=] { kernels::conv_backward_weight<float>(s, a(), b(), weight()); },
      [=] { kernels::conv_backward_weight_onednn(s, a(), b(), weight()); });
}

void add_norm(const std::string& network, int64_t rows, int64_t channels, int calls) {
  const std::string name = network + concat("/norm_", rows, "x", channels);
  const int64_t count = rows * channels;
  const auto part = [=](int64_t i) { return numbers(3, 8 * channels) + i * channels; };
  const auto pass = [&](const char* what, int arrays, std::function<void()> body) {
    const double size = static_cast<double>(count);
    add({name + what, 2 * size, arrays * size, calls}, std::move(body));
  };
  pass("/statistics", 1, [=] {
    kernels::channel_statistics<float>(rows, channels, numbers(0, count), part(0), part(1));
  });
  pass("/scale", 2, [=] {
    kernels::scale_channels<float>(rows, channels, numbers(0, count), part(0), part(1), part(2),
                                   numbers(1, count));
  });
  pass("/sums", 2, [=] {
    kernels::channel_gradient_sums<float>(rows, channels, numbers(0, count), part(0),
                                          numbers(1, count), part(3), part(4));
  });
  pass("/gradient", 3, [=] {
    kernels::channel_gradient<float>(rows, channels, numbers(0, count), part(0), numbers(1, count),
                                     part(3), part(4), part(5), numbers(2, count));
  });
}

/// Forward and backward of a block's end, norm, 1x1 convolution, norm, addition and ReLU: as the
/// one op norm_conv_norm and as the ops that it stands for.
void add_end(const std::string& network, const kernels::ConvShape& s, int calls) {
  const auto pixels = static_cast<double>(s.batch * s.height * s.width);
  const std::string name =
      network + concat("/end_", s.in, "-", s.out, "g", s.groups, "_", s.height);
  for (const bool in_one : {true, false}) {
    const auto inputs = std::make_shared<std::vector<Tensor>>();
    const auto body = [=] {
      std::vector<Tensor>& t = *inputs;
      if (t.empty())
        for (const Shape& shape :
             {Shape{s.batch, s.height, s.width, s.in}, Shape{s.in}, Shape{s.in},
              Shape{s.out, s.in_per_group(), 1, 1}, Shape{s.out}, Shape{s.out},
              Shape{s.batch, s.height, s.width, s.out}, Shape{s.batch, s.height, s.width, s.out}})
          t.push_back(randn(shape, Rng(t.size())));
      Tape tape;
      std::vector<Tensor> x;
      for (size_t i = 0; i < 7; ++i) x.push_back(tape.watch(t[i]));
      constexpr double kEpsilon = 1e-5;
      tape.backward(in_one ? norm_conv_norm(x[0], {x[1], x[2], kEpsilon}, x[3], s.groups,
                                            {x[4], x[5], kEpsilon}, Activation::relu, x[6])
                           : conv2d_batch_norm(batch_norm(x[0], x[1], x[2], kEpsilon), x[3],
                                               {.groups = s.groups}, x[4], x[5], kEpsilon, nullptr,
                                               Activation::relu, x[6]),
                    t[7]);
    };
    add({name + (in_one ? "/in_one" : "/apart"),
         6 * pixels * static_cast<double>(s.out * s.in_per_group()),
         pixels * static_cast<double>(s.in + s.out), calls},
        body);
  }
}

void add_pool(const std::string& network, const kernels::PoolShape& s, bool max) {
  const int64_t in = s.batch * s.height * s.width * s.channels,
                out = s.batch * s.out_height() * s.out_width() * s.channels;
  const std::string name =
      network + concat(max ? "/maxpool_" : "/avgpool_", s.channels, "_", s.height);
  const auto pixels = std::make_shared<Buffer>(static_cast<size_t>(out) * sizeof(int32_t));
  const Work work{name, static_cast<double>(9 * out), static_cast<double>(in + (max ? 2 : 1) * out),
                  1};
  Work forward = work, backward = work;
  forward.name += "/forward", backward.name += "/backward";
  add(forward, [=] {
    if (max)
      kernels::max_pool<float>(s, numbers(0, in), numbers(1, in), pixels->as<int32_t>());
    else
      kernels::avg_pool<float>(s, numbers(0, in), numbers(1, in));
  });
  add(backward, [=] {
    if (max)
      kernels::max_pool_backward<float>(s, numbers(0, in), pixels->as<int32_t>(), numbers(1, in));
    else
      kernels::avg_pool_backward<float>(s, numbers(0, in), numbers(1, in));
  });
}

void add_network(const Network& n) {
  const Ops ops = collect(n);
  char name[32];
  std::snprintf(name, sizeof(name), "w%.2f/i%d", n.width, static_cast<int>(n.image));
  for (const auto& [key, value] : ops.convolutions)
    add_convolution(name, value.first, value.second);
  for (const auto& [key, value] : ops.ends) add_end(name, value.first, value.second);
  std::map<std::pair<int64_t, int64_t>, int> norms = ops.plain_norms;
  for (const auto* more : {&ops.relu_norms, &ops.add_norms})
    for (const auto& [shape, calls] : *more) norms[shape] += calls;
  for (const auto& [shape, calls] : norms) add_norm(name, shape.first, shape.second, calls);
  for (const auto& pool : ops.average_pools) add_pool(name, pool, false);
  for (const auto& pool : ops.max_pools) add_pool(name, pool, true);
}

}  // namespace
}  // namespace papilio

int main(int argc, char** argv) {
  using namespace papilio;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const SystemInfo system = system_info();
  benchmark::AddCustomContext("simd", system.simd);
  benchmark::AddCustomContext("threads", std::to_string(system.threads));
  for (const double width : {0.25, 0.5, 1.0})
    for (const int64_t image : {64, 224})
      add_network({.width = width, .image = image, .batch = image == 64 ? 128 : 32});
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
