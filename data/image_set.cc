#include "papilio/data/image_set.h"

#include <algorithm>
#include <utility>

namespace papilio::data {

// Either levels or pixels hold the images.
struct ImageSet::State {
  DatasetInfo info;
  Shape shape;
  std::vector<int64_t> labels;
  std::vector<uint8_t> levels = {};
  Tensor pixels = {};
};

namespace {

void check_labels(const DatasetInfo& info, const std::vector<int64_t>& labels) {
  const auto classes = static_cast<int64_t>(info.classes.size());
  for (size_t i = 0; i < labels.size(); ++i)
    check(labels[i] >= 0 && (classes == 0 || labels[i] < classes), info.name, ": example ", i,
          " has the label ", labels[i], ", there are ", classes, " classes");
}

}  // namespace

ImageSet::ImageSet(State state) {
  const auto count = static_cast<int64_t>(state.labels.size());
  const auto values =
      state.pixels.defined() ? state.pixels.numel() : static_cast<int64_t>(state.levels.size());
  check(count > 0, state.info.name, ": it is empty; at least one image is needed");
  check(state.shape.rank() == 3 && state.shape.numel() > 0, state.info.name, ": images are ",
        state.shape, ", [height, width, channels] above zero are needed");
  check(values == count * state.shape.numel(), state.info.name, ": ", values, " values given for ",
        count, " labels and images of ", state.shape, ", which need ", count * state.shape.numel());
  check_labels(state.info, state.labels);
  if (state.info.input.is_null()) state.info.input = input_contract(state.shape);
  state_ = std::make_shared<const State>(std::move(state));
}

ImageSet::ImageSet(DatasetInfo info, const Shape& shape, std::vector<uint8_t> levels,
                   std::vector<int64_t> labels)
    : ImageSet(State{.info = std::move(info),
                     .shape = shape,
                     .labels = std::move(labels),
                     .levels = std::move(levels)}) {}

ImageSet::ImageSet(DatasetInfo info, Tensor pixels, std::vector<int64_t> labels)
    : ImageSet([&] {
        check(pixels.dtype() == DType::f32 && pixels.rank() == 4, info.name, ": pixels are ",
              pixels, ", f32 [count, height, width, channels] is needed");
        const Shape shape{pixels.dim(1), pixels.dim(2), pixels.dim(3)};
        return State{.info = std::move(info),
                     .shape = shape,
                     .labels = std::move(labels),
                     .pixels = std::move(pixels)};
      }()) {}

int64_t ImageSet::size() const { return static_cast<int64_t>(state_->labels.size()); }
const DatasetInfo& ImageSet::info() const { return state_->info; }
Shape ImageSet::image_shape() const { return state_->shape; }

int64_t ImageSet::label(int64_t i) const {
  check(i >= 0 && i < size(), state_->info.name, ": there is no example ", i, "; it has ", size());
  return state_->labels[static_cast<size_t>(i)];
}

Example ImageSet::get(int64_t i) const {
  Tensor image(state_->shape);
  const int64_t label = copy_to(i, image.mutable_data<float>());
  return {std::move(image), label};
}

int64_t ImageSet::copy_to(int64_t i, float* pixels) const {
  const int64_t found = label(i), features = state_->shape.numel();
  if (state_->pixels.defined()) {
    std::copy_n(state_->pixels.data<float>() + i * features, features, pixels);
  } else {
    const uint8_t* levels = state_->levels.data() + i * features;
    for (int64_t k = 0; k < features; ++k) pixels[k] = static_cast<float>(levels[k]) / 255.0f;
  }
  return found;
}

Config input_contract(const Shape& shape, int64_t pad) {
  return {{"height", shape[0]},
          {"width", shape[1]},
          {"channels", shape[2]},
          {"grayscale", shape[2] == 1},
          {"pad", pad}};
}

}  // namespace papilio::data
