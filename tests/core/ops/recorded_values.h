// For tests that compare an op with numbers recorded from PyTorch: inputs by a formula that both
// sides can write down, and the comparison. In Python the input is
//
//   def fill(shape, a, b, m):
//     return (((a * torch.arange(prod(shape)) + b) % m).double() / m - 0.5).reshape(shape)
//   def cfill(shape, a, b, m):
//     return torch.complex(fill(shape, a, b, m), fill(shape, a + 2, b + 1, m))
//   def seed(y):
//     return (cfill if y.is_complex() else fill)(y.shape, 7, 3, 11)
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "papilio/core/ops.h"

namespace papilio {

/// Entry i is ((a i + b) mod m) / m - 1/2.
inline Tensor fill(const Shape& shape, int64_t a, int64_t b, int64_t m, double factor = 1) {
  Tensor result(shape, DType::f64);
  double* values = result.mutable_data<double>();
  for (int64_t i = 0; i < shape.numel(); ++i)
    values[i] = factor * (static_cast<double>((a * i + b) % m) / static_cast<double>(m) - 0.5);
  return result;
}

inline Tensor complex_fill(const Shape& shape, int64_t a, int64_t b, int64_t m) {
  const Tensor re = fill(shape, a, b, m), im = fill(shape, a + 2, b + 1, m);
  Tensor result(shape, DType::c128);
  for (int64_t i = 0; i < shape.numel(); ++i)
    result.mutable_data<std::complex<double>>()[i] = {re.data<double>()[i], im.data<double>()[i]};
  return result;
}

/// The gradient of an output that most tests begin with.
inline Tensor recorded_seed(const Tensor& y) {
  const Tensor wide =
      is_complex(y.dtype()) ? complex_fill(y.shape(), 7, 3, 11) : fill(y.shape(), 7, 3, 11);
  return wide.to(y.dtype());
}

/// The numbers of a tensor as f64; re and im alternate when it is complex.
inline std::vector<double> numbers(const Tensor& tensor) {
  if (!is_complex(tensor.dtype())) return tensor.to(DType::f64).to_vector<double>();
  const Tensor wide = tensor.to(DType::c128);
  const double* first = static_cast<const double*>(wide.raw());
  return {first, first + 2 * wide.numel()};
}

inline void expect_numbers(const Tensor& actual, const std::vector<double>& expected,
                           double tolerance = 1e-10) {
  const std::vector<double> values = numbers(actual);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], tolerance) << "at " << i;
}

/// Output and input gradients of `op` for the output gradient `seed`.
struct Derivatives {
  Tensor output;
  std::vector<Tensor> gradients;
};
inline Derivatives differentiate(
    const std::function<Tensor(const std::vector<Tensor>&)>& op, const std::vector<Tensor>& inputs,
    const std::function<Tensor(const Tensor& output)>& seed = recorded_seed) {
  Tape tape;
  std::vector<Tensor> watched;
  for (const Tensor& input : inputs) watched.push_back(tape.watch(input));
  Derivatives result{.output = op(watched), .gradients = {}};
  tape.backward(result.output, seed(result.output));
  for (const Tensor& input : watched) result.gradients.push_back(tape.gradient(input));
  return result;
}

/// An op of one input, with PyTorch's numbers: y = op(x); y.backward(seed(y)).
struct RecordedOp {
  const char* name;
  std::function<Tensor(const Tensor&)> op;
  Tensor input;
  std::vector<double> output, gradient;
};
inline void expect_recorded(const std::vector<RecordedOp>& rows) {
  for (const RecordedOp& row : rows) {
    SCOPED_TRACE(row.name);
    const Derivatives d = differentiate([&](const auto& x) { return row.op(x[0]); }, {row.input});
    expect_numbers(d.output, row.output);
    expect_numbers(d.gradients[0], row.gradient);
  }
}

/// max |a - b| / max |b|.
inline double relative_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = numbers(a), y = numbers(b);
  EXPECT_EQ(x.size(), y.size());
  double difference = 0, largest = 1e-30;
  for (size_t i = 0; i < x.size(); ++i) {
    difference = std::max(difference, std::isfinite(x[i]) ? std::abs(x[i] - y[i]) : HUGE_VAL);
    largest = std::max(largest, std::abs(y[i]));
  }
  return difference / largest;
}

/// Checks that `op` in f32 (c64 for complex inputs) gives the output and the gradients that it
/// gives in f64 (c128).
inline void expect_f32_like_f64(const std::function<Tensor(const std::vector<Tensor>&)>& op,
                                const std::vector<Tensor>& inputs, double tolerance = 2e-6) {
  std::vector<Tensor> narrow;
  for (const Tensor& input : inputs)
    narrow.push_back(input.to(is_complex(input.dtype()) ? DType::c64 : DType::f32));
  const Derivatives fast = differentiate(op, narrow), exact = differentiate(op, inputs);
  EXPECT_EQ(real_of(fast.output.dtype()), DType::f32);
  EXPECT_EQ(is_complex(fast.output.dtype()), is_complex(exact.output.dtype()));
  EXPECT_EQ(fast.output.shape(), exact.output.shape());
  EXPECT_LT(relative_difference(fast.output, exact.output), tolerance) << "output";
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_LT(relative_difference(fast.gradients[i], exact.gradients[i]), tolerance)
        << "gradient of input " << i;
}

/// Checks that `body` throws Error with all of `parts` in its message.
inline void expect_error(const std::function<void()>& body, const std::vector<std::string>& parts) {
  try {
    body();
    ADD_FAILURE() << "no Error was thrown";
  } catch (const Error& error) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << error.what();
  }
}

}  // namespace papilio
