// SPDX-License-Identifier: Apache-2.0
// Parity cases for tests: what the public references computed, in shared/fixtures. Reads a case,
// generates the tensors and weights that it does not store, and compares with its tolerances. The
// rules are in fixtures/README.md.
#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

struct ParityCase {
  std::string file;         // its stem, for messages
  std::string kind, name;   // "method", "mean_teacher"
  nlohmann::json options;   // the case's options
  nlohmann::json metadata;  // the whole case object
  std::map<std::string, at::Tensor> stored;

  // Stored or generated; kData when the case has neither.
  at::Tensor tensor(const std::string& name) const;
  bool has(const std::string& name) const;
  // Stored and generated tensors whose names begin so, sorted: "draw.0.".
  std::vector<std::string> names(std::string_view prefix) const;
  // {"mc_noise": tensor} of "draw.0.mc_noise" for the prefix "draw.0.": as Draws::replay takes it.
  std::map<std::string, at::Tensor> tensors(std::string_view prefix) const;
};

// `path`: absolute, or from the fixtures' folder ("loss/dice_sq-….safetensors").
ParityCase load_case(const std::filesystem::path& path);

// All cases of a folder of the fixtures ("loss") whose file names begin so, sorted. kData when
// there is none.
std::vector<ParityCase> load_cases(const std::string& folder, const std::string& prefix);

// Element i = low + (high - low) u(key, i), rounded to the dtype; floor for integers.
at::Tensor generate(std::string_view key, at::IntArrayRef shape, double low, double high,
                    at::ScalarType dtype);

// Sets parameters and buffers in place by the rule for network weights (key "<seed>/<net>/<name>").
// Call it for parameters() and again for buffers(), without masks and index tables. Cases of kind
// `backbone` round to float32 whatever they compute in; those of kind `method` do not.
void fill_parameters(const std::vector<NamedTensor>& tensors, const std::string& seed,
                     const std::string& net, at::ScalarType rounded_to = at::kFloat);

// Which tolerances apply: `tolerance` or, for a run in float64, `tolerance_float64` where the case
// has one.
enum class Arithmetic { kFloat32, kFloat64 };

// EXPECT_TRUE(compare(c, "out.logits", logits)). Whole tensors and digests (.at, .index, .sum,
// .l2); values that are not finite must be so at the same places. The failure message names the
// largest deviation and the number of bad elements.
testing::AssertionResult compare(const ParityCase& parity, const std::string& name,
                                 const at::Tensor& actual,
                                 Arithmetic arithmetic = Arithmetic::kFloat32);

}  // namespace semiseg
