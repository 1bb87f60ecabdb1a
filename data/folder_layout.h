// ImageNet's layout: which classes there are, what they are called, and which pictures a split has.
#pragma once

#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/data/folder_listing.h"

namespace papilio::data {

struct FolderLayout {
  std::string folder;                ///< of the split: DIR/train or DIR/val
  std::vector<std::string> classes;  ///< class folders of train, sorted
  std::vector<std::string> names;    ///< what people call them; the folder's name when unknown
  FolderListing listing;
  std::vector<int64_t> labels;  ///< of the listing's classes, which may lack some
};

/// Throws Error as ImageFolder does.
FolderLayout read_layout(const std::string& directory, Split split, const std::string& index);

/// Names by class from the text of a classes.tsv; `name` stands for it in messages. A name that two
/// classes have is followed by the class. Throws Error that names the line that is malformed.
std::vector<std::string> class_names(const std::string& text,
                                     const std::vector<std::string>& classes,
                                     const std::string& name);

}  // namespace papilio::data
