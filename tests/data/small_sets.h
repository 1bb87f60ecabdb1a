// Small data sets in the real formats, for tests: a folder that goes away, and writers.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace papilio::small_sets {

/// A new folder, removed with all that is in it when the object goes.
class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "papilio-XXXXXX").string();
    if (!mkdtemp(path_.data())) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) std::abort();
}

inline const std::vector<std::string> kCifarFiles = {"data_batch_1.bin", "data_batch_2.bin",
                                                     "data_batch_3.bin", "data_batch_4.bin",
                                                     "data_batch_5.bin", "test_batch.bin"};

/// The level of a generated picture: a ramp that depends on everything.
inline int level(int64_t file, int64_t record, int64_t place) {
  return static_cast<int>((31 * file + 7 * record + 3 * place + place / 29) % 256);
}

/// Record `record` of file `file`, as in the binary version: the label, then three planes.
inline std::string cifar_record(int64_t file, int64_t record) {
  std::string bytes(1, static_cast<char>((file + record) % 10));
  for (int64_t place = 0; place < 3072; ++place)
    bytes += static_cast<char>(level(file, record, place));
  return bytes;
}

/// All six files of CIFAR-10, `records` in each.
inline void write_cifar10(const std::string& folder, int64_t records) {
  std::filesystem::create_directories(folder);
  for (size_t f = 0; f < kCifarFiles.size(); ++f) {
    std::string bytes;
    for (int64_t r = 0; r < records; ++r) bytes += cifar_record(static_cast<int64_t>(f), r);
    write(folder + "/" + kCifarFiles[f], bytes);
  }
}

inline std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

/// An IDX file of unsigned bytes with these sizes.
inline std::string idx_file(const std::vector<uint32_t>& sizes, const std::string& values) {
  std::string bytes = big_endian(0x800 | static_cast<uint32_t>(sizes.size()));
  for (const uint32_t size : sizes) bytes += big_endian(size);
  return bytes + values;
}

}  // namespace papilio::small_sets
