# libjpeg-turbo. Another libjpeg of the same name can't decode a part of a picture, and is not taken.
find_path(JpegTurbo_INCLUDE_DIR jpeglib.h)
find_library(JpegTurbo_LIBRARY jpeg)
if(JpegTurbo_INCLUDE_DIR)
  file(STRINGS "${JpegTurbo_INCLUDE_DIR}/jpeglib.h" JpegTurbo_CROPS REGEX "jpeg_crop_scanline")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(JpegTurbo REQUIRED_VARS JpegTurbo_LIBRARY JpegTurbo_INCLUDE_DIR JpegTurbo_CROPS)
if(JpegTurbo_FOUND AND NOT TARGET JpegTurbo::JpegTurbo)
  add_library(JpegTurbo::JpegTurbo UNKNOWN IMPORTED)
  set_target_properties(JpegTurbo::JpegTurbo PROPERTIES IMPORTED_LOCATION "${JpegTurbo_LIBRARY}"
                                                        INTERFACE_INCLUDE_DIRECTORIES "${JpegTurbo_INCLUDE_DIR}")
endif()
