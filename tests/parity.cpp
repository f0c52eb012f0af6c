// SPDX-License-Identifier: Apache-2.0
#include "tests/parity.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "framework/checkpoint/safetensors.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

fs::path fixtures() { return fs::path(SEMISEG_SOURCE_DIR) / ".." / "shared" / "fixtures"; }

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
              {.what = "no rule of the fixtures gives this tensor", .where = tensor.name});
}

struct Tolerance {
  double rtol, atol;
};

Tolerance tolerance_of(const ParityCase& parity, const std::string& name, Arithmetic arithmetic) {
  const bool is_double =
      arithmetic == Arithmetic::kFloat64 && parity.metadata.contains("tolerance_float64");
  const auto& table = parity.metadata.at(is_double ? "tolerance_float64" : "tolerance");
  const auto& entry = table.contains(name) ? table.at(name) : table.at("default");
  return {entry.at("rtol").get<double>(), entry.at("atol").get<double>()};
}

at::Tensor flat_double(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU, at::kDouble).contiguous().flatten();
}

// How far beyond its tolerance: at most 0 is right.
double excess(double expected, double actual, const Tolerance& tolerance) {
  if (!std::isfinite(expected) || !std::isfinite(actual)) {
    const bool same = (std::isnan(expected) && std::isnan(actual)) || expected == actual;
    return same ? 0 : INFINITY;
  }
  return std::abs(actual - expected) - (tolerance.atol + tolerance.rtol * std::abs(expected));
}

testing::AssertionResult compare_values(const std::string& what, const at::Tensor& expected,
                                        const at::Tensor& actual, const Tolerance& tolerance) {
  const at::Tensor e = flat_double(expected), a = flat_double(actual);
  const double *want = e.data_ptr<double>(), *have = a.data_ptr<double>();
  int64_t bad = 0, worst = 0;
  double worst_excess = -INFINITY;
  for (int64_t i = 0; i < e.numel(); ++i) {
    const double over = excess(want[i], have[i], tolerance);
    bad += over > 0;
    if (over > worst_excess) worst_excess = over, worst = i;
  }
  if (bad == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << what << ": " << bad << " of " << e.numel() << " differ, most at flat index " << worst
         << ": expected " << testing::PrintToString(want[worst]) << ", got "
         << testing::PrintToString(have[worst]) << " (deviation "
         << std::abs(have[worst] - want[worst]) << ", rtol " << tolerance.rtol << ", atol "
         << tolerance.atol << ")";
}

testing::AssertionResult compare_digest(const ParityCase& parity, const std::string& name,
                                        const at::Tensor& actual, Arithmetic arithmetic) {
  const std::string what = parity.file + " " + name;
  const at::Tensor values = flat_double(actual);
  const at::Tensor at_index = values.index_select(0, parity.tensor(name + ".index"));
  const auto points = compare_values(what + ".at", parity.tensor(name + ".at"), at_index,
                                     tolerance_of(parity, name, arithmetic));
  if (!points) return points;
  const auto sum = compare_values(what + ".sum", parity.tensor(name + ".sum"), values.sum(),
                                  tolerance_of(parity, name + ".sum", arithmetic));
  if (!sum) return sum;
  return compare_values(what + ".l2", parity.tensor(name + ".l2"), values.norm(),
                        tolerance_of(parity, name + ".l2", arithmetic));
}

}  // namespace

bool ParityCase::has(const std::string& tensor_name) const {
  return stored.contains(tensor_name) || metadata.at("generated").contains(tensor_name);
}

at::Tensor ParityCase::tensor(const std::string& tensor_name) const {
  const auto found = stored.find(tensor_name);
  if (found != stored.end()) return found->second;
  const auto& generated = metadata.at("generated");
  if (!generated.contains(tensor_name)) {
    throw Error(ErrorKind::kData, {.what = "the case has no tensor " + tensor_name, .where = file});
  }
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

ParityCase load_case(const fs::path& path) {
  Safetensors content = read_safetensors(path.is_absolute() ? path : fixtures() / path);
  ParityCase parity{.file = path.stem().string(), .stored = std::move(content.tensors)};
  parity.metadata = nlohmann::json::parse(content.metadata.at("case"));
  parity.kind = parity.metadata.at("kind").get<std::string>();
  parity.name = parity.metadata.at("name").get<std::string>();
  parity.options = parity.metadata.at("options");
  return parity;
}

std::vector<ParityCase> load_cases(const std::string& folder, const std::string& prefix) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fixtures() / folder)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(prefix) && entry.path().extension() == ".safetensors")
      files.push_back(entry.path());
  }
  if (files.empty()) {
    throw Error(
        ErrorKind::kData,
        {.what = "no parity case", .where = (fixtures() / folder).string(), .expected = prefix});
  }
  std::sort(files.begin(), files.end());
  std::vector<ParityCase> cases;
  for (const auto& file : files) cases.push_back(load_case(file));
  return cases;
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

testing::AssertionResult compare(const ParityCase& parity, const std::string& name,
                                 const at::Tensor& actual, Arithmetic arithmetic) {
  if (!actual.defined())
    return testing::AssertionFailure() << parity.file << " " << name << ": undefined tensor";
  const bool is_digest = parity.has(name + ".index");
  std::vector<int64_t> sizes;
  if (is_digest) {
    sizes = parity.metadata.at("digest").at(name).get<std::vector<int64_t>>();
  } else {
    sizes = parity.tensor(name).sizes().vec();
  }
  const bool both_scalar = !is_digest && parity.tensor(name).numel() == 1 && actual.numel() == 1;
  if (actual.sizes() != at::IntArrayRef(sizes) && !both_scalar) {
    return testing::AssertionFailure()
           << parity.file << " " << name << ": expected shape " << testing::PrintToString(sizes)
           << ", got " << testing::PrintToString(actual.sizes().vec());
  }
  if (is_digest) return compare_digest(parity, name, actual, arithmetic);
  return compare_values(parity.file + " " + name, parity.tensor(name), actual,
                        tolerance_of(parity, name, arithmetic));
}

}  // namespace semiseg
