// The one exception of the library, and the check that throws it. Checks stay on in release builds.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "papilio/core/dtype.h"
#include "papilio/core/shape.h"

namespace papilio {

/// What went wrong, where, and what to do: "fc1: linear: x[64, 300] has 300 features, the layer
/// takes 512; ...". A Module that an error passes through puts its name in front, so that the
/// message begins with the layer's path.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : Error(message, {}, nullptr) {}
  Error(const std::string& message, const std::string& path, const void* origin)
      : std::runtime_error(path.empty() ? message : path + ": " + message),
        message_(message),
        path_(path),
        origin_(origin) {}

  /// The message without the layer path.
  const std::string& message() const { return message_; }
  /// Path of the layer that failed, relative to the outermost module; empty outside of modules.
  const std::string& path() const { return path_; }
  /// The outermost module that the error has passed so far.
  const void* origin() const { return origin_; }

 private:
  std::string message_, path_;
  const void* origin_;
};

inline std::string text(std::string_view s) { return std::string(s); }
inline std::string text(const char* s) { return s; }
inline std::string text(const std::string& s) { return s; }
template <std::integral T>
std::string text(T value) {
  return std::to_string(value);
}
/// The shortest form that reads back as the same number.
std::string text(double value);

template <class T>
concept Textual = requires(const T& value) {
  text(value);
};

/// The texts of all arguments, one after the other. (The op concat() joins tensors.)
template <Textual... Args>
std::string concat(const Args&... args) {
  std::string all;
  (all.append(text(args)), ...);
  return all;
}

template <class... Args>
[[noreturn]] void fail(const Args&... args) {
  throw Error(concat(args...));
}

/// Throws Error with the concatenated arguments unless `ok`.
template <class... Args>
void check(bool ok, const Args&... args) {
  if (!ok) [[unlikely]]
    fail(args...);
}

}  // namespace papilio
