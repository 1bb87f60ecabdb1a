#include "papilio/core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "papilio/core/config.h"
#include "papilio/core/file.h"

namespace papilio {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kMetadata = "__metadata__";
constexpr size_t kAlignment = 64;
constexpr uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation

float from_half(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 31,
                 fraction = bits & 1023;
  if (exponent == 0) return (sign ? -1.0f : 1.0f) * std::ldexp(static_cast<float>(fraction), -24);
  const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}
float from_bfloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
int64_t from_int32(int32_t value) { return value; }

void copy(const std::byte* in, Tensor& out) {
  std::memcpy(out.mutable_raw(), in, static_cast<size_t>(out.bytes()));
}

template <class In, class Out, Out (*convert)(In)>
void decode(const std::byte* in, Tensor& out) {
  Out* values = out.mutable_data<Out>();
  for (int64_t i = 0, n = out.numel(); i < n; ++i, in += sizeof(In)) {
    In value;
    std::memcpy(&value, in, sizeof value);
    values[i] = convert(value);
  }
}

struct Format {
  std::string_view name;
  int64_t size;
  DType dtype;  ///< in memory
  void (*decode)(const std::byte* in, Tensor& out);
};
// The first of a dtype is the one it is written in.
constexpr Format kFormats[] = {
    {"F64", 8, DType::f64, copy},
    {"F32", 4, DType::f32, copy},
    {"I64", 8, DType::i64, copy},
    {"F16", 2, DType::f32, decode<uint16_t, float, from_half>},
    {"BF16", 2, DType::f32, decode<uint16_t, float, from_bfloat>},
    {"I32", 4, DType::i64, decode<int32_t, int64_t, from_int32>},
};

const Format& format_of(DType dtype) {
  for (const Format& format : kFormats)
    if (format.dtype == dtype) return format;
  fail("dtype ", dtype,
       " can't be stored; store complex numbers as real ones with a last axis of 2");
}

const Format& format_named(const std::string& name) {
  std::string valid;
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
    valid.append(valid.empty() ? "" : ", ").append(format.name);
  }
  fail("dtype ", name, " is not supported; convert it to one of ", valid);
}

struct Entry {
  std::string name;
  const Format* format;
  Shape shape;
  int64_t begin, end;  ///< bytes, from the start of the data
};

// Prefixes the error of `body` with what it is about.
template <class Body>
auto about(const std::string& what, Body body) {
  try {
    return body();
  } catch (const Error& error) {
    fail(what, ": ", error.message());
  }
}

Entry parse_entry(const std::string& name, const Config& fields) {
  fields.expect_keys({"dtype", "shape", "data_offsets"}, "header");
  std::vector<int64_t> sizes;
  for (const Config& size : fields.at("shape").as_array()) sizes.push_back(size.as_int());
  const Config::Array& offsets = fields.at("data_offsets").as_array();
  check(offsets.size() == 2, "data_offsets has ", offsets.size(), " numbers, expected 2");
  Entry entry{name, &format_named(fields.at("dtype").as_string()), Shape(sizes),
              offsets[0].as_int(), offsets[1].as_int()};

  int64_t needed = 0, held = 0;
  const bool fits = !__builtin_mul_overflow(entry.shape.numel(), entry.format->size, &needed) &&
                    !__builtin_sub_overflow(entry.end, entry.begin, &held) && entry.begin >= 0;
  check(fits && held == needed, "data_offsets [", entry.begin, ", ", entry.end, "] do not hold ",
        entry.format->name, " ", entry.shape);
  return entry;
}

// Entries cover the data without gap or overlap.
void check_cover(const std::vector<Entry>& entries, int64_t size) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  int64_t position = 0;
  for (const Entry* entry : order) {
    check(entry->begin == position, "tensor '", entry->name, "' begins at byte ", entry->begin,
          " of the data, expected ", position, ": the tensors ",
          entry->begin < position ? "overlap" : "leave a gap");
    position = entry->end;
  }
  check(position <= size, "truncated: the tensors take ", position, " bytes, the file has ", size);
  check(position == size, size - position, " bytes follow the last tensor");
}

Safetensors parse(std::span<const std::byte> bytes) {
  uint64_t length = 0;
  check(bytes.size() >= sizeof length, "truncated: ", bytes.size(),
        " bytes, the header length takes 8");
  std::memcpy(&length, bytes.data(), sizeof length);
  bytes = bytes.subspan(sizeof length);
  check(length <= kMaxHeader, "the header length is ", length, ", at most ", kMaxHeader,
        " is allowed: this is no safetensors file");
  check(length <= bytes.size(), "truncated: the header takes ", length, " bytes, ", bytes.size(),
        " are there");
  const auto data = bytes.subspan(length);
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()), length);
  check(json.starts_with('{'), "the header is no JSON object: this is no safetensors file");
  const Config header = about("header", [&] { return Config::parse(json); });

  Safetensors file;
  std::vector<Entry> entries;
  for (const auto& [name, fields] : header.as_object())
    if (name == kMetadata)
      about("header: __metadata__", [&, &map = fields] {
        for (const auto& [key, value] : map.as_object()) file.metadata[key] = value.as_string();
      });
    else
      entries.push_back(about(concat("tensor '", name, "'"), [&, &key = name, &value = fields] {
        return parse_entry(key, value);
      }));
  check_cover(entries, static_cast<int64_t>(data.size()));
  for (const Entry& entry : entries) {
    Tensor tensor(entry.shape, entry.format->dtype);
    entry.format->decode(data.data() + entry.begin, tensor);
    file.tensors.emplace_back(entry.name, std::move(tensor));
  }
  return file;
}

// The header, and the tensors in the order of their data: widest element first, so that each is
// aligned in the file.
std::pair<std::string, std::vector<const Tensor*>> lay_out(const Safetensors& file) {
  std::vector<size_t> order(file.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (const auto& [name, tensor] : file.tensors)
    about(concat("tensor '", name, "'"), [&, &t = tensor] { format_of(t.dtype()); });
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return size_of(file.tensors[a].second.dtype()) > size_of(file.tensors[b].second.dtype());
  });
  std::vector<int64_t> begin(order.size());
  std::vector<const Tensor*> data;
  int64_t position = 0;
  for (size_t i : order) {
    begin[i] = std::exchange(position, position + file.tensors[i].second.bytes());
    data.push_back(&file.tensors[i].second);
  }

  Config::Object header;
  if (!file.metadata.empty()) {
    Config::Object metadata(file.metadata.begin(), file.metadata.end());
    header.emplace_back(kMetadata, std::move(metadata));
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    check(name != kMetadata, "a tensor can't have the name ", kMetadata);
    header.emplace_back(
        name, Config{{"dtype", format_of(tensor.dtype()).name},
                     {"shape", Config::Array(tensor.shape().begin(), tensor.shape().end())},
                     {"data_offsets", Config::Array{begin[i], begin[i] + tensor.bytes()}}});
  }
  return {Config(std::move(header)).dump(), std::move(data)};
}

}  // namespace

const Tensor* Safetensors::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return &tensor;
  return nullptr;
}

void write_safetensors(const std::string& path, const Safetensors& file) {
  auto [header, data] = about(concat("cannot write '", path, "'"), [&] { return lay_out(file); });
  const size_t unpadded = sizeof(uint64_t) + header.size();
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  write_file(path, [&, &header = header, &data = data](const ByteSink& sink) {
    const uint64_t length = header.size();
    sink(&length, sizeof length);
    sink(header.data(), header.size());
    for (const Tensor* tensor : data) sink(tensor->raw(), static_cast<size_t>(tensor->bytes()));
  });
}

Safetensors read_safetensors(const std::string& path) {
  const std::string bytes = read_file(path);
  return parse_safetensors(std::as_bytes(std::span(bytes)), path);
}

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  return about(concat("safetensors '", name, "'"), [&] { return parse(bytes); });
}

}  // namespace papilio
