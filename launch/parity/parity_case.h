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
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

struct ParityCase {
  std::string kind, name;   // "method", "mean_teacher"
  nlohmann::json options;   // the configuration of the tested part; read with at() or value()
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
