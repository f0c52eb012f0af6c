// SPDX-License-Identifier: Apache-2.0
// The weights of one network in a file that another program (or `semiseg export`) wrote.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace semiseg {

using Weights = std::map<std::string, at::Tensor>;  // by parameter name; on the CPU

// Reads files that torch.save wrote, whatever their name, and those that end in .safetensors. In a
// PyTorch file the names may be nested: `entry` says where ("net", "state/teacher"); empty: the
// outermost dictionary if it holds tensors, else the one called state_dict, model_state_dict,
// model, network, network_weights or net, else the only one. Prefixes that wrappers put before
// every name ("module.", "_orig_mod.") are taken off. Throws kData naming the file when it is of
// another kind, is damaged, or when it is not clear which dictionary is meant; the message lists
// them.
Weights read_weights(const std::filesystem::path& path, const std::string& entry = "");

// Returns 16 hexadecimal digits that depend on names, types, shapes and numbers only, so the same
// weights in another file have the same checksum.
std::string checksum(const Weights& weights);

}  // namespace semiseg
