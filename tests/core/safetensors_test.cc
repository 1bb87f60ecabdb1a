// safetensors: round trips, an independent reader, and files that somebody broke.
#include "papilio/core/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "papilio/core/file.h"
#include "papilio/core/memory.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string temporary(std::string_view name) {
  return concat(testing::TempDir(), "papilio_safetensors_", getpid(), "_", name);
}

Safetensors parse(std::string_view bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "x.safetensors");
}

// The bytes of a file with this header and this many zero bytes of data.
std::string file_of(std::string_view header, std::string_view data = {}) {
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes.append(header).append(data);
}

// A file with one tensor "w" of that header entry.
std::string entry_of(std::string_view dtype, std::string_view shape, std::string_view offsets,
                     size_t bytes) {
  return file_of(concat(R"({"w": {"dtype": ")", dtype, R"(", "shape": )", shape,
                        R"(, "data_offsets": )", offsets, "}}"),
                 std::string(bytes, '\0'));
}

Safetensors sample() {
  Safetensors file;
  file.metadata = {{"papilio", R"({"format": 1})"}, {"note", "snow \u2603"}};
  file.tensors.emplace_back(
      "net.0.weight", Tensor::from<float>({1.5f, -0.0f, 3e-45f, INFINITY, 5, 6}).view({2, 3}));
  file.tensors.emplace_back("scalar", Tensor::full({}, 0.1, DType::f64));
  file.tensors.emplace_back("none", Tensor(Shape{0, 4}));
  file.tensors.emplace_back("net.0.labels", Tensor::from<int64_t>({-1, int64_t{1} << 53, 3}));
  return file;
}

void expect_equal(const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(text(actual), text(expected));
  EXPECT_EQ(std::memcmp(actual.raw(), expected.raw(), static_cast<size_t>(expected.bytes())), 0);
}

TEST(Safetensors, ReadsBackTheSameBytesInTheSameOrder) {
  const std::string path = temporary("round_trip");
  write_safetensors(path, sample());
  const Safetensors file = read_safetensors(path);
  EXPECT_EQ(file.metadata, sample().metadata);
  ASSERT_EQ(file.tensors.size(), sample().tensors.size());
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    EXPECT_EQ(file.tensors[i].first, sample().tensors[i].first);
    expect_equal(file.tensors[i].second, sample().tensors[i].second);
  }
  EXPECT_EQ(file.find("scalar"), &file.tensors[1].second);
  EXPECT_EQ(file.find("vector"), nullptr);

  const std::string bytes = read_file(path);
  write_safetensors(path, file);
  EXPECT_EQ(read_file(path), bytes) << "the bytes depend on the content alone";
  fs::remove(path);
}

TEST(Safetensors, AnEmptyFileIsAFile) {
  const std::string path = temporary("empty");
  write_safetensors(path, {});
  EXPECT_EQ(read_file(path), file_of("{}" + std::string(54, ' ')));
  EXPECT_TRUE(read_safetensors(path).tensors.empty());
  fs::remove(path);
}

TEST(Safetensors, WidensTheSmallTypes) {
  struct Case {
    std::string dtype;
    uint32_t bits;
    double expected;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [dtype, bits, expected] :
       {Case{"F16", 0x3c00, 1}, Case{"F16", 0x0001, 0x1p-24}, Case{"F16", 0x83ff, -0x3ffp-24},
        Case{"F16", 0x7bff, 65504}, Case{"F16", 0xfc00, -infinity}, Case{"F16", 0x0400, 0x1p-14},
        Case{"BF16", 0x3f80, 1}, Case{"BF16", 0xc020, -2.5}, Case{"BF16", 0x0001, 0x1p-133},
        Case{"I32", 0xfffffffb, -5}, Case{"I32", 0x7fffffff, 2147483647}}) {
    const size_t size = dtype == "I32" ? 4 : 2;
    std::string bytes = entry_of(dtype, "[]", concat("[0,", size, "]"), size);
    std::memcpy(bytes.data() + bytes.size() - size, &bits, size);
    const Safetensors file = parse(bytes);
    const Tensor& value = *file.find("w");
    EXPECT_EQ(value.dtype(), dtype == "I32" ? DType::i64 : DType::f32);
    EXPECT_EQ(value.item(), expected) << dtype << " " << bits;
  }
}

TEST(Safetensors, AnIndependentReaderAgrees) {
  const std::string ours = temporary("ours"), theirs = temporary("theirs");
  write_safetensors(ours, sample());
  const std::string command =
      concat("/usr/bin/python3 '", PAPILIO_SOURCE_DIR, "/tests/core/safetensors_reader.py' '", ours,
             "' '", theirs, "'");
  const int status = std::system(command.c_str());
  if (const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1; code == 77 || code == 127)
    GTEST_SKIP() << "needs /usr/bin/python3 with numpy (Debian: python3-numpy)";
  ASSERT_EQ(status, 0) << command;

  const Safetensors file = read_safetensors(theirs);
  EXPECT_EQ(file.metadata, sample().metadata);
  for (const auto& [name, tensor] : sample().tensors) {
    const Tensor* twice = file.find(name);
    ASSERT_NE(twice, nullptr) << name;
    ASSERT_EQ(text(*twice), text(tensor)) << name;
    const std::vector<double> actual = twice->to(DType::f64).to_vector<double>();
    const std::vector<double> once = tensor.to(DType::f64).to_vector<double>();
    for (size_t i = 0; i < once.size(); ++i) EXPECT_EQ(actual[i], 2 * once[i]) << name;
  }
  for (std::string name : {"half", "bfloat"}) {
    const auto actual = file.find(name)->to_vector<float>();
    const auto expected = file.find(name + " as F32")->to_vector<float>();
    ASSERT_EQ(actual.size(), 65536u);
    for (size_t i = 0; i < actual.size(); ++i) {
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(actual[i])) << name << i;
      else
        EXPECT_EQ(actual[i], expected[i]) << name << i;
      EXPECT_EQ(std::signbit(actual[i]), std::signbit(expected[i])) << name << i;
    }
  }
  EXPECT_EQ(file.find("int32")->to_vector<int64_t>(),
            (std::vector<int64_t>{-2147483648, 2147483647}));
  fs::remove(ours);
  fs::remove(theirs);
}

struct BadFile {
  std::string bytes, message;
};

std::vector<BadFile> bad_files() {
  const auto two = [](std::string_view first, std::string_view second, size_t bytes) {
    const auto entry = [](std::string_view offsets) {
      return concat(R"({"dtype": "F32", "shape": [2], "data_offsets": )", offsets, "}");
    };
    return file_of(concat(R"({"a": )", entry(first), R"(, "b": )", entry(second), "}"),
                   std::string(bytes, '\0'));
  };
  const std::string huge = "9223372036854775807";
  return {
      {"", "truncated: 0 bytes"},
      {std::string(7, '\0'), "truncated: 7 bytes"},
      {std::string(8, '\0'), "no JSON object"},
      {std::string(8, '\xff'), "at most 100000000"},
      {std::string("\0\0\0\0\0\0\0\x80{}", 10), "at most 100000000"},
      {std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10), "at most 100000000"},
      {std::string("\0\xe1\xf5\x05\0\0\0\0{}", 10), "the header takes 100000000 bytes, 2"},
      {std::string("\x03\0\0\0\0\0\0\0{}", 10), "the header takes 3 bytes, 2"},
      {"\x89PNG\r\n\x1a\n and more", "this is no safetensors file"},
      {file_of("[]"), "no JSON object"},
      {file_of(" {}"), "no JSON object"},
      {file_of("{} {}"), "column 4"},
      {file_of("{\"w\""), "column 5"},
      {file_of("{\"\xff\": 1}"), "UTF-8"},
      {file_of(R"({"w": 1})"), "tensor 'w': config: expected an object"},
      {file_of(R"({"w": {}})"), "tensor 'w': config: no key 'shape'"},
      {file_of(R"({"w": {"dtype": "F32", "shape": [0]}})"), "no key 'data_offsets'"},
      {file_of(R"({"w": {"shape": [0], "data_offsets": [0, 0]}})"), "no key 'dtype'"},
      {file_of(R"({"w": {"type": "F32"}})"), "tensor 'w': header: 'type' is not a key"},
      {file_of(R"({"w": {"dtype": 4, "shape": [0], "data_offsets": [0, 0]}})"),
       "expected a string"},
      {file_of(R"({"__metadata__": 1})"), "__metadata__: config: expected an object"},
      {file_of(R"({"__metadata__": {"a": 1}})"), "__metadata__: config: expected a string"},
      {file_of(R"({"__metadata__": {"a": "1", "a": "2"}})"), "'a' is there twice"},
      {file_of("{\"a\": " + std::string(1000, '[')), "deeper than 64"},
      {file_of("{" + std::string(1000, '{')), "column 2"},
      {entry_of("C64", "[1]", "[0, 8]", 8),
       "tensor 'w': dtype C64 is not supported; convert it to one of F64, F32, I64, F16, BF16, "
       "I32"},
      {entry_of("f32", "[1]", "[0, 4]", 4), "dtype f32 is not supported"},
      {entry_of("F32", "[1]", "[0]", 4), "data_offsets has 1 numbers"},
      {entry_of("F32", "[1]", "[0, 4, 8]", 4), "data_offsets has 3 numbers"},
      {entry_of("F32", "[1]", "[0, 4.0]", 4), "expected an integer, it is a number"},
      {entry_of("F32", "[1]", "\"0, 4\"", 4), "expected an array"},
      {entry_of("F32", "[1]", "[0, 8]", 8), "data_offsets [0, 8] do not hold F32 [1]"},
      {entry_of("F64", "[1]", "[0, 4]", 4), "data_offsets [0, 4] do not hold F64 [1]"},
      {entry_of("F32", "[1]", "[4, 0]", 4), "data_offsets [4, 0] do not hold F32 [1]"},
      {entry_of("F32", "[1]", "[-4, 0]", 4), "data_offsets [-4, 0] do not hold F32 [1]"},
      {entry_of("F32", "[1]", "[-" + huge + ", " + huge + "]", 4), "do not hold F32 [1]"},
      {entry_of("F32", "[1]", "[0, 18446744073709551620]", 4), "more than 64 bits"},
      {entry_of("F32", "[1]", "[1e0, 5]", 5), "expected an integer"},
      {entry_of("F32", "[-1]", "[0, 4]", 4), "[-1] has a negative size"},
      {entry_of("F32", "[-1, -1]", "[0, 4]", 4), "negative size"},
      {entry_of("F32", "[1.0]", "[0, 4]", 4), "expected an integer"},
      {entry_of("F32", "1", "[0, 4]", 4), "expected an array"},
      {entry_of("F32", "[4294967296, 4294967296]", "[0, 0]", 0), "more elements than 64 bits"},
      {entry_of("F32", "[4611686018427387905]", "[0, 4]", 4), "do not hold F32"},
      {entry_of("F32", "[2305843009213693952]", "[0, " + huge + "]", 4), "do not hold F32"},
      {entry_of("F32", "[1000000000000]", "[0, 4000000000000]", 4),
       "truncated: the tensors take 4000000000000 bytes, the file has 4"},
      {entry_of("F32", "[1,1,1,1,1,1,1,1,1]", "[0, 4]", 4), "9 axes"},
      {entry_of("F32", "[1]", "[4, 8]", 8), "'w' begins at byte 4 of the data, expected 0"},
      {entry_of("F32", "[1]", "[0, 4]", 5), "1 bytes follow the last tensor"},
      {entry_of("F32", "[1]", "[0, 4]", 3), "truncated: the tensors take 4 bytes, the file has 3"},
      {file_of("{}", "x"), "1 bytes follow the last tensor"},
      {two("[0, 8]", "[0, 8]", 8),
       "'b' begins at byte 0 of the data, expected 8: the tensors overlap"},
      {two("[4, 12]", "[0, 8]", 12),
       "'a' begins at byte 4 of the data, expected 8: the tensors overlap"},
      {two("[0, 8]", "[12, 20]", 20),
       "'b' begins at byte 12 of the data, expected 8: the tensors leave a gap"},
      {two("[8, 16]", "[16, 24]", 24),
       "'a' begins at byte 8 of the data, expected 0: the tensors leave a gap"},
      {file_of(R"({"w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},)"
               R"( "w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})"),
       "'w' is there twice"},
  };
}

TEST(Safetensors, NamesTheFileAndWhatIsWrongWithIt) {
  const int64_t reserved = memory::stats().reserved;
  for (const auto& [bytes, message] : bad_files())
    EXPECT_THAT(error_of([&bytes = bytes] { parse(bytes); }),
                AllOf(StartsWith("safetensors 'x.safetensors': "), HasSubstr(message)));
  EXPECT_LT(memory::stats().reserved - reserved, int64_t{64} << 20) << "a header asked for memory";
}

std::string sample_bytes() {
  const std::string path = temporary("bytes");
  write_safetensors(path, sample());
  const std::string bytes = read_file(path);
  fs::remove(path);
  return bytes;
}

TEST(Safetensors, RefusesAFileCutAtAnyByte) {
  const std::string bytes = sample_bytes();
  for (size_t count = 0; count < bytes.size(); ++count)
    EXPECT_THAT(error_of([&] { parse(std::string_view(bytes).substr(0, count)); }),
                StartsWith("safetensors 'x.safetensors': "))
        << count;
  EXPECT_THAT(error_of([&] { parse(bytes + '\0'); }), HasSubstr("1 bytes follow"));
}

TEST(Safetensors, SurvivesAnyFlippedBit) {
  const std::string bytes = sample_bytes();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string broken = bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ 1 << bit % 8);
    const std::string error = error_of([&] { parse(broken); });
    EXPECT_THAT(error, testing::AnyOf("no error", StartsWith("safetensors 'x.safetensors': ")))
        << bit;
  }
}

TEST(Safetensors, NamesTheFileOnDisk) {
  const std::string path = temporary("broken");
  EXPECT_THAT(error_of([&] { read_safetensors(path); }),
              AllOf(HasSubstr(path), HasSubstr("No such file")));
  write_file(path, "not a model");
  EXPECT_THAT(error_of([&] { read_safetensors(path); }),
              StartsWith("safetensors '" + path + "': "));
  fs::remove(path);
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotRead) {
  const std::string path = temporary("refused");
  const auto write = [&](std::vector<std::pair<std::string, Tensor>> tensors) {
    return error_of(
        [&] { write_safetensors(path, {.tensors = std::move(tensors), .metadata = {}}); });
  };
  const Tensor x = Tensor::zeros({2});
  EXPECT_EQ(write({{"a", x}, {"z", Tensor::zeros({2}, DType::c64)}}),
            "cannot write '" + path +
                "': tensor 'z': dtype c64 can't be stored; store complex numbers as real ones "
                "with a last axis of 2");
  EXPECT_THAT(write({{"a", Tensor()}}),
              AllOf(HasSubstr(path), HasSubstr("'a': tensor: it is undefined")));
  EXPECT_THAT(write({{"a", x}, {"b", x}, {"a", x}}),
              AllOf(HasSubstr(path), HasSubstr("'a' is there twice")));
  EXPECT_THAT(write({{"__metadata__", x}}), HasSubstr("can't have the name __metadata__"));
  EXPECT_THAT(write({{"\xff", x}}), AllOf(HasSubstr(path), HasSubstr("not UTF-8")));
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace papilio
