#include "papilio/layers/bpbp.h"

#include <algorithm>
#include <vector>

#include "papilio/layers/butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/twiddle.h"

namespace papilio {
namespace {

// An increasing butterfly between two bit reversals is a decreasing one whose factors have their
// pairs in bit-reversed order (Dao et al. 2020, Lemma G.4). So the whole layer is a butterfly of
// two blocks, decreasing then increasing, and no element of x has to be moved.
Tensor untied_entries(int64_t n) {
  const int64_t factors = log2_exact(n), pairs = n / 2;
  Tensor entries({2 * factors * pairs * 4}, DType::i64);
  auto* next = entries.mutable_data<int64_t>();
  const std::vector<int64_t> reversed = pairs > 0 ? bit_reversal(pairs) : std::vector<int64_t>();
  for (int64_t block = 0; block < 2; ++block)
    for (int64_t k = 0; k < factors; ++k)
      for (int64_t i = 0; i < pairs; ++i) {
        const int64_t stride = int64_t{1} << k;
        const int64_t pair = block == 0 ? reversed[static_cast<size_t>(i)] : i;
        const int64_t row = block * (n - 1) + stride - 1 + pair % stride;
        for (int64_t e = 0; e < 4; ++e) *next++ = row * 4 + e;
      }
  return entries;
}

}  // namespace

Bpbp::Bpbp(int64_t in_features, int64_t out_features, const BpbpOptions& options, Rng rng)
    : StructuredLinear("bpbp", in_features, out_features, options.bias, options.dtype, rng),
      n_(butterfly_size(std::max(in_features, out_features))),
      index_(untied_entries(n_)) {
  check(is_real(dtype_), "bpbp: dtype ", dtype_,
        ", but its input is real; set complex = true for complex twiddles");
  check(options.init != "fft" && options.init != "ifft", "bpbp: unknown init '", options.init,
        "'; the names are randn, ortho, identity");
  twiddle_ = Parameter(
      initial_twiddle(options.init, 1, 2, n_, true, true,
                      options.complex ? complex_of(dtype_) : dtype_, rng.split("twiddle")),
      {.weight_decay = false, .structured = true, .rows_axis = 3});
  if (bias_.defined()) bias_.mutable_value().assign(Tensor::zeros({out_features}, dtype_));
}

Tensor Bpbp::untied_twiddle() const {
  return untied_.get({twiddle_}, [this] {
    const Tensor flat = reshape(twiddle_, {twiddle_.value().numel()});
    return reshape(gather(flat, index_), twiddle_shape(1, 2, n_, false));
  });
}

Tensor Bpbp::multiply(const Tensor& x) {
  const Tensor untied = untied_twiddle();
  if (is_real(untied.dtype())) return butterfly_multiply(x, untied, n_, false, out_features_);
  return real(butterfly_multiply(complex(x), untied, n_, false, out_features_));
}

std::unique_ptr<StructuredLinear> Bpbp::with_scaled_input(const Tensor& d) const {
  if (n_ == 1 || is_complex(twiddle_.value().dtype())) return nullptr;
  return std::make_unique<Butterfly>(Butterfly::from_twiddle(
      in_features_, out_features_, scaled_columns(untied_twiddle(), false, d), false));
}

Tensor Bpbp::apply(const Tensor& x) {
  if (is_complex(twiddle_.value().dtype())) return finish(multiply(x));
  return butterfly_multiply(x, untied_twiddle(), n_, false, out_features_, bias_or_none(),
                            activation_);
}

int64_t Bpbp::flops_per_row() const { return 2 * block_flops(n_, twiddle_.value().dtype()); }

Config Bpbp::config() const {
  Config config = base_config();
  config["complex"] = is_complex(twiddle_.value().dtype());
  return config;
}

std::string Bpbp::describe() const {
  return described("Bpbp", is_complex(twiddle_.value().dtype()) ? "complex" : "");
}

}  // namespace papilio
