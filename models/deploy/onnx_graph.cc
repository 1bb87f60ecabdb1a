#include "papilio/models/deploy/onnx_graph.h"

#include <bit>
#include <cmath>

#include "papilio/core/error.h"
#include "papilio/core/system.h"

namespace papilio::models {
namespace {

static_assert(std::endian::native == std::endian::little, "constants are written as they are");

constexpr int kFloat = 1, kInt64 = 7;  // TensorProto.DataType

// A protobuf message: fields one after the other, each a varint with its number and wire type,
// then a varint, four bytes, or a length and so many bytes.
class Message {
 public:
  Message& number(int field, int64_t value) {
    varint(static_cast<uint64_t>(field) << 3);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& real(int field, float value) {
    varint(static_cast<uint64_t>(field) << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    varint(static_cast<uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  const std::string& text() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

Message attribute(const OnnxGraph::Attribute& a) {
  Message message;
  message.bytes(1, a.first);
  if (const auto* i = std::get_if<int64_t>(&a.second)) {
    message.number(3, *i).number(20, 2);
  } else if (const auto* f = std::get_if<float>(&a.second)) {
    message.real(2, *f).number(20, 1);
  } else {
    for (const int64_t value : std::get<OnnxGraph::Ints>(a.second)) message.number(8, value);
    message.number(20, 7);
  }
  return message;
}

// ValueInfoProto: f32 [batch, shape...]
Message value(const std::string& name, const Shape& shape) {
  Message sizes;
  sizes.message(1, Message().bytes(2, "batch"));
  for (const int64_t size : shape) sizes.message(1, Message().number(1, size));
  const Message tensor = Message().number(1, kFloat).message(2, sizes);
  return Message().bytes(1, name).message(2, Message().message(1, tensor));
}

}  // namespace

std::string OnnxGraph::unique(const std::string& name) {
  return concat(scope_, scope_.empty() ? "" : ".", name, ".", ++names_);
}

std::string OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                            const std::vector<Attribute>& attributes) {
  std::string output = unique(op);
  Message node;
  for (const std::string& input : inputs) node.bytes(1, input);
  node.bytes(2, output).bytes(3, output).bytes(4, op);
  for (const Attribute& a : attributes) node.message(5, attribute(a));
  nodes_ += Message().message(1, node).text();
  return output;
}

void OnnxGraph::initializer(const std::string& name, const Shape& shape, int type, const void* data,
                            size_t bytes) {
  Message tensor;
  for (const int64_t size : shape) tensor.number(1, size);
  tensor.number(2, type).bytes(8, name).bytes(9, {static_cast<const char*>(data), bytes});
  initializers_ += Message().message(5, tensor).text();
}

std::string OnnxGraph::constant(const std::string& name, const Tensor& values) {
  std::vector<double> numbers;
  dispatch_real(values.dtype(), "export to onnx", [&]<class T>() {
    for (const T value : values.span<T>()) numbers.push_back(value);
  });
  return constant(name, values.shape(), numbers);
}

std::string OnnxGraph::constant(const std::string& name, const Shape& shape,
                                const std::vector<double>& values) {
  std::vector<float> narrow;
  for (const double value : values) {
    narrow.push_back(static_cast<float>(value));
    check(std::isfinite(narrow.back()), "export to onnx: ", scope_, ".", name, " has the number ",
          value, ", which no float holds; nothing is written");
  }
  std::string identifier = unique(name);
  initializer(identifier, shape, kFloat, narrow.data(), narrow.size() * sizeof(float));
  bytes_ += static_cast<int64_t>(narrow.size() * sizeof(float));
  return identifier;
}

std::string OnnxGraph::constant(const std::string& name, const Ints& values) {
  std::string identifier = unique(name);
  initializer(identifier, {static_cast<int64_t>(values.size())}, kInt64, values.data(),
              values.size() * sizeof(int64_t));
  bytes_ += static_cast<int64_t>(values.size() * sizeof(int64_t));
  return identifier;
}

std::string OnnxGraph::reshape(const std::string& x, const Ints& shape) {
  return node("Reshape", {x, constant("shape", shape)});
}

std::string OnnxGraph::transpose(const std::string& x, const Ints& permutation) {
  return node("Transpose", {x}, {{"perm", permutation}});
}

std::string OnnxGraph::file(const std::string& description, const Shape& input,
                            const Shape& output_shape, const std::string& output) {
  const Message last = Message().bytes(1, output).bytes(2, "y").bytes(3, "y").bytes(4, "Identity");
  nodes_ += Message().message(1, last).text();
  Message graph;
  graph.bytes(2, description);
  // Messages may be cut between their fields.
  const std::string body = nodes_ + graph.text() + initializers_ +
                           Message().message(11, value("x", input)).text() +
                           Message().message(12, value("y", output_shape)).text();
  return Message()
      .number(1, 7)
      .bytes(2, "Papilio")
      .bytes(3, system_info().version)
      .bytes(7, body)
      .message(8, Message().bytes(1, "").number(2, kOpset))
      .text();
}

}  // namespace papilio::models
