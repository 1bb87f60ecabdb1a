# One static library per folder. Each sees the headers of its own folder and of the folders it may use, and of no
# other: an include that points upward does not compile.
#
#   papilio_part(NAME [PUBLIC target...] [PRIVATE target...])
#
# builds NAME/**.cc into the target papilio::NAME, whose include root holds papilio/NAME and nothing else.

set(PAPILIO_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 warns of overlapping copies inside std::string where there are none (its bug 105651).
  list(APPEND PAPILIO_WARNINGS -Wno-restrict)
endif()
if(PAPILIO_WERROR)
  list(APPEND PAPILIO_WARNINGS -Werror)
endif()

function(papilio_options target)
  # Nobody reads errno after sqrt(), and setting it keeps loops from being vectorised.
  target_compile_options(${target} PRIVATE ${PAPILIO_WARNINGS} -fno-math-errno)
  # Highway's functions for NEON may use AES instructions, which ours never do. GCC inlines them only into what may use them
  # too, and the constructors that it makes by itself may use what is allowed here.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    target_compile_options(${target} PRIVATE -march=armv8-a+crypto)
  endif()
  if(PAPILIO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${PAPILIO_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${PAPILIO_SANITIZE})
  endif()
endfunction()

# Sets `variable` to an include root that shows the folder NAME as papilio/NAME, and nothing else.
function(papilio_include_root name variable)
  set(root "${PROJECT_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${root}/papilio")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${name}" "${root}/papilio/${name}" SYMBOLIC)
  set(${variable} "${root}" PARENT_SCOPE)
endfunction()

function(papilio_part name)
  cmake_parse_arguments(PART "" "" "PUBLIC;PRIVATE" ${ARGN})
  papilio_include_root(${name} root)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${name}/*.cc")
  add_library(papilio_${name} STATIC ${sources})
  add_library(papilio::${name} ALIAS papilio_${name})
  set_target_properties(papilio_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(papilio_${name} PUBLIC $<BUILD_INTERFACE:${root}>
                                                    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(papilio_${name} PUBLIC cxx_std_20)
  target_link_libraries(papilio_${name} PUBLIC ${PART_PUBLIC} PRIVATE ${PART_PRIVATE})
  papilio_options(papilio_${name})
endfunction()
