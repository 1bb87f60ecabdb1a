#include "papilio/data/dataset.h"

#include <algorithm>
#include <cmath>

#include "papilio/core/random.h"

namespace papilio::data {

std::string_view text(Split split) { return split == Split::train ? "train" : "test"; }

void AnyDataset::check_index(int64_t i) const {
  check(i >= 0 && i < size(), info().name, ": there is no example ", i, "; it has ", size());
}

Example AnyDataset::get(int64_t i) const {
  check_index(i);
  return model_->get(i);
}

int64_t AnyDataset::copy_to(int64_t i, float* pixels) const {
  check_index(i);
  return model_->copy_to(i, pixels);
}

int64_t AnyDataset::draw(int64_t i, Rng key, float* pixels) const {
  check_index(i);
  return model_->draw(i, key, pixels);
}

int64_t AnyDataset::copy(const Example& example, float* pixels) {
  const auto source = example.image.span<float>();
  std::copy(source.begin(), source.end(), pixels);
  return example.label;
}

Subset::Subset(AnyDataset all, std::vector<int64_t> indices)
    : all_(std::move(all)), indices_(std::move(indices)) {
  for (const int64_t i : indices_)
    check(i >= 0 && i < all_.size(), "subset: there is no example ", i, " in ", all_.info().name,
          ", which has ", all_.size());
}

std::pair<AnyDataset, AnyDataset> split_validation(const AnyDataset& all, double fraction,
                                                   uint64_t seed) {
  check(fraction >= 0 && fraction < 1, "split_validation: fraction is ", fraction,
        ", it must be at least 0 and less than 1");
  const auto count = std::llround(fraction * static_cast<double>(all.size()));
  check(count < all.size(), "split_validation: ", count, " of the ", all.size(), " examples of ",
        all.info().name, " would be for validation and none to train on; take a smaller fraction");
  std::vector<int64_t> validation = Rng(seed).split("validation").permutation(all.size());
  std::vector<int64_t> train(validation.begin() + count, validation.end());
  validation.resize(static_cast<size_t>(count));
  std::sort(train.begin(), train.end());
  std::sort(validation.begin(), validation.end());
  return {Subset(all, std::move(train)), Subset(all, std::move(validation))};
}

}  // namespace papilio::data
