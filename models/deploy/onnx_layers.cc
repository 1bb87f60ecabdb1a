#include "papilio/models/deploy/onnx_layers.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <span>

#include "papilio/models/deploy/factors.h"

namespace papilio::models {
namespace {

using Complex = std::complex<double>;

// log2 of the largest block. For n = 1024 the butterflies of a K-matrix are then three products
// with 32 blocks of 32 x 32, which runtimes do fast; each factor alone would be ten times as many
// nodes.
constexpr int64_t kLargestBlock = 5;

// Neighbouring factors whose strides are 2^low ... 2^(low + bits - 1).
struct Group {
  std::span<const Factor> factors;
  int64_t low, bits;
};

int64_t level_of(const Factor& factor) {
  return std::countr_zero(static_cast<uint64_t>(factor.stride));
}

std::vector<Group> groups(const std::vector<Factor>& factors) {
  std::vector<Group> all;
  for (size_t begin = 0, end = 0; begin < factors.size(); begin = end) {
    int64_t low = level_of(factors[begin]), high = low;
    for (end = begin + 1; end < factors.size(); ++end) {
      const int64_t level = level_of(factors[end]);
      if (std::max(high, level) - std::min(low, level) >= kLargestBlock) break;
      low = std::min(low, level), high = std::max(high, level);
    }
    all.push_back({std::span(factors).subspan(begin, end - begin), low, high - low + 1});
  }
  return all;
}

// The block of a group for the elements begin + k 2^low, as [from, to].
std::vector<Complex> block(const Group& group, int64_t begin) {
  const int64_t size = int64_t{1} << group.bits;
  std::vector<Complex> product(static_cast<size_t>(size * size));
  for (int64_t i = 0; i < size; ++i) product[static_cast<size_t>(i * (size + 1))] = 1;
  for (const Factor& factor : group.factors) {
    const int64_t stride = factor.stride >> group.low;
    for (int64_t k = 0; k < size; ++k) {
      if (k / stride % 2 == 1) continue;
      const Matrix2& m = factor.matrix(begin + (k << group.low));
      for (int64_t row = 0; row < size; ++row) {
        Complex &upper = product[static_cast<size_t>(row * size + k)],
                &lower = product[static_cast<size_t>(row * size + k + stride)];
        const Complex before = upper;
        upper = m[0] * before + m[1] * lower;
        lower = m[2] * before + m[3] * lower;
      }
    }
  }
  return product;
}

// y = x M with complex numbers as pairs, or on one side as reals: M [from, to] -> [from `in`, to
// `out`].
void append_pairs(const std::vector<Complex>& matrix, int64_t columns, int64_t in, int64_t out,
                  std::vector<double>& all) {
  const auto rows = static_cast<int64_t>(matrix.size()) / columns;
  for (int64_t r = 0; r < rows * in; ++r)
    for (int64_t c = 0; c < columns * out; ++c) {
      const Complex value = matrix[static_cast<size_t>(r / in * columns + c / out)];
      const bool from_imaginary = r % in == 1, to_imaginary = c % out == 1;
      all.push_back(from_imaginary == to_imaginary ? value.real()
                    : to_imaginary                 ? value.imag()
                                                   : -value.imag());
    }
}

// Of a f64 or c128 tensor: the real numbers, pairs interleaved.
std::vector<double> pairs(const Tensor& t) {
  std::vector<double> all;
  dispatch_floating(t.dtype(), "export", [&]<class T>() {
    for (const T& value : t.span<T>()) {
      all.push_back(std::real(value));
      if constexpr (is_complex_type<T>) all.push_back(std::imag(value));
    }
  });
  return all;
}

std::string pad(OnnxGraph& graph, const std::string& x, int64_t rank, int64_t count) {
  OnnxGraph::Ints pads(static_cast<size_t>(2 * rank), 0);
  pads.back() = count;
  return graph.node("Pad", {x, graph.constant("pads", pads)});
}

// `parts` = real numbers of an element of x, and of what the group is to give.
std::string group_product(OnnxGraph& graph, const Group& group, int64_t n, const std::string& x,
                          int64_t in, int64_t out) {
  const int64_t size = int64_t{1} << group.bits, inner = int64_t{1} << group.low,
                outer = n / (size * inner);
  std::vector<double> numbers;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      append_pairs(block(group, o * size * inner + i), size, in, out, numbers);
  const std::string matrices =
      outer * inner == 1
          ? graph.constant("factors", {size * in, size * out}, numbers)
          : graph.constant("factors", {outer * inner, size * in, size * out}, numbers);
  if (outer * inner == 1) return graph.node("MatMul", {graph.reshape(x, {-1, n * in}), matrices});
  std::string y = graph.reshape(x, {-1, outer, size, inner, in});
  y = graph.transpose(y, {1, 3, 0, 2, 4});
  y = graph.reshape(y, {outer * inner, -1, size * in});
  y = graph.node("MatMul", {y, matrices});
  y = graph.reshape(y, {outer, inner, -1, size, out});
  return graph.transpose(y, {2, 0, 3, 1, 4});
}

std::string add_bias(OnnxGraph& graph, const std::string& x, const Tensor& bias) {
  if (!bias.defined()) return x;
  const std::vector<double> numbers = pairs(bias);
  return graph.node("Add",
                    {x, graph.constant("bias", {static_cast<int64_t>(numbers.size())}, numbers)});
}
std::string relu_if(OnnxGraph& graph, const std::string& x, bool relu) {
  return relu ? graph.node("Relu", {x}) : x;
}

std::string add(OnnxGraph& graph, const Step&, const StandardizeStep& what, const std::string& x) {
  const std::string centred = graph.node("Sub", {x, graph.constant("mean", what.mean)});
  return graph.node("Mul", {centred, graph.constant("factor", what.factor)});
}

std::string add(OnnxGraph& graph, const Step& step, const DenseStep& what, const std::string& x) {
  const int64_t parts = is_complex(what.weight.dtype()) ? 2 : 1;
  std::vector<Complex> transposed(static_cast<size_t>(what.weight.numel()));
  dispatch_floating(what.weight.dtype(), "export", [&]<class T>() {
    const T* w = what.weight.data<T>();
    for (int64_t i = 0; i < what.weight.numel(); ++i)
      transposed[static_cast<size_t>(i % step.in * step.out + i / step.in)] = w[i];
  });
  std::vector<double> numbers;
  append_pairs(transposed, step.out, parts, parts, numbers);
  const std::string y = graph.node(
      "MatMul", {x, graph.constant("weight", {step.in * parts, step.out * parts}, numbers)});
  return relu_if(graph, add_bias(graph, y, what.bias), what.relu);
}

std::string add(OnnxGraph& graph, const Step& step, const ButterflyStep& what,
                const std::string& x) {
  const int64_t before = step.complex_in ? 2 : 1, after = step.complex_out ? 2 : 1,
                between = is_complex(what.twiddle.dtype()) ? 2 : 1;
  const std::string padded = step.in < what.n ? pad(graph, x, 2, (what.n - step.in) * before) : x;
  std::vector<std::string> parts;
  for (int64_t stack = 0; stack < stacks(what); ++stack) {
    const std::vector<Factor> all = factors(what, stack);
    const std::vector<Group> sequence = groups(all);
    std::string y = padded;
    for (size_t i = 0; i < sequence.size(); ++i)
      y = group_product(graph, sequence[i], what.n, y, i == 0 ? before : between,
                        i + 1 == sequence.size() ? after : between);
    parts.push_back(sequence.empty() ? y : graph.reshape(y, {-1, what.n * after}));
  }
  std::string y =
      parts.size() == 1 ? parts[0] : graph.node("Concat", parts, {{"axis", int64_t{1}}});
  if (step.out < what.n * stacks(what))
    y = graph.node("Slice", {y, graph.constant("begin", OnnxGraph::Ints{0}),
                             graph.constant("end", OnnxGraph::Ints{step.out * after}),
                             graph.constant("axis", OnnxGraph::Ints{1})});
  return relu_if(graph, add_bias(graph, y, what.bias), what.relu);
}

std::string gather(OnnxGraph& graph, const std::string& x, const OnnxGraph::Ints& index) {
  return graph.node("Gather", {x, graph.constant("index", index)}, {{"axis", int64_t{1}}});
}

std::string add(OnnxGraph& graph, const Step& step, const GatherStep& what, const std::string& x) {
  OnnxGraph::Ints index;
  const int64_t parts = step.complex_in ? 2 : 1;
  for (const int64_t i : what.index)
    for (int64_t part = 0; part < parts; ++part) index.push_back(i * parts + part);
  return gather(graph, x, index);
}

std::string add(OnnxGraph& graph, const Step&, const ReluStep&, const std::string& x) {
  return graph.node("Relu", {x});
}

std::string add(OnnxGraph& graph, const Step& step, const ComplexStep&, const std::string& x) {
  return graph.reshape(pad(graph, graph.reshape(x, {-1, step.in, 1}), 3, 1), {-1, 2 * step.in});
}

std::string add(OnnxGraph& graph, const Step& step, const RealStep&, const std::string& x) {
  OnnxGraph::Ints index;
  for (int64_t i = 0; i < step.in; ++i) index.push_back(2 * i);
  return gather(graph, x, index);
}

}  // namespace

std::string onnx_step(OnnxGraph& graph, const Step& step, const std::string& x) {
  graph.scope(step.layer);
  return std::visit([&](const auto& what) { return add(graph, step, what, x); }, step.what);
}

std::string onnx_note(const Step& step) {
  if (std::holds_alternative<ButterflyStep>(step.what)) return "products of up to five factors";
  const bool dense = std::holds_alternative<DenseStep>(step.what);
  return dense && !step.type.starts_with("Linear") ? "as a dense matrix" : "";
}

}  // namespace papilio::models
