#include "papilio/layers/module.h"

#include <algorithm>
#include <utility>

namespace papilio {
namespace {

thread_local CallObserver* observer = nullptr;

// Finds a module among the members of another and gives its path.
class Finder : public Fields {
 public:
  explicit Finder(const void* wanted) : wanted_(wanted) {}
  std::string found;

 protected:
  bool module(const std::string& path, Module& member) override {
    if (&member == wanted_) found = path;
    return found.empty();
  }

 private:
  const void* wanted_;
};

class ParameterList : public Fields {
 public:
  std::vector<Parameter> all;

 protected:
  void parameter(const std::string& path, Parameter& member) override {
    if (std::find(all.begin(), all.end(), member) == all.end())
      all.emplace_back(member).set_name(path);
  }
};

Error located(const Error& error, Module& module) {
  std::string path = error.path();
  if (error.origin() != nullptr && error.origin() != &module) {
    Finder finder(error.origin());
    module.fields(finder);
    if (!finder.found.empty()) path = path.empty() ? finder.found : finder.found + "." + path;
  }
  return Error(error.message(), path, &module);
}

}  // namespace

std::string Fields::path(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : concat(prefix_, ".", name);
}

void Fields::operator()(std::string_view name, Parameter& member) {
  if (member.defined()) parameter(path(name), member);
}

void Fields::operator()(std::string_view name, Tensor& member) {
  if (member.defined()) buffer(path(name), member);
}

void Fields::operator()(std::string_view name, Module& member) {
  std::string full = path(name);
  if (!module(full, member)) return;
  std::swap(prefix_, full);
  member.fields(*this);
  std::swap(prefix_, full);
}

Tensor Module::operator()(const Tensor& x) {
  return call(x, [&] { return forward(x); });
}

Tensor Module::call(const Tensor& x, const std::function<Tensor()>& body) {
  try {
    Tensor y = body();
    if (observer) observer->callback_(*this, x, y);
    return y;
  } catch (const Error& error) {
    throw located(error, *this);
  }
}

std::vector<Parameter> Module::parameters() {
  ParameterList list;
  fields(list);
  return std::move(list.all);
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const Parameter& p : parameters()) count += real_count(p.value());
  return count;
}

void Module::freeze() {
  class Freezer : public Fields {
   protected:
    void parameter(const std::string&, Parameter& member) override { member.freeze(); }
    bool module(const std::string&, Module& member) override {
      member.frozen_ = true;
      return true;
    }
  } freezer;
  frozen_ = true;
  fields(freezer);
}

CallObserver::CallObserver(Callback callback)
    : callback_(std::move(callback)), outer_(std::exchange(observer, this)) {}
CallObserver::~CallObserver() { observer = outer_; }
bool CallObserver::watching() { return observer != nullptr; }

bool plain_inference() { return !Tape::recording() && !CallObserver::watching(); }

}  // namespace papilio
