// SPDX-License-Identifier: Apache-2.0
// Files as torch.save writes them, opcode by opcode, for tests of their reader.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace semiseg {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// A pickle stream of protocol 2 in the making.
class PickleWriter {
 public:
  PickleWriter& raw(const std::string& bytes);
  PickleWriter& text(const std::string& value);    // BINUNICODE
  PickleWriter& integer(int64_t value);            // BININT, LONG1 beyond 32 bits
  PickleWriter& integers(at::IntArrayRef values);  // a tuple
  PickleWriter& global(const std::string& module, const std::string& name);
  // OrderedDict of tensors with the attribute _metadata, as a state_dict is. Storages are numbered
  // on from those that were written before.
  PickleWriter& state_dict(const NamedTensors& tensors, bool is_legacy);
  // torch._utils._rebuild_tensor_v2 of storage `key`.
  PickleWriter& tensor(const std::string& key, const at::Tensor& value, bool is_legacy);
  std::string finish() const { return "\x80\x02" + bytes_ + "."; }

  NamedTensors storages;  // key and what it holds, in order

 private:
  std::string bytes_;
};

// A zip archive as of PyTorch 1.6 with this stream and these storages.
void write_torch_zip(const std::filesystem::path& path, const std::string& stream,
                     const NamedTensors& storages);

// A file as of PyTorch 1.5 and before.
void write_torch_legacy(const std::filesystem::path& path, const std::string& stream,
                        const NamedTensors& storages);

// Writes what `fill` puts as the whole value, in both formats: torch.zip.pth and torch.legacy.pth
// in `folder`.
std::vector<std::filesystem::path> write_torch_files(
    const std::filesystem::path& folder,
    const std::function<void(PickleWriter& writer, bool is_legacy)>& fill);

}  // namespace semiseg
