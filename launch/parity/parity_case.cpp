// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/parity_case.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "framework/core/error.h"
#include "framework/files/json.h"
#include "framework/files/safetensors.h"
#include "launch/parity/statistics_case.h"

namespace semiseg {
namespace {

uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// [0, 1) in steps of 2^-24.
double unit(uint64_t hash, uint64_t index) {
  uint64_t z = hash + (index + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return static_cast<double>((z ^ (z >> 31)) >> 40) * 0x1p-24;
}

at::ScalarType dtype_of(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "float64") return at::kDouble;
  if (name == "int64") return at::kLong;
  if (name == "uint8") return at::kByte;
  throw Error(ErrorKind::kData, {.what = "a case generates a tensor of unknown type", .got = name});
}

// Range of the network weight rule.
std::pair<double, double> weight_range(const NamedTensor& tensor) {
  const std::string last = tensor.name.substr(tensor.name.rfind('.') + 1);
  if (last == "num_batches_tracked") return {0, 0};
  if (tensor.value.dim() >= 2) {
    const double fan_in = static_cast<double>(tensor.value.numel() / tensor.value.size(0));
    const double bound = std::sqrt(3.0 / fan_in);
    return {-bound, bound};
  }
  if (last == "weight" || last == "running_var") return {0.8, 1.2};
  if (last == "bias" || last == "running_mean") return {-0.1, 0.1};
  throw Error(ErrorKind::kData,
              {.what = "no rule of the cases gives this tensor", .where = tensor.name});
}

}  // namespace

std::vector<std::string> CaseOptions::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : values_.items()) {
    if (!asked_.contains(name)) names.push_back(name);
  }
  return names;
}

bool ParityCase::has(const std::string& tensor_name) const {
  return stored.contains(tensor_name) || metadata.at("generated").contains(tensor_name);
}

at::Tensor ParityCase::tensor(const std::string& tensor_name) const {
  const auto found = stored.find(tensor_name);
  if (found != stored.end()) return found->second;
  const auto& generated = metadata.at("generated");
  if (!generated.contains(tensor_name))
    throw Error(ErrorKind::kData, {.what = "the case has no tensor " + tensor_name});
  const auto& rule = generated.at(tensor_name);
  return generate(rule.at("key").get<std::string>(), rule.at("shape").get<std::vector<int64_t>>(),
                  rule.at("range").at(0).get<double>(), rule.at("range").at(1).get<double>(),
                  dtype_of(rule.at("dtype").get<std::string>()));
}

std::vector<std::string> ParityCase::names(std::string_view prefix) const {
  std::vector<std::string> result;
  for (const auto& [key, value] : stored) {
    if (key.starts_with(prefix)) result.push_back(key);
  }
  for (const auto& [key, rule] : metadata.at("generated").items()) {
    if (key.starts_with(prefix)) result.push_back(key);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::map<std::string, at::Tensor> ParityCase::tensors(std::string_view prefix) const {
  std::map<std::string, at::Tensor> result;
  for (const auto& key : names(prefix)) result.emplace(key.substr(prefix.size()), tensor(key));
  return result;
}

ParityCase load_case(const std::filesystem::path& path) {
  if (path.extension() == ".json") return load_statistics_case(path);
  Safetensors content = read_safetensors(path);
  ParityCase parity{.stored = std::move(content.tensors)};
  try {
    const std::string& text = content.metadata.at("case");
    check_json_bounds(text, path.string());
    parity.metadata = nlohmann::json::parse(text);
    parity.kind = parity.metadata.at("kind").get<std::string>();
    parity.name = parity.metadata.at("name").get<std::string>();
    parity.options = CaseOptions(parity.metadata.at("options"));
    parity.metadata.emplace("generated", nlohmann::json::object());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "this file holds no parity case",
                                   .where = path.string(),
                                   .expected = "metadata 'case' with kind, name and options",
                                   .got = error.what()});
  }
  return parity;
}

at::Tensor generate(std::string_view key, at::IntArrayRef shape, double low, double high,
                    at::ScalarType dtype) {
  at::Tensor values = at::empty(shape, at::kDouble);
  double* out = values.data_ptr<double>();
  const uint64_t hash = fnv1a64(key);
  const bool is_integer = at::isIntegralType(dtype, /*includeBool=*/true);
  for (int64_t i = 0; i < values.numel(); ++i) {
    const double value = low + (high - low) * unit(hash, static_cast<uint64_t>(i));
    out[i] = is_integer ? std::floor(value) : value;
  }
  return values.to(dtype);
}

void fill_parameters(const std::vector<NamedTensor>& tensors, const std::string& seed,
                     const std::string& net, at::ScalarType rounded_to) {
  const at::NoGradGuard no_grad;
  for (const auto& tensor : tensors) {
    const auto [low, high] = weight_range(tensor);
    at::Tensor target = tensor.value;
    target.copy_(
        generate(seed + "/" + net + "/" + tensor.name, target.sizes(), low, high, rounded_to));
  }
}

}  // namespace semiseg
