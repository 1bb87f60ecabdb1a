#include "papilio/layers/kronecker.h"

#include <utility>

#include "papilio/core/config_size.h"

namespace papilio {
namespace {

using Part = Kronecker::Part;

const StructuredLinear& checked(const Part& part) {
  check(part != nullptr, "kronecker: a part is a null pointer");
  check(!part->bias().defined(), "kronecker: ", part->describe(), " has a bias; make it without");
  return *part;
}

int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  check(!__builtin_mul_overflow(a, b, &result) && result <= kMostSize, "kronecker: ", a, " times ",
        b, " features; at most ", kMostSize, " are supported");
  return result;
}

// y = x[index] is [columns, rows] of an x that is [rows, columns].
Tensor transposition(int64_t rows, int64_t columns) {
  Tensor index({product(rows, columns)}, DType::i64);
  auto* next = index.mutable_data<int64_t>();
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) *next++ = i * columns + j;
  return index;
}

std::string text_of(const Part& part, int64_t size) {
  return part ? part->describe() : concat("I(", size, ")");
}

}  // namespace

Kronecker::Kronecker(Part left, Part right, Axis a, Axis b)
    : StructuredLinear("kronecker", product(a.in, b.in), product(a.out, b.out), false,
                       (left ? left : right)->dtype(), Rng(0)),
      a_(a),
      b_(b),
      left_(std::move(left)),
      right_(std::move(right)) {
  check(a.in >= 1 && b.in >= 1, "kronecker: an identity of size ", left_ ? b.in : a.in);
  check(!left_ || !right_ || left_->dtype() == right_->dtype(), "kronecker: ", text_of(left_, a.in),
        " is ", left_ ? left_->dtype() : dtype_, ", ", text_of(right_, b.in), " is ",
        right_ ? right_->dtype() : dtype_, "; give both one dtype");
  if (!left_) return;
  to_columns_ = transposition(a.in, b.out);
  to_rows_ = transposition(b.out, a.out);
}

Kronecker::Kronecker(Part left, Part right)
    : Kronecker(std::move(left), std::move(right),
                Axis{checked(left).in_features(), checked(left).out_features()},
                Axis{checked(right).in_features(), checked(right).out_features()}) {}

Kronecker::Kronecker(Part left, int64_t right)
    : Kronecker(std::move(left), nullptr,
                Axis{checked(left).in_features(), checked(left).out_features()},
                Axis{right, right}) {}

Kronecker::Kronecker(int64_t left, Part right)
    : Kronecker(nullptr, std::move(right), Axis{left, left},
                Axis{checked(right).in_features(), checked(right).out_features()}) {}

Tensor Kronecker::multiply(const Tensor& x) {
  const int64_t rows = x.numel() / in_features_;
  Tensor y = x;
  if (right_) y = right_->multiply(reshape(y, {rows * a_.in, b_.in}));
  if (left_) {
    y = gather(reshape(y, {rows, a_.in * b_.out}), to_columns_);
    y = left_->multiply(reshape(y, {rows * b_.out, a_.in}));
    y = gather(reshape(y, {rows, b_.out * a_.out}), to_rows_);
  }
  return reshape(y, x.shape().with(-1, out_features_));
}

int64_t Kronecker::flops_per_row() const {
  return (right_ ? right_->cost({a_.in, b_.in}).flops : 0) +
         (left_ ? left_->cost({b_.out, a_.in}).flops : 0);
}

std::string Kronecker::describe() const {
  return described("Kronecker", {text_of(left_, a_.in), text_of(right_, b_.in)});
}

Config Kronecker::config() const {
  Config config = base_config();
  config["left"] = left_ ? left_->config() : Config(a_.in);
  config["right"] = right_ ? right_->config() : Config(b_.in);
  return config;
}

}  // namespace papilio
