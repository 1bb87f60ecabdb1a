#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "papilio/core/file.h"
#include "papilio/core/npy.h"

namespace papilio {
namespace {

struct Header {
  std::string descr;
  bool columns_first = false;
  std::vector<int64_t> shape;
  size_t data;  // where it begins
};

// The header is a Python dictionary with three keys; this reads what numpy writes, and no more.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  Header read() {
    Header header;
    std::vector<std::string> seen;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      check(std::ranges::count(seen, key) == 0, name_, ": the key '", key, "' is there twice");
      seen.push_back(key);
      expect(':');
      if (key == "descr") {
        check(peek() != '[', name_, ": records, not numbers; save the array of one field");
        header.descr = string();
      } else if (key == "fortran_order") {
        header.columns_first = boolean();
      } else if (key == "shape") {
        header.shape = tuple();
      } else {
        bad();
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (seen.size() != 3 || peek() != '\0') bad();
    return header;
  }

 private:
  [[noreturn]] void bad() const {
    fail(name_, ": damaged: its header is not that of a .npy file; write it again with numpy.save");
  }
  char peek() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool take(char c) {
    if (c == '\0' || peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) bad();
  }
  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad();
    rest_.remove_prefix(1);
    const size_t end = rest_.find(quote);
    if (end == std::string_view::npos || end > 64) bad();
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return word == "True";
      }
    bad();
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> sizes;
    expect('(');
    while (!take(')')) {
      int64_t size = 0;
      size_t digits = 0;
      for (peek(); digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9';
           ++digits) {
        check(digits < 18, name_, ": damaged: a size of more than 18 digits");
        size = 10 * size + (rest_[digits] - '0');
      }
      if (digits == 0) bad();
      rest_.remove_prefix(digits);
      sizes.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const std::string& name_;
};

Header header_of(std::string_view bytes, const std::string& name) {
  check(bytes.starts_with("\x93NUMPY") && bytes.size() >= 10, name,
        ": not a .npy file: it does not begin with \\x93NUMPY; write it with numpy.save");
  const auto byte = [&](size_t i) { return size_t{static_cast<unsigned char>(bytes[i])}; };
  const size_t version = byte(6), begin = version == 1 ? 10 : 12;
  check(version >= 1 && version <= 3, name, ": .npy version ", version, "; 1, 2 and 3 are known");
  check(bytes.size() >= begin, name, ": truncated within its header");
  const size_t length = version == 1 ? byte(8) | byte(9) << 8
                                     : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  check(length <= bytes.size() - begin, name, ": truncated within its header");
  Header header = HeaderReader(bytes.substr(begin, length), name).read();
  header.data = begin + length;
  return header;
}

struct Format {
  char kind;  // as in descr
  size_t size;
  bool swapped;
};

Format format_of(const std::string& descr, const std::string& name) {
  const std::string_view text = descr;
  const std::string_view order = "<>|=";
  const bool marked = !text.empty() && order.find(text[0]) != std::string_view::npos;
  const std::string_view type = text.substr(marked ? 1 : 0);
  for (const std::string_view known :
       {"f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "?"})
    if (type == known) {
      const size_t size = known == "?"     ? 1
                          : known == "c16" ? 16
                                           : static_cast<size_t>(known[1] - '0');
      const bool big = marked && text[0] == '>';
      return {known[0], size, big != (std::endian::native == std::endian::big)};
    }
  fail(name, ": numbers of the type '", descr,
       "'; floats, complex numbers, integers and booleans are read: convert it with "
       "array.astype('float64')");
}

template <class T>
T number(const std::byte* at, bool swapped) {
  std::byte copy[sizeof(T)];
  std::memcpy(copy, at, sizeof(T));
  if (swapped) std::reverse(copy, copy + sizeof(T));
  return std::bit_cast<T>(copy);
}

double integer(const std::byte* at, const Format& f) {
  const bool is_signed = f.kind == 'i';
  switch (f.size) {
    case 1:
      return is_signed ? number<int8_t>(at, false) : number<uint8_t>(at, false);
    case 2:
      return is_signed ? number<int16_t>(at, f.swapped) : number<uint16_t>(at, f.swapped);
    case 4:
      return is_signed ? number<int32_t>(at, f.swapped) : number<uint32_t>(at, f.swapped);
    default:
      return is_signed ? static_cast<double>(number<int64_t>(at, f.swapped))
                       : static_cast<double>(number<uint64_t>(at, f.swapped));
  }
}

// Where the i-th number of a row-major array stands in one with columns first.
int64_t columns_first(int64_t i, const std::vector<int64_t>& shape) {
  int64_t place = 0, stride = 1;
  std::vector<int64_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; i /= shape[axis]) index[axis] = i % shape[axis];
  for (size_t axis = 0; axis < shape.size(); stride *= shape[axis++]) place += index[axis] * stride;
  return place;
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const Header header =
      header_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name);
  const Format format = format_of(header.descr, name);
  const auto data = bytes.subspan(header.data);
  check(header.shape.size() <= 8, name, ": ", header.shape.size(), " axes; at most 8 are read");
  size_t count = 1;
  check(std::ranges::count(header.shape, 0) == 0, name, ": an empty array");
  for (const int64_t size : header.shape) {
    check(count <= data.size() / static_cast<size_t>(size), name,
          ": truncated, or its sizes are damaged: ", data.size(), " bytes of numbers are too few");
    count *= static_cast<size_t>(size);
  }
  check(count * format.size == data.size(), name, ": ",
        count * format.size > data.size() ? "truncated: " : "damaged: ", data.size(),
        " bytes of numbers where ", count * format.size, " are expected");

  const bool complex = format.kind == 'c';
  const size_t part = complex ? format.size / 2 : format.size;
  const bool single = (complex || format.kind == 'f') && part == 4;
  const DType real = single ? DType::f32 : DType::f64;
  Tensor tensor(Shape(std::span<const int64_t>(header.shape)), complex ? complex_of(real) : real);
  for (size_t i = 0; i < count; ++i) {
    const size_t from =
        header.columns_first
            ? static_cast<size_t>(columns_first(static_cast<int64_t>(i), header.shape))
            : i;
    for (size_t p = 0; p < format.size / part; ++p) {
      const std::byte* at = data.data() + from * format.size + p * part;
      const size_t to = i * (format.size / part) + p;
      if (single)
        static_cast<float*>(tensor.mutable_raw())[to] = number<float>(at, format.swapped);
      else
        static_cast<double*>(tensor.mutable_raw())[to] = complex || format.kind == 'f'
                                                             ? number<double>(at, format.swapped)
                                                             : integer(at, format);
    }
  }
  return tensor;
}

Tensor read_npy(const std::string& path) {
  const std::string bytes = read_file(path);
  return parse_npy(std::as_bytes(std::span(bytes)), path);
}

}  // namespace papilio
