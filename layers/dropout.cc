#include "papilio/layers/dropout.h"

namespace papilio {

Dropout::Dropout(double probability, Rng rng)
    : probability_(probability), rng_(rng), calls_(Tensor::zeros({1}, DType::i64)) {
  check(probability >= 0 && probability < 1, "dropout: probability ", probability,
        "; it must be at least 0 and below 1");
}

Tensor Dropout::forward(const Tensor& x) {
  if (!Tape::recording()) return x;
  const int64_t call = calls_.mutable_data<int64_t>()[0]++;
  return dropout(x, probability_, rng_.split(static_cast<uint64_t>(call)));
}

std::string Dropout::describe() const { return concat("Dropout(", probability_, ")"); }

}  // namespace papilio
