// Small folders of pictures in ImageNet's layout, for tests.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "papilio/tests/data/picture_files.h"
#include "papilio/tests/data/small_sets.h"

namespace papilio::picture_folders {

namespace fs = std::filesystem;

inline void add(const std::string& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  small_sets::write(folder + "/" + name, bytes);
}

/// train/ and val/ with the classes n01, n02 and n03 of `count` pictures each: different sizes and
/// kinds.
inline void write_pictures(const std::string& directory, int count) {
  const std::vector<std::string> files = {"rgb.jpg", "grey.jpg", "rgba.png", "exif_6.jpg"};
  for (const char* part : {"train", "val"})
    for (const char* wnid : {"n03", "n01", "n02"})
      for (int i = 0; i < count; ++i)
        add(directory + "/" + part + "/" + wnid,
            std::to_string(i) + (i % 3 == 1 ? ".jpg" : ".JPEG"),
            picture_files::bytes(files[static_cast<size_t>(i) % files.size()]));
}

/// Puts the time of every folder below back by an hour, as if it had been filled then.
inline void age(const std::string& folder) {
  const auto then = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_directory()) fs::last_write_time(entry.path(), then);
  fs::last_write_time(folder, then);
}

}  // namespace papilio::picture_folders
