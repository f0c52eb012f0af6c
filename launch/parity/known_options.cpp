// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/case_options.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace semiseg {
namespace {

using Json = nlohmann::json;

// These say how a case was made; its tensors say the same.
const std::set<std::string> kDescriptions = {
    "batch",       "blur",           "branch",    "classes",   "features", "image",
    "in_channels", "integer_ranges", "jitter",    "label",     "masked",   "nets",
    "network",     "no_gradient",    "nonfinite", "precision", "raises",   "resize",
    "seed",        "shape",          "size",      "strength"};

// Options of a reference that has several ways, with the one way that the program implements.
const std::map<std::string, Json> kOnlyValues = {{"accumulator", "float32"},
                                                 {"factor", "out / in"},
                                                 {"head_mode", "conv1x1"},
                                                 {"mode", "constant"},
                                                 {"order", 0},
                                                 {"reshape", false},
                                                 {"sigma_scale", 0.125},
                                                 {"value", 0}};

}  // namespace

std::vector<std::string> unknown_options(const ParityCase& parity) {
  std::vector<std::string> found;
  if (parity.kind == "backbone" || parity.kind == "method") return found;
  for (const std::string& name : parity.options.unread()) {
    if (kDescriptions.contains(name)) continue;
    const auto only = kOnlyValues.find(name);
    const Json& given = parity.options.all().at(name);
    if (only == kOnlyValues.end()) {
      found.push_back(fmt::format("no runner knows the option '{}'", name));
    } else if (given != only->second) {
      found.push_back(fmt::format("the option '{}' is {}: the program knows {} only", name,
                                  given.dump(), only->second.dump()));
    }
  }
  return found;
}

}  // namespace semiseg
