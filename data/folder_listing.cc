#include "papilio/data/folder_listing.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "papilio/core/error.h"
#include "papilio/core/log.h"

namespace papilio::data {
namespace {

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

bool is_plain(std::string_view name) {
  return !name.empty() && name[0] != '.' &&
         name.find_first_of(std::string_view("/\n\0", 3)) == std::string_view::npos;
}

}  // namespace

int64_t folder_modified(const std::string& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0)
    fail_with(errno, folder, "did another program remove it?");
  return status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
}

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
    listing.add_class(name, folder_modified(path));
    add_pictures(path, listing);
  }
  return listing;
}

}  // namespace papilio::data
