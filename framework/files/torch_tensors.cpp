// SPDX-License-Identifier: Apache-2.0
// Format: PyTorch torch/_utils.py (_rebuild_tensor_v2).
#include "framework/files/torch_tensors.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/shape.h"

namespace semiseg {
namespace {

using Kind = PickleValue::Kind;

constexpr int kDeepest = 12;  // dictionaries in dictionaries
constexpr int64_t kMostValues = 1 << 22;
constexpr size_t kLongestName = 1024, kShownName = 100;
constexpr int64_t kMostCopies = 8;  // of the file's bytes, where tensors share a storage

constexpr std::pair<const char*, at::ScalarType> kStorages[] = {
    {"DoubleStorage", at::kDouble},     {"FloatStorage", at::kFloat}, {"HalfStorage", at::kHalf},
    {"BFloat16Storage", at::kBFloat16}, {"LongStorage", at::kLong},   {"IntStorage", at::kInt},
    {"ShortStorage", at::kShort},       {"CharStorage", at::kChar},   {"ByteStorage", at::kByte},
    {"BoolStorage", at::kBool}};

const PickleValue& item(const PickleValue& value, size_t i, Kind kind, const std::string& where) {
  if (i >= value.items.size() || value.items[i]->kind != kind)
    malformed_torch(where, fmt::format("part {} of a tensor is missing or of another kind", i));
  return *value.items[i];
}

std::vector<int64_t> sizes_of(const PickleValue& tuple, const std::string& where) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < tuple.items.size(); ++i) {
    sizes.push_back(item(tuple, i, Kind::kInteger, where).integer);
    if (sizes.back() < 0) malformed_torch(where, "negative size or stride");
  }
  if (!is_sound_shape(sizes)) malformed_torch(where, "sizes or strides that no tensor has");
  return sizes;
}

// True when offset, sizes and strides stay within `count` elements and no element is there more
// often than the storage has numbers, so that hostile sizes can neither overflow nor fill memory.
bool fits(int64_t offset, const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
          int64_t count) {
  if (offset < 0 || sizes.size() != strides.size()) return false;
  __int128 last = offset, elements = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    last += static_cast<__int128>(sizes[i] - 1) * strides[i];
    elements *= sizes[i];
    if (elements > count || last > count) return elements == 0;
  }
  return elements == 0 || last < count;
}

// Walks the tree of values and builds what tensors it describes.
class Builder {
 public:
  // `size`: bytes of the file, which memory and time are held against.
  Builder(std::string file, size_t size, ReadTorchStorage read)
      : file_(std::move(file)), size_(static_cast<int64_t>(size)), read_(std::move(read)) {}

  std::map<std::string, at::Tensor> build(const PickleValue& root) {
    walk(root, "", 0);
    return std::move(tensors_);
  }

 private:
  void walk(const PickleValue& value, const std::string& path, int depth) {
    // Each value takes a byte at the least; one that is shared could be walked without end.
    if (depth > kDeepest || ++visited_ > std::min(size_, kMostValues))
      malformed_torch(file_ + ": " + path.substr(0, kShownName),
                      "nested too deeply, or without end");
    if (path.size() > kLongestName)
      malformed_torch(file_ + ": " + path.substr(0, kShownName), "a name is too long",
                      fmt::format("at most {} bytes", kLongestName), std::to_string(path.size()));
    const auto below = [&](const std::string& key, const PickleValue& inner) {
      walk(inner, path.empty() ? key : path + "/" + key, depth + 1);
    };
    if (value.kind == Kind::kDict) {
      for (size_t i = 0; i < value.items.size(); i += 2) {
        const PickleValue& key = *value.items[i];
        below(key.kind == Kind::kText ? key.text : std::to_string(key.integer),
              *value.items[i + 1]);
      }
    } else if (value.kind == Kind::kList || value.kind == Kind::kTuple) {
      for (size_t i = 0; i < value.items.size(); ++i) below(std::to_string(i), *value.items[i]);
    } else if (value.kind == Kind::kCall && value.text != "torch.Size") {
      tensors_.insert_or_assign(path, tensor(value, file_ + ": " + path, depth));
    }
  }

  at::Tensor tensor(const PickleValue& call, const std::string& where, int depth) {
    const PickleValue& arguments = item(call, 0, Kind::kTuple, where);
    if (call.text == "torch._utils._rebuild_parameter") {
      if (depth > kDeepest) malformed_torch(where, "nested too deeply");
      return tensor(item(arguments, 0, Kind::kCall, where), where, depth + 1);
    }
    if (call.text != "torch._utils._rebuild_tensor_v2")
      malformed_torch(where, "a tensor is made in an unknown way", "", call.text);
    const at::Tensor numbers = storage(item(arguments, 0, Kind::kExternal, where), where);
    const int64_t offset = item(arguments, 1, Kind::kInteger, where).integer;
    const auto sizes = sizes_of(item(arguments, 2, Kind::kTuple, where), where),
               strides = sizes_of(item(arguments, 3, Kind::kTuple, where), where);
    if (!fits(offset, sizes, strides, numbers.numel()))
      malformed_torch(where, "a tensor reaches beyond its storage",
                      fmt::format("{} numbers", numbers.numel()));
    if (at::IntArrayRef(sizes).size() > 0 && c10::multiply_integers(sizes) == 0)
      return at::empty(sizes, numbers.scalar_type());
    const at::Tensor view = numbers.as_strided(sizes, strides, offset);
    copied_ += static_cast<int64_t>(view.nbytes());
    if (copied_ > kMostCopies * size_)
      malformed_torch(where, "its tensors take much more memory than the file has bytes",
                      fmt::format("at most {} times {} bytes", kMostCopies, size_));
    return view.clone(at::MemoryFormat::Contiguous);
  }

  at::Tensor storage(const PickleValue& external, const std::string& where) {
    const TorchStorage wanted = torch_storage(external, where);
    auto found = storages_.find(wanted.key);
    if (found == storages_.end()) found = storages_.emplace(wanted.key, read_(wanted, where)).first;
    if (found->second.scalar_type() != wanted.dtype)
      malformed_torch(where, "one storage is used as two types");
    return found->second;
  }

  std::string file_;
  int64_t size_;
  ReadTorchStorage read_;
  std::map<std::string, at::Tensor> storages_, tensors_;
  int64_t visited_ = 0, copied_ = 0;
};

}  // namespace

std::set<std::string> torch_globals() {
  std::set<std::string> names = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                 "torch._utils._rebuild_parameter", "torch.Size"};
  for (const auto& [name, dtype] : kStorages) {
    names.insert(std::string("torch.") + name);
    names.insert(std::string("torch.cuda.") + name);
  }
  return names;
}

void malformed_torch(const std::string& where, std::string what, std::string expected,
                     std::string got) {
  throw Error(ErrorKind::kData, {.what = "not a valid PyTorch file: " + std::move(what),
                                 .where = where,
                                 .expected = std::move(expected),
                                 .got = std::move(got),
                                 .fix = "copy the file again, or save it again with "
                                        "torch.save(network.state_dict(), path)"});
}

TorchStorage torch_storage(const PickleValue& external, const std::string& where) {
  const PickleValue& id = item(external, 0, Kind::kTuple, where);
  const std::string& type = item(id, 1, Kind::kGlobal, where).text;
  // A part of another storage: only files older than PyTorch 0.4 have them.
  if (id.items.size() > 5 && id.items[5]->kind != Kind::kNone)
    malformed_torch(where, "a storage that is a view of another");
  for (const auto& [name, dtype] : kStorages) {
    if (type.substr(type.rfind('.') + 1) == name)
      return {item(id, 2, Kind::kText, where).text, dtype,
              item(id, 4, Kind::kInteger, where).integer};
  }
  malformed_torch(where, "unknown type of storage", "", type);
}

std::map<std::string, at::Tensor> build_torch_tensors(const std::string& file, size_t size,
                                                      const ReadTorchStorage& read,
                                                      const PickleValue& root) {
  return Builder(file, size, read).build(root);
}

}  // namespace semiseg
