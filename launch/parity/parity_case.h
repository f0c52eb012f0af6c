// SPDX-License-Identifier: Apache-2.0
// The results of a reference implementation, recorded in one safetensors file: inputs, random
// numbers, expected results and their tolerances. Tensors that the file does not store follow from
// a rule of generation: element i of a tensor with key k is low + (high - low) u(k, i), u of
// FNV-1a and SplitMix64.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// The options of a case, which remember which of them were asked for: the runner does not know the
// others.
class CaseOptions {
 public:
  CaseOptions() = default;
  CaseOptions(nlohmann::json values) : values_(std::move(values)) {}

  const nlohmann::json& at(const std::string& name) const { return values_.at(asked(name)); }
  bool contains(const std::string& name) const { return values_.contains(asked(name)); }
  template <class Value>
  Value value(const std::string& name, const Value& otherwise) const {
    return values_.value(asked(name), otherwise);
  }
  std::string value(const std::string& name, const char* otherwise) const {
    return value(name, std::string(otherwise));
  }
  // Returns all options and marks none as asked for.
  const nlohmann::json& all() const { return values_; }
  // Returns the options that nothing asked for, sorted.
  std::vector<std::string> unread() const;

 private:
  const std::string& asked(const std::string& name) const { return *asked_.insert(name).first; }

  nlohmann::json values_ = nlohmann::json::object();
  mutable std::set<std::string> asked_;
};

struct ParityCase {
  std::string kind, name;   // "method", "mean_teacher"
  CaseOptions options;      // the configuration of what is tested
  nlohmann::json metadata;  // the whole case object
  std::map<std::string, at::Tensor> stored;

  // Returns a stored or generated tensor; throws kData when the case has neither.
  at::Tensor tensor(const std::string& name) const;
  bool has(const std::string& name) const;
  // Returns the names of stored and generated tensors that begin so, sorted: "draw.0.".
  std::vector<std::string> names(std::string_view prefix) const;
  // {"mc_noise": tensor} of "draw.0.mc_noise" for the prefix "draw.0.": as Draws::replay takes it.
  std::map<std::string, at::Tensor> tensors(std::string_view prefix) const;
};

// Throws kData naming the file when it cannot be read or is not a case.
ParityCase load_case(const std::filesystem::path& path);

// Element i = low + (high - low) u(key, i), rounded to the dtype; floor for integers.
at::Tensor generate(std::string_view key, at::IntArrayRef shape, double low, double high,
                    at::ScalarType dtype);

// Sets parameters and buffers in place by the rule for network weights (key "<seed>/<net>/<name>").
// Call it for parameters() and again for buffers(), without masks and index tables. Cases of kind
// `backbone` round to float32 whatever they compute in; those of kind `method` do not.
void fill_parameters(const std::vector<NamedTensor>& tensors, const std::string& seed,
                     const std::string& net, at::ScalarType rounded_to = at::kFloat);

}  // namespace semiseg
