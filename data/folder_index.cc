#include "papilio/data/folder_index.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "papilio/core/error.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"

namespace papilio::data {
namespace {

constexpr int64_t kUnsure = 2'000'000'000;
constexpr std::string_view kTitle = "papilio picture index 1";

std::string checksum(std::string_view text) {
  uLong value = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[value >> shift & 15];
  return digits;
}

// Takes a text apart line by line; every line ends with a newline.
class Lines {
 public:
  Lines(std::string_view text, const std::string& name) : left_(text), name_(name) {}

  template <class... Args>
  void expect(bool ok, const Args&... args) const {
    check(ok, "index '", name_, "', line ", number_, ": ", args...);
  }
  std::string_view next() {
    ++number_;
    const size_t end = left_.find('\n');
    expect(end != std::string_view::npos, "it ends too early");
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return line;
  }
  // A number at the beginning of `line`, and the space behind it.
  int64_t number(std::string_view& line) const {
    int64_t value = 0;
    const size_t end = std::min(line.find(' '), line.size());
    const auto [stop, code] = std::from_chars(line.data(), line.data() + end, value);
    expect(end > 0 && code == std::errc() && stop == line.data() + end &&
               std::to_string(value) == line.substr(0, end),
           "a number is expected");
    line.remove_prefix(std::min(end + 1, line.size()));
    return value;
  }
  int64_t number_after(std::string_view word) {
    std::string_view line = next();
    expect(line.starts_with(word) && line.size() > word.size() && line[word.size()] == ' ', "'",
           word, "' is expected");
    line.remove_prefix(word.size() + 1);
    const int64_t value = number(line);
    expect(line.empty(), "only a number is expected");
    return value;
  }
  std::string_view left() const { return left_; }

 private:
  std::string_view left_;
  const std::string& name_;
  int64_t number_ = 0;
};

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Why an index is of no use, or "".
std::string stale(const FolderListing& listing, int64_t scanned, const std::string& folder) {
  const std::vector<std::string> names = class_folders(folder);
  const auto& classes = listing.classes();
  if (!std::equal(names.begin(), names.end(), classes.begin(), classes.end(),
                  [](const auto& name, const auto& known) { return name == known.name; }))
    return "the class folders are not the same any more";
  for (const auto& known : classes) {
    if (folder_modified(concat(folder, "/", known.name)) != known.modified)
      return concat("the class folder ", known.name, " has changed");
    if (known.modified > scanned - kUnsure)
      return concat("the class folder ", known.name, " was just being filled");
  }
  return "";
}

std::optional<FolderListing> from_index(const std::string& folder, const std::string& index) {
  if (!std::filesystem::exists(index)) return {};
  std::string reason;
  try {
    int64_t scanned = 0;
    FolderListing listing = parse_index(read_file(index), index, scanned);
    reason = stale(listing, scanned, folder);
    if (reason.empty()) return listing;
  } catch (const Error& error) {
    reason = error.what();
  }
  logging::info(concat("image folder: '", folder, "' is listed again: ", reason));
  return {};
}

}  // namespace

std::string write_index(const FolderListing& listing, int64_t scanned) {
  std::string text =
      concat(kTitle, "\nscanned ", scanned, "\nclasses ", listing.classes().size(), "\n");
  for (size_t label = 0; label < listing.classes().size(); ++label) {
    const FolderListing::Class& c = listing.classes()[label];
    const int64_t end = listing.end_of(static_cast<int64_t>(label));
    text += concat(c.modified, " ", end - c.begin, " ", c.name, "\n");
    for (int64_t i = c.begin; i < end; ++i) text.append(listing.file(i)).append("\n");
  }
  return text + "crc32 " + checksum(text) + "\n";
}

FolderListing parse_index(std::string_view text, const std::string& name, int64_t& scanned) {
  Lines lines(text, name);
  lines.expect(lines.next() == kTitle, "'", kTitle, "' is expected");
  scanned = lines.number_after("scanned");
  const int64_t classes = lines.number_after("classes");
  lines.expect(classes >= 1, "at least 1 class is expected");
  FolderListing listing;
  try {
    for (int64_t label = 0; label < classes; ++label) {
      std::string_view line = lines.next();
      const int64_t changed = lines.number(line), count = lines.number(line);
      lines.expect(count >= 1, "at least 1 picture is expected");
      listing.add_class(std::string(line), changed);
      for (int64_t i = 0; i < count; ++i) listing.add_file(lines.next());
    }
  } catch (const Error& error) {
    lines.expect(false, error.what());
  }
  const std::string sum = checksum(text.substr(0, text.size() - lines.left().size()));
  lines.expect(lines.next() == concat("crc32 ", sum), "'crc32 ", sum, "' is expected");
  lines.expect(lines.left().empty(), "nothing is expected after it");
  return listing;
}

FolderListing list_folder(const std::string& folder, const std::string& index) {
  if (index.empty()) return scan_folder(folder);
  if (auto known = from_index(folder, index)) return *std::move(known);
  const int64_t scanned = now();
  FolderListing listing = scan_folder(folder);
  if (listing.size() > 0) {
    write_file(index, write_index(listing, scanned));
    logging::info(concat("image folder: the index of the ", listing.size(), " pictures in '",
                         folder, "' is '", index, "'"));
  }
  return listing;
}

}  // namespace papilio::data
