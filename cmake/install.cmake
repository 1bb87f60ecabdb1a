# `cmake --install`: headers under include/papilio, static libraries, the package papilio for find_package, and the
# executables with the prefix papilio-.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/papilio")
set(parts core layers optim data models)
foreach(part ${parts})
  install(DIRECTORY ${part}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/papilio/${part}
          FILES_MATCHING PATTERN "*.h" PATTERN "*-inl.h" EXCLUDE PATTERN "papilio.h" EXCLUDE)
  install(TARGETS papilio_${part} EXPORT papilio-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(FILES models/papilio.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/papilio)
install(TARGETS papilio_papilio EXPORT papilio-targets)
install(EXPORT papilio-targets NAMESPACE papilio:: DESTINATION ${package_dir})

configure_package_config_file(cmake/papilio-config.cmake.in "${PROJECT_BINARY_DIR}/papilio-config.cmake"
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/papilio-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/papilio-config.cmake" "${PROJECT_BINARY_DIR}/papilio-config-version.cmake"
              cmake/FindDnnl.cmake cmake/FindJpegTurbo.cmake cmake/FindOpenBlas.cmake cmake/FindStb.cmake DESTINATION ${package_dir})

# For projects without CMake: g++ program.cc $(pkg-config --cflags --libs papilio).
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH PAPILIO_PC_PREFIX "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" PAPILIO_PC_PREFIX "${PAPILIO_PC_PREFIX}")
set(PAPILIO_PC_LIBS "-ldnnl -lopenblas -lhwy -lspdlog -lfmt -lstb -lz -pthread")
if(JpegTurbo_FOUND)
  string(APPEND PAPILIO_PC_LIBS " -ljpeg")
endif()
if(PAPILIO_OPENMP)
  string(APPEND PAPILIO_PC_LIBS " ${OpenMP_CXX_FLAGS}")
endif()
configure_file(cmake/papilio.pc.in "${PROJECT_BINARY_DIR}/papilio.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/papilio.pc" DESTINATION ${pkgconfig_dir})
