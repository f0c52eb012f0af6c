// SPDX-License-Identifier: Apache-2.0
// From the values of a pickle of torch.save to the tensors that they describe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "framework/files/pickle.h"

namespace semiseg {

// The names of classes and functions that such a pickle may refer to.
std::set<std::string> torch_globals();

// Throws kData: this is no PyTorch file, and why.
[[noreturn]] void malformed_torch(const std::string& where, std::string what,
                                  std::string expected = "", std::string got = "");

// Locates the numbers of a tensor in the file: ('storage', type, key, device, count, …).
struct TorchStorage {
  std::string key;
  at::ScalarType dtype;
  int64_t count;  // elements
};

// Throws kData naming `where` when the value describes no storage.
TorchStorage torch_storage(const PickleValue& external, const std::string& where);

// Returns the flat numbers of a storage. It is called once for each.
using ReadTorchStorage = std::function<at::Tensor(const TorchStorage&, const std::string& where)>;

// Returns the tensors below `root` by name. `size` is that of the file in bytes, which memory and
// time are held against. Throws kData naming `file` for what is no tensor that PyTorch saves.
std::map<std::string, at::Tensor> build_torch_tensors(const std::string& file, size_t size,
                                                      const ReadTorchStorage& read,
                                                      const PickleValue& root);

}  // namespace semiseg
