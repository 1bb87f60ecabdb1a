// The index file: the listing of a folder of pictures, kept so that a later run need not list 1.28
// million files again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "papilio/data/folder_listing.h"

namespace papilio::data {

/// The listing as text, and back. `scanned` is the time before the scan, in ns since 1970; a folder
/// that changed within two seconds before may have changed unseen after it.
std::string write_index(const FolderListing& listing, int64_t scanned);
/// Throws Error that names the file when anything in it is not as write_index() writes it.
FolderListing parse_index(std::string_view text, const std::string& name, int64_t& scanned);

/// scan_folder(), with its result kept in the file `index`, if that is not empty: taken from there
/// as long as the folder has the same classes and no class folder has changed. The log says when
/// the file is written, and why it was not used. Of 1.28 million pictures it looks at 1001 folders.
FolderListing list_folder(const std::string& folder, const std::string& index);

}  // namespace papilio::data
