// An ONNX graph that is being written: nodes, constants, and the file of it. Internal to models.
//
// The file is a protobuf message of type ModelProto (onnx.proto of the ONNX project, IR version 7);
// the writer knows the few fields that are needed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "papilio/core/shape.h"
#include "papilio/core/tensor.h"

namespace papilio::models {

class OnnxGraph {
 public:
  using Ints = std::vector<int64_t>;
  using Attribute = std::pair<std::string, std::variant<int64_t, float, Ints>>;

  static constexpr int64_t kOpset = 13;

  /// What the names of nodes and constants begin with from now on: the path of a layer.
  void scope(const std::string& layer) { scope_ = layer; }
  /// Appends a node with one output and returns its name.
  std::string node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {});
  /// Constants: f32 from real numbers of any dtype, and i64. They return their names.
  std::string constant(const std::string& name, const Tensor& values);
  std::string constant(const std::string& name, const Shape& shape,
                       const std::vector<double>& values);
  std::string constant(const std::string& name, const Ints& values);
  /// Bytes of the constants so far.
  int64_t bytes() const { return bytes_; }

  /// x under another shape, -1 standing for the batch.
  std::string reshape(const std::string& x, const Ints& shape);
  std::string transpose(const std::string& x, const Ints& permutation);

  /// The file, with input "x" and output "y" of f32 [batch, ...]; y is the value `output`.
  std::string file(const std::string& description, const Shape& input, const Shape& output_shape,
                   const std::string& output);

 private:
  std::string unique(const std::string& name);
  void initializer(const std::string& name, const Shape& shape, int type, const void* data,
                   size_t bytes);

  std::string nodes_, initializers_, scope_;
  int64_t names_ = 0, bytes_ = 0;
};

}  // namespace papilio::models
