// Checkpoint: a model's tensors and what is known about it, in one safetensors file.
//
// The file has one metadata key, "papilio", that holds a JSON text:
//   {"format": 1, "model": {"name": ..., "config": ...}, "input": ..., "classes": [names],
//   "complex": [names], "frozen": [names], "replaced": {path: config}, "training": ...}
// Complex tensors are stored as real ones with a last axis of 2, and listed under "complex".
// On request, and never in a run, twiddles are stored in their frozen form, half of the numbers,
// and listed under "frozen"; the format is then 2. Reading makes twiddles of them again.
// Dense layers that were replaced by others (Linear::replace()) are listed under "replaced"; the
// format is then 3.
// Optimizer state and the like stand beside the model's tensors under names that begin with
// "training/"; only a run's last.safetensors has them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "papilio/layers/module.h"

namespace papilio {

struct SaveOptions {
  bool frozen = false;  ///< see models::freeze(); a twiddle that has no such form gets a warning
};

/// Writes the model's parameters and buffers under their paths, with its registered name, config()
/// and input(). The file is whole or not there: an older one survives a failure. A model that is
/// not registered saves its weights.
void save(Module& model, const std::string& path, const SaveOptions& options = {});

/// Fills the parameters and buffers of `model` from a checkpoint or any safetensors file with the
/// same names. Throws Error that lists every tensor that is missing, extra, or of another shape or
/// dtype; the model is then unchanged.
void load(Module& model, const std::string& path);

namespace models {

struct Checkpoint {
  using Tensors = std::vector<std::pair<std::string, Tensor>>;

  std::string model;  ///< registered name; empty when the model has none
  Config config;      ///< of the model
  Config input;       ///< what one example looks like: Module::input() or the training data's
  std::vector<std::string> classes;  ///< what the logits stand for, by label; empty: unknown
  Config training;                   ///< state of the run, null when the file is not part of one
  Tensors tensors;                   ///< the model's, complex ones as such
  Tensors state;                     ///< the training's, without the prefix
  std::vector<std::string> frozen;   ///< those of `tensors` that the file holds in the frozen form
  /// What stands in the place of dense layers: path and config(), as make_structured() takes it.
  std::vector<std::pair<std::string, Config>> replaced = {};
};

/// The model as it is now. The tensors share the model's storage.
Checkpoint snapshot(Module& model);
/// The inverse, of a model whose dense layers are replaced in the same way; `file` stands for the
/// source in messages. Throws Error as load() does.
void restore(Module& model, const Checkpoint& checkpoint, const std::string& file);

/// Replaces the twiddles of `checkpoint`, which is of `model`, by twiddles of the same matrices to
/// rounding that have a frozen form, and adds their names to `frozen`: in the file they are (log2 n
/// nblocks + 1) n numbers for each stack instead of 2 log2 n nblocks n. restore() balances them
/// again, without rounding, so that they can be trained as before. Which parameters are untied
/// twiddles their hints say; tied ones and angles are smaller already. Returns the names of the
/// twiddles that have no such form, because a scaling would leave the range of the dtype; they stay
/// as they are.
std::vector<std::string> freeze(Checkpoint& checkpoint, Module& model);

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// Also reads safetensors files without our metadata: those have tensors only. Throws Error that
/// names the file and what is wrong, also for a format newer than this library's.
Checkpoint read_checkpoint(const std::string& path);
/// The same from memory; `name` stands for the file in messages.
Checkpoint parse_checkpoint(std::span<const std::byte> bytes, const std::string& name);

/// Puts what the checkpoint says into the places of the model's dense layers: then restore() fits.
/// Throws Error that names a layer that the model doesn't have.
void replace_layers(Module& model, const Checkpoint& checkpoint);
/// Makes the model that the checkpoint names, replaces its dense layers as the checkpoint says, and
/// fills it; `file` stands for the source in messages. Throws Error that lists the registered
/// models when the checkpoint's is not one of them, and one that names the sizes when the model
/// would take far more memory than the tensors of the checkpoint bear out; that memory is not asked
/// for.
std::unique_ptr<Module> rebuild(const Checkpoint& checkpoint, const std::string& file);
/// rebuild() of what the file holds. Throws Error that lists the registered models
/// when the file's is not one of them.
std::unique_ptr<Module> load(const std::string& path);

}  // namespace models
}  // namespace papilio
