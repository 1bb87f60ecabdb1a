// The pictures of one folder of classes, such as ImageNet's train/, as they lie on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::data {

/// Classes and the file names in each are in the order of their bytes. 1.28 million names take
/// 45 MB.
class FolderListing {
 public:
  struct Class {
    std::string name;
    int64_t modified;  ///< folder_modified()
    int64_t begin;     ///< its first picture

    bool operator==(const Class&) const = default;
  };

  const std::vector<Class>& classes() const { return classes_; }
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  /// Of the i-th picture.
  int64_t label(int64_t i) const;
  std::string_view file(int64_t i) const;
  /// One after the last picture of a class.
  int64_t end_of(int64_t label) const;

  // Throw Error when the order is not that of the bytes.
  void add_class(std::string name, int64_t modified);
  void add_file(std::string_view name);  ///< of the last class

  bool operator==(const FolderListing&) const = default;

 private:
  std::vector<Class> classes_;
  std::string names_;           // one after the other
  std::vector<uint32_t> ends_;  // of each in names_
};

/// Names of the folders in `folder`, sorted: hidden ones and files are left out. Throws Error that
/// names what can't be read: the folder itself, or a link that leads nowhere or in a circle.
std::vector<std::string> class_folders(const std::string& folder);

/// When the folder last changed, in ns since 1970. Throws Error when it is not there.
int64_t folder_modified(const std::string& folder);

/// Lists the disk: every regular file, or link to one, that ends in .jpg, .jpeg or .png, in any
/// case. What has such a name and is none is named in the log and left out. Throws Error that
/// names a class folder that is empty or can't be read.
FolderListing scan_folder(const std::string& folder);

}  // namespace papilio::data
