// The bytes of a picture file.
#pragma once

#include <string>

namespace papilio::data {

/// Throws DamagedPicture that names the file when it can't be read, is no regular file, or is
/// larger than 256 MiB; Error when the machine is short of something, such as open files. Never
/// waits, as opening a pipe would.
std::string read_picture_file(const std::string& path);

}  // namespace papilio::data
