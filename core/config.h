// Config: the value type of everything that is set by name: model configurations, checkpoint
// metadata, reports. It is JSON's data model: null, bool, integer, number, string, array or object
// with ordered keys.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "papilio/core/error.h"

namespace papilio {

class Config {
 public:
  using Array = std::vector<Config>;
  /// In order of insertion, keys unique.
  using Object = std::vector<std::pair<std::string, Config>>;

  Config() = default;  ///< null
  Config(bool value) : value_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Config(T value) : value_(static_cast<int64_t>(value)) {}
  Config(double value) : value_(value) {}
  Config(const char* value) : value_(std::string(value)) {}
  Config(std::string_view value) : value_(std::string(value)) {}
  Config(std::string value) : value_(std::move(value)) {}
  Config(Array value) : value_(std::move(value)) {}
  /// Throws Error when a key is there twice; so does the next.
  Config(Object value);
  /// An object: Config{{"width", 1024}, {"hidden", "butterfly"}}.
  Config(std::initializer_list<std::pair<std::string, Config>> members);
  static Config object() { return Config(std::initializer_list<std::pair<std::string, Config>>{}); }

  /// Throws Error with the position when `json` is not a JSON text, and when it nests deeper than
  /// 64, has a key twice in one object, or an integer that needs more than 64 bits.
  static Config parse(std::string_view json);
  /// JSON; indent 0 is one line. Numbers read back as the same bits; NaN and infinities are written
  /// as null. Throws Error when a string is not UTF-8.
  std::string dump(int indent = 0) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }

  // The value as a type; throws Error that says what it is and what was expected. Integers convert
  // to double.
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  /// Member of an object; null when there is none.
  const Config* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// Member of an object; throws Error that lists the keys when there is none.
  const Config& at(std::string_view key) const;
  /// Member of an object, made when absent. Makes null an object.
  Config& operator[](std::string_view key);
  /// Appends to an array. Makes null an array.
  void push_back(Config value);

  // A member as a type, or a default when it is absent. An error names the key.
  bool get(std::string_view key, bool otherwise) const;
  int64_t get(std::string_view key, int64_t otherwise) const;
  double get(std::string_view key, double otherwise) const;
  std::string get(std::string_view key, const char* otherwise) const;
  int64_t get(std::string_view key, int otherwise) const {
    return get(key, static_cast<int64_t>(otherwise));
  }

  /// Throws Error that lists the valid keys when this object has another one: `what` names it in
  /// the message.
  void expect_keys(std::initializer_list<std::string_view> keys, std::string_view what) const;

  bool operator==(const Config& other) const = default;

 private:
  template <class T>
  const T& as(std::string_view expected) const;
  void dump(std::string& out, int indent, int margin) const;

  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace papilio
