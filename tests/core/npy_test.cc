#include "papilio/core/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <complex>
#include <cstring>
#include <filesystem>

#include "papilio/core/file.h"
#include "papilio/core/random.h"
#include "papilio/tests/core/error_of.h"

namespace papilio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor parsed(const std::string& bytes) {
  return parse_npy(std::as_bytes(std::span(bytes)), "a.npy");
}

std::string npy(const std::string& dictionary, const std::string& data) {
  std::string all = "\x93NUMPY";
  all += std::string("\1\0", 2);
  all += static_cast<char>(dictionary.size());
  all += '\0';
  return all + dictionary + data;
}
std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  return npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n",
             data);
}

TEST(Npy, ReadsWhatItWrites) {
  const std::string file = testing::TempDir() + "written.npy";
  for (const DType dtype : {DType::f32, DType::f64, DType::c64, DType::c128}) {
    const Tensor tensor = randn({3, 5}, Rng(1), dtype);
    write_npy(file, tensor);
    const Tensor read = read_npy(file);
    EXPECT_EQ(read.shape(), tensor.shape());
    ASSERT_EQ(read.dtype(), dtype);
    EXPECT_EQ(std::memcmp(read.raw(), tensor.raw(), static_cast<size_t>(tensor.bytes())), 0);
  }
}

TEST(Npy, ReadsIntegersBooleansByteOrdersAndColumnsFirst) {
  const std::string six("\1\0\2\0\3\0\4\0\5\0\xff\xff", 12);
  EXPECT_THAT(parsed(npy("<i2", "(2, 3)", six)).to_vector<double>(),
              ElementsAre(1, 2, 3, 4, 5, -1));
  EXPECT_THAT(parsed(npy(">u2", "(6,)", six)).to_vector<double>(),
              ElementsAre(256, 512, 768, 1024, 1280, 65535));
  EXPECT_THAT(parsed(npy("|b1", "(2,)", std::string("\0\1", 2))).to_vector<double>(),
              ElementsAre(0, 1));
  const Tensor turned =
      parsed(npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", six));
  EXPECT_THAT(turned.to_vector<double>(), ElementsAre(1, 3, 5, 2, 4, -1));
  EXPECT_EQ(parsed(npy("|u1", "()", "\7")).item(), 7);
}

TEST(Npy, RefusesWhatIsNotAnArrayOfNumbers) {
  const auto error = [](const std::string& bytes) { return error_of([&] { parsed(bytes); }); };
  EXPECT_THAT(error(""), HasSubstr("a.npy: not a .npy file"));
  EXPECT_THAT(error("\x93NUMPY\1"), HasSubstr("not a .npy file"));
  EXPECT_THAT(error(npy("<f8", "(2, 3)", std::string(40, '\0'))), HasSubstr("truncated"));
  EXPECT_THAT(error(npy("<f8", "(2,)", std::string(17, '\0'))), HasSubstr("damaged"));
  EXPECT_THAT(error(npy("<f8", "(1000000000, 1000000000, 1000000000)", "abcdefgh")),
              HasSubstr("truncated"));
  EXPECT_THAT(error(npy("<f8", "(2, 0)", "")), HasSubstr("empty"));
  EXPECT_THAT(error(npy("<U4", "(1,)", std::string(16, 'a'))), HasSubstr("astype"));
  EXPECT_THAT(error(npy("|O", "(1,)", "")), HasSubstr("astype"));
  EXPECT_THAT(error(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "")),
              HasSubstr("records"));
  EXPECT_THAT(error(npy("{'descr': '<f8', 'shape': (1,), }", std::string(8, '\0'))),
              HasSubstr("header"));
  EXPECT_THAT(error(npy("<f8", "(-1,)", "")), HasSubstr("header"));
  EXPECT_THAT(error(std::string("\x93NUMPY\1\0\xff\xff", 10)), HasSubstr("truncated"));
  EXPECT_THAT(error(std::string("\x93NUMPY\7\0\xff\xff", 10)), HasSubstr("version 7"));
  EXPECT_THAT(error_of([] { read_npy("/no/such.npy"); }), HasSubstr("/no/such.npy"));
}

}  // namespace
}  // namespace papilio
