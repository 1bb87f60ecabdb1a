// Fields: the visitor of a module's members. A module lists them once, in fields(); that list
// serves parameters, saving, loading, printing and counting.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "papilio/core/parameter.h"
#include "papilio/core/tensor.h"

namespace papilio {

class Module;

/// In a module: `void fields(Fields& f) override { f("weight", weight_), f("bias", bias_),
/// f("norm", norm_); }`. A Parameter is trained; a Tensor is a buffer: saved, neither trained nor
/// counted. Undefined ones and null pointers are passed over, so that an absent bias needs no
/// branch. The members of a vector are named "name.0", "name.1", ...
class Fields {
 public:
  virtual ~Fields() = default;

  void operator()(std::string_view name, Parameter& member);
  void operator()(std::string_view name, Tensor& member);
  void operator()(std::string_view name, Module& member);
  template <std::derived_from<Module> M>
  void operator()(std::string_view name, std::unique_ptr<M>& member) {
    if (member) (*this)(name, *member);
  }
  template <class Member>
  void operator()(std::string_view name, std::vector<Member>& members) {
    for (size_t i = 0; i < members.size(); ++i)
      (*this)(std::string(name) + "." + std::to_string(i), members[i]);
  }

 protected:
  // Called with the full path, "encoder.2.weight".
  virtual void parameter(const std::string& /*path*/, Parameter& /*member*/) {}
  virtual void buffer(const std::string& /*path*/, Tensor& /*member*/) {}
  /// Called for a module before its own members, which are visited when it returns true.
  virtual bool module(const std::string& /*path*/, Module& /*member*/) { return true; }

 private:
  std::string path(std::string_view name) const;

  std::string prefix_;
};

}  // namespace papilio
