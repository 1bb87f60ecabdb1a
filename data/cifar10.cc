#include "papilio/data/cifar10.h"

#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "papilio/core/file.h"
#include "papilio/core/threads.h"

namespace papilio::data {
namespace {

constexpr int64_t kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;
constexpr int64_t kMaxRecords = 10000;
constexpr const char* kRemedy =
    "; give the folder cifar-10-batches-bin of the official cifar-10-binary.tar.gz";

const std::vector<std::string> kClasses = {"airplane", "automobile", "bird",  "cat",  "deer",
                                           "dog",      "frog",       "horse", "ship", "truck"};

struct File {
  std::string name;
  std::span<const std::byte> bytes;

  int64_t records() const { return static_cast<int64_t>(bytes.size()) / kRecord; }
};

void check_file(const File& file) {
  const auto size = static_cast<int64_t>(file.bytes.size());
  check(size > 0 && size % kRecord == 0 && file.records() <= kMaxRecords, file.name, ": it has ",
        size, " bytes, expected 1 to ", kMaxRecords, " records of ", kRecord,
        " bytes: it is truncated, oversized or no CIFAR-10 file; fetch it again");
  for (int64_t i = 0; i < file.records(); ++i) {
    const auto label = static_cast<int>(file.bytes[static_cast<size_t>(i * kRecord)]);
    check(label < 10, file.name, ": record ", i, " has the label ", label,
          ", expected 0 to 9: it is corrupt or no CIFAR-10 file; fetch it again");
  }
}

// Three planes of levels to one plane of means.
void to_grayscale(const uint8_t* planes, float* pixels) {
  for (int64_t k = 0; k < kPlane; ++k)
    pixels[k] =
        static_cast<float>(planes[k] + planes[kPlane + k] + planes[2 * kPlane + k]) / (3 * 255.0f);
}

void to_channels_last(const uint8_t* planes, uint8_t* levels) {
  for (int64_t k = 0; k < kPlane; ++k)
    for (int64_t c = 0; c < 3; ++c) levels[3 * k + c] = planes[c * kPlane + k];
}

ImageSet decode(const std::vector<File>& files, DatasetInfo info, const Cifar10Options& options) {
  std::vector<const uint8_t*> records;
  for (const File& file : files) {
    check_file(file);
    check(file.records() == files[0].records(), file.name, ": it has ", file.records(),
          " records and ", files[0].name, " has ", files[0].records(),
          ", they must have equally many: one is truncated; fetch them again");
    for (int64_t i = 0; i < file.records(); ++i)
      records.push_back(reinterpret_cast<const uint8_t*>(file.bytes.data()) + i * kRecord);
  }
  const auto count = static_cast<int64_t>(records.size());
  std::vector<int64_t> labels;
  for (const uint8_t* record : records) labels.push_back(record[0]);
  const auto for_each_record = [&](auto&& convert) {
    parallel_for(
        count,
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) convert(i, records[static_cast<size_t>(i)] + 1);
        },
        256);
  };
  if (options.grayscale) {
    Tensor pixels({count, kSide, kSide, 1});
    float* out = pixels.mutable_data<float>();
    for_each_record([&](int64_t i, const uint8_t* in) { to_grayscale(in, out + i * kPlane); });
    return ImageSet(std::move(info), std::move(pixels), std::move(labels));
  }
  std::vector<uint8_t> levels(static_cast<size_t>(count * 3 * kPlane));
  for_each_record(
      [&](int64_t i, const uint8_t* in) { to_channels_last(in, &levels[i * 3 * kPlane]); });
  return ImageSet(std::move(info), {kSide, kSide, 3}, std::move(levels), std::move(labels));
}

std::vector<std::string> class_names(const std::string& directory) {
  const std::string path = directory + "/batches.meta.txt";
  if (!std::filesystem::exists(path)) return kClasses;
  std::istringstream lines(read_file(path, 1 << 16));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  check(names.size() == kClasses.size(), path, ": it has ", names.size(), " class names, expected ",
        kClasses.size(), "; remove it to use the usual names");
  return names;
}

std::vector<std::string> file_names(Split split) {
  if (split == Split::test) return {"test_batch.bin"};
  std::vector<std::string> names;
  for (int i = 1; i <= 5; ++i) names.push_back(concat("data_batch_", i, ".bin"));
  return names;
}

}  // namespace

ImageSet cifar10(const std::string& directory, Split split, const Cifar10Options& options) {
  check(std::filesystem::is_directory(directory), "cifar10: there is no directory ", directory,
        kRemedy);
  std::vector<std::string> contents;
  std::vector<File> files;
  for (const std::string& name : file_names(split)) {
    files.push_back({concat(directory, "/", name), {}});
    check(std::filesystem::exists(files.back().name), "cifar10: there is no file ",
          files.back().name, kRemedy);
    // One record more than allowed is read, so that the message about an oversized file is ours.
    contents.push_back(read_file(files.back().name, (kMaxRecords + 1) * kRecord));
  }
  for (size_t i = 0; i < files.size(); ++i) files[i].bytes = std::as_bytes(std::span(contents[i]));
  return decode(
      files,
      {.name = concat("cifar10 ", text(split)), .classes = class_names(directory), .input = {}},
      options);
}

ImageSet parse_cifar10(std::span<const std::byte> bytes, const std::string& name,
                       const Cifar10Options& options) {
  return decode({{name, bytes}}, {.name = name, .classes = kClasses, .input = {}}, options);
}

}  // namespace papilio::data
