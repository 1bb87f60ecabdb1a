// JPEG and PNG by stb_image.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "papilio/data/picture.h"
#include "papilio/data/picture_header.h"

namespace papilio::data {

/// A file whose header is `header`, as red, green and blue. Throws DamagedPicture that names it.
Picture decode_stb(std::span<const std::byte> bytes, const std::string& name,
                   const PictureHeader& header);

}  // namespace papilio::data
