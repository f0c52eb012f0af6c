// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/weight_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "framework/core/error.h"
#include "framework/files/safetensors.h"
#include "framework/files/torch_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// The names that reference codes and common trainers use for the network's dictionary, the most
// specific first.
constexpr const char* kUsualEntries[] = {"state_dict", "model_state_dict", "model",
                                         "network",    "network_weights",  "net"};
constexpr std::string_view kWrappers[] = {"module.", "_orig_mod."};  // DataParallel, torch.compile

// "net/encoder.weight" → "net"; "" at the top.
std::string entry_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// An optimiser's state is numbered: "optimizer/state/0".
bool is_numbered(const std::string& entry) {
  const std::string last = entry.substr(entry.rfind('/') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

[[noreturn]] void fail_to_choose(const std::map<std::string, Weights>& entries,
                                 const std::string& file, const std::string& wanted) {
  std::vector<std::string> found;
  for (const auto& [name, weights] : entries) {
    if (!is_numbered(name)) found.push_back(fmt::format("'{}' ({} tensors)", name, weights.size()));
  }
  throw Error(ErrorKind::kData,
              {.what = wanted.empty() ? "it is not clear which tensors of the file are the network"
                                      : "the file has no entry '" + wanted + "'",
               .where = file,
               .got = found.empty() ? "no tensors" : fmt::format("{}", fmt::join(found, ", ")),
               .fix = "name one of them with backbone.weights_entry=…"});
}

Weights choose(std::map<std::string, Weights> entries, const std::string& wanted,
               const std::string& file) {
  const auto take = [&](const std::string& name) { return std::move(entries.at(name)); };
  if (!wanted.empty()) {
    if (entries.contains(wanted)) return take(wanted);
    fail_to_choose(entries, file, wanted);
  }
  if (entries.contains("")) return take("");
  for (const char* usual : kUsualEntries) {
    if (entries.contains(usual)) return take(usual);
  }
  std::vector<std::string> candidates;
  for (const auto& [name, weights] : entries) {
    if (!is_numbered(name)) candidates.push_back(name);
  }
  if (candidates.size() != 1) fail_to_choose(entries, file, "");
  return take(candidates[0]);
}

bool all_start_with(const Weights& weights, std::string_view prefix) {
  return !weights.empty() &&
         std::all_of(weights.begin(), weights.end(),
                     [prefix](const auto& item) { return item.first.starts_with(prefix); });
}

Weights without_wrappers(Weights weights) {
  for (bool is_wrapped = true; is_wrapped;) {
    is_wrapped = false;
    for (const std::string_view prefix : kWrappers) {
      if (!all_start_with(weights, prefix)) continue;
      Weights bare;
      for (auto& [name, value] : weights) bare.emplace(name.substr(prefix.size()), value);
      weights = std::move(bare);
      is_wrapped = true;
    }
  }
  return weights;
}

Weights read_torch_entry(const fs::path& path, const std::string& wanted) {
  std::map<std::string, Weights> entries;
  for (auto& [name, value] : read_torch_file(path)) {
    const std::string entry = entry_of(name);
    entries[entry].emplace(name.substr(entry.empty() ? 0 : entry.size() + 1), value);
  }
  return choose(std::move(entries), wanted, path.string());
}

}  // namespace

Weights read_weights(const fs::path& path, const std::string& entry) {
  if (is_torch_file(path)) return without_wrappers(read_torch_entry(path, entry));
  if (path.extension() == ".safetensors")
    return without_wrappers(std::move(read_safetensors(path).tensors));
  throw Error(
      ErrorKind::kData,
      {.what = fs::exists(path) ? "not a file of weights" : "there is no such file of weights",
       .where = path.string(),
       .expected = "a name that ends in .safetensors, or a file that torch.save wrote"});
}

std::string checksum(const Weights& weights) {
  XXH64_hash_t hash = 0;
  for (const auto& [name, value] : weights) {
    const at::Tensor bytes = value.contiguous();
    const std::string head =
        fmt::format("{} {} {}", name, at::toString(value.scalar_type()), value.sizes().vec());
    hash = XXH3_64bits_withSeed(head.data(), head.size(), hash);
    hash = XXH3_64bits_withSeed(bytes.data_ptr(), bytes.nbytes(), hash);
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace semiseg
