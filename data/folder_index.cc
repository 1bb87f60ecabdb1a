// Long because what is written to an index, what is read back and what makes it stale belong
// together.

#include "papilio/data/folder_index.h"

#include <dirent.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "papilio/core/error.h"
#include "papilio/core/file.h"
#include "papilio/core/log.h"

namespace papilio::data {
namespace {

constexpr int64_t kSecond = 1'000'000'000, kUnsure = 2 * kSecond;
constexpr std::string_view kTitle = "papilio picture index 1";

[[noreturn]] void fail_with(int reason, const std::string& path, std::string_view remedy) {
  fail("image folder: cannot read '", path, "': ", std::strerror(reason), "; ", remedy);
}

bool is_picture_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string ending(name.substr(dot + 1));
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == "jpg" || ending == "jpeg" || ending == "png";
}

struct Entry {
  std::string name;
  unsigned char type;  // of readdir(): perhaps DT_UNKNOWN

  bool operator<(const Entry& other) const { return name < other.name; }
};

// Sorted; hidden entries are left out.
std::vector<Entry> entries(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()), closedir);
  if (!directory) fail_with(errno, folder, "check its permissions and that it is a folder");
  std::vector<Entry> found;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(directory.get());
    if (!entry) break;
    if (entry->d_name[0] != '.') found.push_back({entry->d_name, entry->d_type});
  }
  if (errno != 0) fail_with(errno, folder, "check the disk");
  std::sort(found.begin(), found.end());
  return found;
}

// What an entry is when links are followed; only where readdir() doesn't say it already.
mode_t kind(const std::string& path, unsigned char type) {
  if (type == DT_REG) return S_IFREG;
  if (type == DT_DIR) return S_IFDIR;
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & S_IFMT : 0;
}

int64_t modified(const std::string& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0)
    fail_with(errno, folder, "did another program remove it?");
  return status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec;
}

void add_pictures(const std::string& folder, FolderListing& listing) {
  int64_t count = 0;
  for (const Entry& entry : entries(folder)) {
    if (!is_picture_name(entry.name)) continue;
    const std::string path = concat(folder, "/", entry.name);
    const bool usable =
        kind(path, entry.type) == S_IFREG && entry.name.find('\n') == std::string::npos;
    if (usable)
      listing.add_file(entry.name), ++count;
    else
      logging::warning(concat("image folder: '", path,
                              "' has the name of a picture and is none (a folder, a broken or "
                              "circular link, or no regular file); it is left out"));
  }
  check(count > 0, "image folder: the class folder '", folder,
        "' has no pictures (.jpg, .jpeg or .png); unpack them or remove the folder");
}

// ---- The text of an index

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

bool is_plain(std::string_view name) {
  return !name.empty() && name[0] != '.' &&
         name.find_first_of(std::string_view("/\n\0", 3)) == std::string_view::npos;
}

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
    if (modified(concat(folder, "/", known.name)) != known.modified)
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

int64_t FolderListing::label(int64_t i) const {
  const auto above = std::upper_bound(classes_.begin(), classes_.end(), i,
                                      [](int64_t at, const Class& c) { return at < c.begin; });
  return above - classes_.begin() - 1;
}

std::string_view FolderListing::file(int64_t i) const {
  const auto at = static_cast<size_t>(i);
  const size_t begin = i == 0 ? 0 : ends_[at - 1];
  return std::string_view(names_).substr(begin, ends_[at] - begin);
}

int64_t FolderListing::end_of(int64_t label) const {
  const auto next = static_cast<size_t>(label) + 1;
  return next < classes_.size() ? classes_[next].begin : size();
}

void FolderListing::add_class(std::string name, int64_t changed) {
  check(is_plain(name), "the name of class ", classes_.size(), " can't be one of a folder");
  check(classes_.empty() || classes_.back().name < name, "class ", name, " stands after ",
        classes_.empty() ? "" : classes_.back().name, ", they must be sorted");
  classes_.push_back({std::move(name), changed, size()});
}

void FolderListing::add_file(std::string_view name) {
  check(!classes_.empty() && is_plain(name), "the name of picture ", size(),
        " can't be one of a file");
  check(classes_.back().begin == size() || file(size() - 1) < name, "picture ", std::string(name),
        " of class ", classes_.back().name, " stands in the wrong place, they must be sorted");
  check(names_.size() + name.size() <= std::numeric_limits<uint32_t>::max(),
        "the names of the pictures take more than 4 GiB");
  names_ += name;
  ends_.push_back(static_cast<uint32_t>(names_.size()));
}

std::vector<std::string> class_folders(const std::string& folder) {
  std::vector<std::string> names;
  for (const Entry& entry : entries(folder)) {
    const std::string path = concat(folder, "/", entry.name);
    const mode_t found = kind(path, entry.type);
    check(found != 0, "image folder: '", path,
          "' is a link that leads nowhere or in a circle, or can't be read; repair or remove it");
    if (found != S_IFDIR) continue;
    check(entry.name.find('\n') == std::string::npos, "image folder: the name '", entry.name,
          "' in '", folder, "' has a line break; rename the folder");
    names.push_back(entry.name);
  }
  return names;
}

FolderListing scan_folder(const std::string& folder) {
  FolderListing listing;
  for (const std::string& name : class_folders(folder)) {
    const std::string path = concat(folder, "/", name);
    listing.add_class(name, modified(path));
    add_pictures(path, listing);
  }
  return listing;
}

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
