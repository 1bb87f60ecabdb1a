// The forms that `export` writes a model in: each is a function and a row of the table in
// export.cc.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "papilio/models/checkpoint.h"

namespace papilio::apps {

struct ExportSource {
  std::string file;  ///< its path
  models::Checkpoint checkpoint;
  std::unique_ptr<Module> model;  ///< that the checkpoint holds
  bool frozen = false;            ///< twiddles in their frozen form, where a form has the choice
};

/// Writes the file `to`, and the report for people to `text`; returns the report for --json.
using Exporter = Config (*)(const ExportSource& source, const std::string& to, std::ostream& text);

/// A checkpoint with its twiddles in their frozen form. Throws Error, and writes nothing, when
/// there are none to freeze, and when the model's output would change by more than rounding.
Config export_frozen(const ExportSource& source, const std::string& to, std::ostream& text);
/// A C99 source file; see models::c_source().
Config export_c(const ExportSource& source, const std::string& to, std::ostream& text);
/// An ONNX file; see models::onnx_file().
Config export_onnx(const ExportSource& source, const std::string& to, std::ostream& text);

}  // namespace papilio::apps
