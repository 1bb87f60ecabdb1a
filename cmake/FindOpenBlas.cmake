# OpenBLAS through its CBLAS interface.
find_path(OpenBlas_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas ${CMAKE_LIBRARY_ARCHITECTURE}
          ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread)
find_library(OpenBlas_LIBRARY openblas)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBlas REQUIRED_VARS OpenBlas_LIBRARY OpenBlas_INCLUDE_DIR)
if(OpenBlas_FOUND AND NOT TARGET OpenBlas::OpenBlas)
  add_library(OpenBlas::OpenBlas UNKNOWN IMPORTED)
  set_target_properties(OpenBlas::OpenBlas PROPERTIES IMPORTED_LOCATION "${OpenBlas_LIBRARY}"
                                                      INTERFACE_INCLUDE_DIRECTORIES "${OpenBlas_INCLUDE_DIR}")
endif()
