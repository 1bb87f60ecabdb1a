#include "papilio/core/config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace papilio {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr std::string_view kTypes[] = {"null",     "a boolean", "an integer", "a number",
                                       "a string", "an array",  "an object"};

// Receives nlohmann's parse events; the containers that are still open stand on a stack.
class Builder {
 public:
  Config root;

  bool null() { return put({}); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(int64_t value) { return put(value); }
  bool number_unsigned(uint64_t value) {
    check(value <= uint64_t{std::numeric_limits<int64_t>::max()}, "JSON: the integer ", value,
          " needs more than 64 bits");
    return put(value);
  }
  bool number_float(double value, const std::string& digits) {
    check(digits.find_first_of(".eE") != digits.npos, "JSON: the integer ", digits,
          " needs more than 64 bits");
    return put(value);
  }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(const std::vector<uint8_t>&) { return false; }  // JSON has none

  bool start_object(size_t) { return open(); }
  bool key(std::string& name) {
    open_.back().members.emplace_back(std::move(name), Config());
    return true;
  }
  bool end_object() { return put(Config(std::move(close().members))); }
  bool start_array(size_t) { return open(); }
  bool end_array() { return put(std::move(close().items)); }

  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) {
    const std::string_view what = error.what();
    fail("JSON: ", what.substr(what.find("] ") + 2));  // after "[json.exception...] "
  }

 private:
  struct Container {
    Config::Array items;
    Config::Object members;
  };

  bool open() {
    check(open_.size() < kMaxDepth, "JSON: nested deeper than ", kMaxDepth);
    open_.emplace_back();
    return true;
  }
  Container close() {
    Container last = std::move(open_.back());
    open_.pop_back();
    return last;
  }
  bool put(Config value) {
    if (open_.empty())
      root = std::move(value);
    else if (Container& in = open_.back(); !in.members.empty())
      in.members.back().second = std::move(value);
    else
      in.items.push_back(std::move(value));
    return true;
  }

  std::vector<Container> open_;
};

// One overload a type; containers are written with `indent` columns more than `margin`.
struct Writer {
  std::string& out;
  int indent;
  int margin;

  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(int64_t value) const { out += text(value); }
  void operator()(double value) const {
    const std::string digits = std::isfinite(value) ? text(value) : "null";
    out += digits;
    if (digits.find_first_of(".enu") == digits.npos) out += ".0";  // reads back as a number
  }
  void operator()(const std::string& value) const {
    try {
      out += nlohmann::json(value).dump();
    } catch (const nlohmann::json::exception&) {
      fail("JSON: the text '", value, "' is not UTF-8");
    }
  }
  template <class Items, class Write>
  void list(const char* brackets, const Items& items, Write write) const {
    out += brackets[0];
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += indent > 0 ? "," : ", ";
      new_line(margin + indent);
      write(items[i]);
    }
    if (!items.empty()) new_line(margin);
    out += brackets[1];
  }
  void new_line(int columns) const {
    if (indent > 0) out.append("\n").append(static_cast<size_t>(columns), ' ');
  }
};

std::string keys_of(const Config::Object& members) {
  std::string all;
  for (const auto& [key, value] : members) all += (all.empty() ? "" : ", ") + key;
  return all.empty() ? "it has none" : "it has " + all;
}

// A conversion of member `key`, whose error then names the key.
template <class T>
T typed(const Config& config, std::string_view key, T otherwise, T (*convert)(const Config&)) {
  const Config* member = config.find(key);
  if (!member) return otherwise;
  try {
    return convert(*member);
  } catch (const Error& error) {
    fail("'", key, "': ", error.message());
  }
}

}  // namespace

Config::Config(Object value) {
  std::vector<std::string_view> keys;
  for (const auto& member : value) keys.push_back(member.first);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) fail("config: the key '", *twice, "' is there twice");
  value_ = std::move(value);
}

Config::Config(std::initializer_list<std::pair<std::string, Config>> members)
    : Config(Object(members)) {}

Config Config::parse(std::string_view json) {
  Builder builder;
  nlohmann::json::sax_parse(json, &builder);
  return std::move(builder.root);
}

std::string Config::dump(int indent) const {
  std::string out;
  dump(out, indent, 0);
  return out;
}

void Config::dump(std::string& out, int indent, int margin) const {
  const Writer writer{out, indent, margin};
  if (is_array())
    writer.list("[]", as_array(),
                [&](const Config& item) { item.dump(out, indent, margin + indent); });
  else if (is_object())
    writer.list("{}", as_object(), [&](const auto& member) {
      writer(member.first);
      out += ": ";
      member.second.dump(out, indent, margin + indent);
    });
  else
    std::visit(
        [&](const auto& value) {
          if constexpr (requires { writer(value); }) writer(value);
        },
        value_);
}

template <class T>
const T& Config::as(std::string_view expected) const {
  if (const T* value = std::get_if<T>(&value_)) return *value;
  const bool is_list = is_array() || is_object();
  fail("config: expected ", expected, ", it is ", kTypes[value_.index()],
       is_list || is_null() ? "" : ": " + dump());
}

bool Config::as_bool() const { return as<bool>("a boolean"); }
int64_t Config::as_int() const { return as<int64_t>("an integer"); }
double Config::as_double() const {
  const int64_t* integer = std::get_if<int64_t>(&value_);
  return integer ? static_cast<double>(*integer) : as<double>("a number");
}
const std::string& Config::as_string() const { return as<std::string>("a string"); }
const Config::Array& Config::as_array() const { return as<Array>("an array"); }
const Config::Object& Config::as_object() const { return as<Object>("an object"); }

const Config* Config::find(std::string_view key) const {
  for (const auto& [name, value] : as_object())
    if (name == key) return &value;
  return nullptr;
}

const Config& Config::at(std::string_view key) const {
  const Config* member = find(key);
  check(member, "config: no key '", key, "'; ", keys_of(as_object()));
  return *member;
}

Config& Config::operator[](std::string_view key) {
  if (is_null()) value_ = Object();
  if (const Config* member = find(key)) return const_cast<Config&>(*member);
  return std::get<Object>(value_).emplace_back(key, Config()).second;
}

void Config::push_back(Config value) {
  if (is_null()) value_ = Array();
  as_array();  // refuses every other type
  std::get<Array>(value_).push_back(std::move(value));
}

bool Config::get(std::string_view key, bool otherwise) const {
  return typed<bool>(*this, key, otherwise, [](const Config& c) { return c.as_bool(); });
}
int64_t Config::get(std::string_view key, int64_t otherwise) const {
  return typed<int64_t>(*this, key, otherwise, [](const Config& c) { return c.as_int(); });
}
double Config::get(std::string_view key, double otherwise) const {
  return typed<double>(*this, key, otherwise, [](const Config& c) { return c.as_double(); });
}
std::string Config::get(std::string_view key, const char* otherwise) const {
  return typed<std::string>(*this, key, otherwise, [](const Config& c) { return c.as_string(); });
}

void Config::expect_keys(std::initializer_list<std::string_view> keys,
                         std::string_view what) const {
  for (const auto& [key, value] : as_object()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    std::string valid;
    for (std::string_view each : keys) valid.append(valid.empty() ? "" : ", ").append(each);
    fail(what, ": '", key, "' is not a key; valid: ", valid);
  }
}

}  // namespace papilio
