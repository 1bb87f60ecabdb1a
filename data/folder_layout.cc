#include "papilio/data/folder_layout.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "papilio/core/file.h"
#include "papilio/core/log.h"
#include "papilio/data/folder_index.h"

namespace papilio::data {
namespace {

namespace fs = std::filesystem;
constexpr const char* kLayout =
    "; pictures are expected as DIR/train/<class>/*.JPEG and DIR/val/<class>/*.JPEG";

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// A remedy for what people give instead.
std::string missing_split(const std::string& directory, const std::string& folder) {
  if (is_folder(directory + "/../train")) return concat("; give the folder above it", kLayout);
  if (folder == "val")
    return concat("; without validation pictures, link val to train, or move some there", kLayout);
  return kLayout;
}

std::vector<std::string> classes_of(const std::string& folder) {
  std::vector<std::string> classes = class_folders(folder);
  check(!classes.empty(), "image folder: '", folder,
        "' has no class folders; sort its pictures into a folder for each class", kLayout);
  return classes;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, '\t');) found.push_back(cell);
  return found;
}

// The rows of a classes.tsv, whose first may be a header.
std::map<std::string, std::string> names_by_class(const std::string& text,
                                                  const std::string& name) {
  std::istringstream lines(text);
  std::map<std::string, std::string> names;
  size_t wnid = 0, label = 1;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const std::vector<std::string> row = cells(line);
    const auto column = [&](const char* title) {
      return static_cast<size_t>(std::find(row.begin(), row.end(), title) - row.begin());
    };
    if (number == 1 && column("wnid") < row.size() && column("name") < row.size()) {
      wnid = column("wnid"), label = column("name");
      continue;
    }
    const size_t least = std::max(wnid, label) + 1;
    check(row.size() >= least, "image folder: '", name, "', line ", number, ": it has ", row.size(),
          " columns, at least ", least,
          " separated by tabs are expected; repair or remove the file");
    names.emplace(row[wnid], row[label]);
  }
  return names;
}

// Labels of the listing's classes, which must be among `classes`; says which of those are missing.
std::vector<int64_t> labels_of(const FolderListing& listing,
                               const std::vector<std::string>& classes, const std::string& folder) {
  std::vector<int64_t> labels;
  for (const auto& c : listing.classes()) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), c.name);
    check(at != classes.end() && *at == c.name, "image folder: '", folder, "' has the class ",
          c.name,
          ", which train has not: a model could not learn it; remove its folder, or add "
          "its training pictures");
    labels.push_back(at - classes.begin());
  }
  if (labels.size() < classes.size())
    logging::warning(concat("image folder: '", folder, "' has pictures of ", labels.size(),
                            " of the ", classes.size(), " classes"));
  return labels;
}

}  // namespace

std::vector<std::string> class_names(const std::string& text,
                                     const std::vector<std::string>& classes,
                                     const std::string& name) {
  const std::map<std::string, std::string> known = names_by_class(text, name);
  std::map<std::string, int> uses;
  std::vector<std::string> names;
  for (const std::string& c : classes) {
    const auto row = known.find(c);
    names.push_back(row == known.end() ? c : row->second);
    ++uses[names.back()];
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (uses[names[i]] > 1) names[i] = concat(names[i], " (", classes[i], ")");
  return names;
}

FolderLayout read_layout(const std::string& directory, Split split, const std::string& index) {
  check(is_folder(directory), "image folder: there is no folder '", directory, "'", kLayout);
  const std::string part = split == Split::train ? "train" : "val";
  for (const std::string& folder : {std::string("train"), part})
    check(is_folder(concat(directory, "/", folder)), "image folder: '", directory,
          "' has no folder ", folder, missing_split(directory, folder));
  FolderLayout layout{concat(directory, "/", part), classes_of(directory + "/train"), {}, {}, {}};
  classes_of(layout.folder);
  layout.listing =
      list_folder(layout.folder, index.empty() ? std::string() : concat(index, ".", part));
  layout.labels = labels_of(layout.listing, layout.classes, layout.folder);
  const std::string names = directory + "/classes.tsv";
  layout.names = fs::exists(names) ? class_names(read_file(names, 1 << 22), layout.classes, names)
                                   : layout.classes;
  return layout;
}

}  // namespace papilio::data
