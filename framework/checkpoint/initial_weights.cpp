// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/initial_weights.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// The mismatches, in a line for each kind.
struct Mismatches {
  std::vector<std::string> missing, unexpected, different;

  std::string text() const {
    std::vector<std::string> lines;
    const auto add = [&lines](const char* title, const std::vector<std::string>& names) {
      if (!names.empty())
        lines.push_back(fmt::format("{} {}: {}", names.size(), title, fmt::join(names, ", ")));
    };
    add("missing in the file", missing);
    add("unexpected", unexpected);
    add("different", different);
    return fmt::format("{}", fmt::join(lines, "\n            "));
  }
};

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{}{}", tensor.is_floating_point() ? "" : "integers ", tensor.sizes().vec());
}

Mismatches compare(const std::vector<NamedTensor>& network, const Weights& weights) {
  Mismatches found;
  Weights rest = weights;
  for (const auto& [name, value] : network) {
    const auto given = rest.find(name);
    if (given == rest.end()) {
      if (!name.ends_with("num_batches_tracked")) found.missing.push_back(name);
      continue;
    }
    if (given->second.sizes() != value.sizes() ||
        given->second.is_floating_point() != value.is_floating_point()) {
      found.different.push_back(
          fmt::format("{} (expected {}, got {})", name, describe(value), describe(given->second)));
    }
    rest.erase(given);
  }
  for (const auto& [name, value] : rest) found.unexpected.push_back(name);
  return found;
}

}  // namespace

void put_weights(const Backbone& network, const Weights& weights, const std::string& file) {
  std::vector<NamedTensor> tensors = network.parameters();
  tensors.insert(tensors.end(), network.buffers().begin(), network.buffers().end());
  const std::string mismatches = compare(tensors, weights).text();
  if (!mismatches.empty()) {
    throw Error(
        ErrorKind::kData,
        {.what = "the weights do not fit the network",
         .where = file,
         .expected = fmt::format("{} tensors of the network", tensors.size()),
         .got = mismatches,
         .fix = "choose the backbone, its options and the data set (channels, classes) that "
                "the weights were trained with"});
  }
  const at::NoGradGuard no_grad;
  for (const auto& tensor : tensors) {
    const auto given = weights.find(tensor.name);
    if (given != weights.end()) tensor.value.copy_(given->second);
  }
}

InitialWeights InitialWeights::read(const Config& section) {
  InitialWeights initial;
  initial.section_ = section;
  section.read("weights", initial.file_,
               "File whose weights the networks start from: .safetensors, or .pth and .pt of "
               "torch.save; empty: random weights. Set it to start from a pre-trained network.");
  section.read(
      "weights_entry", initial.entry_,
      "Dictionary in a .pth file that holds the weights, such as \"net\" or \"state/teacher\"; "
      "empty: the only one, or the usual one. Set it when the file has several.");
  section.read("weights_for", initial.networks_,
               "Networks of the method that start from the file, such as [\"net1\"]; empty: all. "
               "Set it where two networks must begin apart.");
  return initial;
}

void InitialWeights::put_into(const Backbone& network, const std::string& net) {
  const bool is_chosen =
      networks_.empty() || std::find(networks_.begin(), networks_.end(), net) != networks_.end();
  if (file_.empty() || !is_chosen) return;
  if (!weights_) weights_ = read_weights(file_, entry_);
  put_weights(network, *weights_, file_);
}

void InitialWeights::check_networks(const std::vector<std::string>& networks) const {
  for (const auto& wanted : networks_) {
    if (std::find(networks.begin(), networks.end(), wanted) == networks.end()) {
      section_->fail("weights_for", "the method has no network '" + wanted + "'",
                     fmt::format("{}", fmt::join(networks, ", ")));
    }
  }
}

}  // namespace semiseg
