#include "papilio/core/tape.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>

#include "papilio/core/accumulate.h"
#include "papilio/core/parameter_state.h"
#include "papilio/core/tensor_state.h"

namespace papilio {
namespace {

struct Record {
  const char* op;
  int32_t output;
  std::vector<int32_t> inputs;  // slots; -1 where no gradient is wanted
  Backward backward;
};

// A tensor that ops read but did not make: nobody may write it before backward() is through.
struct Constant {
  Tensor tensor;
  uint64_t version;
};

std::mutex live_mutex;
std::set<uint64_t> live_tapes;
uint64_t last_tape = 0;

bool is_live(uint64_t tape) {
  const std::lock_guard lock(live_mutex);
  return live_tapes.contains(tape);
}

}  // namespace

class TapeState {
 public:
  uint64_t id = 0;
  TapeState* outer = nullptr;
  bool used = false;
  std::vector<Record> records;
  std::vector<Tensor> gradients;  // by slot
  std::vector<Shape> shapes;      // by slot
  std::vector<DType> dtypes;      // by slot
  std::vector<std::pair<int32_t, Parameter>> parameters;
  std::unordered_map<const void*, int32_t> slots;  // of parameters and watched tensors
  std::vector<Constant> constants;

  int32_t new_slot(const Tensor& tensor) {
    gradients.emplace_back();
    shapes.push_back(tensor.shape());
    dtypes.push_back(tensor.dtype());
    return static_cast<int32_t>(gradients.size()) - 1;
  }
};

namespace {

thread_local TapeState* current = nullptr;

// The live trainable parameter whose value `tensor` is, or null.
std::shared_ptr<detail::ParameterState> trained(const Tensor& tensor) {
  auto parameter = tensor.state()->parameter.lock();
  return parameter && !parameter->frozen ? parameter : nullptr;
}

bool wants_gradient(const TapeState& tape, const Tensor& input) {
  if (!input.defined()) return false;
  const uint64_t owner = input.state()->tape;
  if (owner == tape.id) return true;
  check(owner == 0 || !is_live(owner), "tape: an input ", input,
        " was recorded by another live tape; detach() it or finish that tape first");
  return trained(input) != nullptr;
}

}  // namespace

void InputGradients::add(size_t i, Tensor gradient) {
  const int32_t slot = slots_[i];
  if (slot < 0) return;
  const auto s = static_cast<size_t>(slot);
  check(gradient.shape() == tape_.shapes[s] && gradient.dtype() == tape_.dtypes[s], op_,
        ": its backward gave a gradient of ", gradient, " for input ", i, ", which is ",
        tape_.shapes[s], " ", tape_.dtypes[s]);
  detail::accumulate(tape_.gradients[s], std::move(gradient));
}

Tensor InputGradients::take(size_t i) {
  const int32_t slot = slots_[i];
  return slot < 0 ? Tensor() : std::exchange(tape_.gradients[static_cast<size_t>(slot)], {});
}

Tensor InputGradients::in_place_of(const Tensor& output_gradient) {
  return output_gradient.unique() ? output_gradient
                                  : Tensor(output_gradient.shape(), output_gradient.dtype());
}

Tape::Tape() : state_(std::make_unique<TapeState>()) {
  const std::lock_guard lock(live_mutex);
  state_->id = ++last_tape;
  live_tapes.insert(state_->id);
  state_->outer = std::exchange(current, state_.get());
}

Tape::~Tape() {
  current = state_->outer;
  const std::lock_guard lock(live_mutex);
  live_tapes.erase(state_->id);
}

bool Tape::recording() { return current != nullptr; }

std::vector<std::string_view> Tape::ops() const {
  std::vector<std::string_view> names;
  for (const Record& record : state_->records) names.emplace_back(record.op);
  return names;
}

Tensor Tape::watch(const Tensor& input) {
  Tensor watched = input.detach();
  watched.state()->tape = state_->id;
  watched.state()->slot = state_->new_slot(watched);
  return watched;
}

Tensor Tape::gradient(const Tensor& watched) const {
  check(watched.defined() && watched.state()->tape == state_->id,
        "tape: gradient() of a tensor that this tape does not watch");
  return state_->gradients[static_cast<size_t>(watched.state()->slot)];
}

void Tape::backward(const Tensor& loss) {
  check(loss.numel() == 1 && is_real(loss.dtype()), "backward: the loss is ", loss,
        ", expected one real number; reduce it with mean() or sum(), or give a seed gradient");
  backward(loss, Tensor::full(loss.shape(), 1, loss.dtype()));
}

void Tape::backward(const Tensor& output, const Tensor& seed) {
  TapeState& tape = *state_;
  check(!tape.used, "backward: a tape is used once; open a new one for every step");
  check(output.defined() && output.state()->tape == tape.id,
        "backward: this tape did not record the output; it depends on no parameter, or was "
        "computed before the tape or under another one");
  check(seed.defined() && seed.shape() == output.shape() && seed.dtype() == output.dtype(),
        "backward: the seed gradient is ", seed, ", the output ", output);
  for (const Constant& constant : tape.constants)
    check(constant.tensor.version() == constant.version, "backward: a tensor ", constant.tensor,
          " was written after the tape read it; call backward() before the optimizer's step()");
  tape.used = true;
  const NoTape guard;  // backward functions call ops

  tape.gradients[static_cast<size_t>(output.state()->slot)] = seed;
  for (; !tape.records.empty(); tape.records.pop_back()) {
    const Record& record = tape.records.back();
    const Tensor gradient = std::move(tape.gradients[static_cast<size_t>(record.output)]);
    if (!gradient.defined()) continue;
    InputGradients inputs(record.inputs, tape, record.op);
    record.backward(gradient, inputs);
  }
  for (auto& [slot, parameter] : tape.parameters)
    if (Tensor& gradient = tape.gradients[static_cast<size_t>(slot)]; gradient.defined())
      parameter.accumulate(std::move(gradient));
}

NoTape::NoTape() : suspended_(std::exchange(current, nullptr)) {}
NoTape::~NoTape() { current = suspended_; }

bool recorded(std::span<const Tensor* const> inputs) {
  if (!current) return false;
  bool wanted = false;
  for (const Tensor* input : inputs) wanted |= wants_gradient(*current, *input);
  return wanted;
}

void record_op(const char* op, Tensor& output, std::span<const Tensor* const> inputs,
               Backward backward) {
  TapeState& tape = *current;
  check(!tape.used, op, ": recorded on a tape whose backward() has run; open a new one");
  Record record{.op = op, .output = 0, .inputs = {}, .backward = std::move(backward)};
  for (const Tensor* input : inputs) {
    int32_t slot = -1;
    if (input->defined()) {
      const detail::TensorState& state = *input->state();
      if (state.tape == tape.id) {
        slot = state.slot;
      } else {
        const void* storage = state.storage.get();
        const auto [entry, is_new] = tape.slots.try_emplace(
            state.parameter.lock() ? static_cast<const void*>(state.parameter.lock().get())
                                   : storage,
            -1);
        if (is_new) {
          tape.constants.push_back({*input, input->version()});
          if (auto parameter = trained(*input)) {
            entry->second = tape.new_slot(*input);
            tape.parameters.emplace_back(entry->second, Parameter(std::move(parameter)));
          }
        }
        slot = entry->second;
      }
    }
    record.inputs.push_back(slot);
  }
  record.output = tape.new_slot(output);
  output.state()->tape = tape.id;
  output.state()->slot = record.output;
  tape.records.push_back(std::move(record));
}

}  // namespace papilio
