// SPDX-License-Identifier: Apache-2.0
// Format: PyTorch torch/serialization.py (_save, _legacy_save) and torch/_utils.py
// (_rebuild_tensor_v2). The zip container is read by LibTorch's own reader, which only copies bytes
// out.
#include "framework/files/torch_file.h"

#include <ATen/Functions.h>
#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/core/shape.h"
#include "framework/files/pickle.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kZip = "PK\x03\x04";
// Protocol 2, then the ten bytes of MAGIC_NUMBER 0x1950a86a20f9469cfc6c as a long.
constexpr std::string_view kLegacy = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr int kDeepest = 12;  // dictionaries in dictionaries
constexpr int64_t kMostValues = 1 << 22;
constexpr size_t kLongestName = 1024, kShownName = 100;
constexpr int64_t kMostCopies = 8;  // limit on tensor bytes, as a multiple of the file's bytes

constexpr std::pair<const char*, at::ScalarType> kStorages[] = {
    {"DoubleStorage", at::kDouble},     {"FloatStorage", at::kFloat}, {"HalfStorage", at::kHalf},
    {"BFloat16Storage", at::kBFloat16}, {"LongStorage", at::kLong},   {"IntStorage", at::kInt},
    {"ShortStorage", at::kShort},       {"CharStorage", at::kChar},   {"ByteStorage", at::kByte},
    {"BoolStorage", at::kBool}};

std::set<std::string> known_globals() {
  std::set<std::string> names = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                 "torch._utils._rebuild_parameter", "torch.Size"};
  for (const auto& [name, dtype] : kStorages) {
    names.insert(std::string("torch.") + name);
    names.insert(std::string("torch.cuda.") + name);
  }
  return names;
}

[[noreturn]] void malformed(const std::string& where, std::string what, std::string expected = "",
                            std::string got = "") {
  throw Error(ErrorKind::kData, {.what = "not a valid PyTorch file: " + std::move(what),
                                 .where = where,
                                 .expected = std::move(expected),
                                 .got = std::move(got),
                                 .fix = "copy the file again, or save it again with "
                                        "torch.save(network.state_dict(), path)"});
}

// The storage that holds the numbers of a tensor: ('storage', type, key, device, count, …).
struct Storage {
  std::string key;
  at::ScalarType dtype;
  int64_t count;  // elements
};

const PickleValue& item(const PickleValue& value, size_t i, Kind kind, const std::string& where) {
  if (i >= value.items.size() || value.items[i]->kind != kind)
    malformed(where, fmt::format("part {} of a tensor is missing or of another kind", i));
  return *value.items[i];
}

Storage storage_of(const PickleValue& external, const std::string& where) {
  const PickleValue& id = item(external, 0, Kind::kTuple, where);
  const std::string& type = item(id, 1, Kind::kGlobal, where).text;
  // A part of another storage: only files older than PyTorch 0.4 have them.
  if (id.items.size() > 5 && id.items[5]->kind != Kind::kNone)
    malformed(where, "a storage that is a view of another");
  for (const auto& [name, dtype] : kStorages) {
    if (type.substr(type.rfind('.') + 1) == name)
      return {item(id, 2, Kind::kText, where).text, dtype,
              item(id, 4, Kind::kInteger, where).integer};
  }
  malformed(where, "unknown type of storage", "", type);
}

std::vector<int64_t> sizes_of(const PickleValue& tuple, const std::string& where) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < tuple.items.size(); ++i) {
    sizes.push_back(item(tuple, i, Kind::kInteger, where).integer);
    if (sizes.back() < 0) malformed(where, "negative size or stride");
  }
  if (!is_sound_shape(sizes)) malformed(where, "sizes or strides that no tensor has");
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

// The flat numbers of a storage. Called once for each.
using ReadStorage = std::function<at::Tensor(const Storage&, const std::string& where)>;

// Walks the tree of values and builds what tensors it describes.
class Builder {
 public:
  // `size` is the number of bytes of the file, which bounds memory and time.
  Builder(std::string file, size_t size, ReadStorage read)
      : file_(std::move(file)), size_(static_cast<int64_t>(size)), read_(std::move(read)) {}

  std::map<std::string, at::Tensor> build(const PickleValue& root) {
    walk(root, "", 0);
    return std::move(tensors_);
  }

 private:
  void walk(const PickleValue& value, const std::string& path, int depth) {
    // Each value takes at least one byte; shared values could be walked without end.
    if (depth > kDeepest || ++visited_ > std::min(size_, kMostValues))
      malformed(file_ + ": " + path.substr(0, kShownName), "nested too deeply, or without end");
    if (path.size() > kLongestName)
      malformed(file_ + ": " + path.substr(0, kShownName), "a name is too long",
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
      if (depth > kDeepest) malformed(where, "nested too deeply");
      return tensor(item(arguments, 0, Kind::kCall, where), where, depth + 1);
    }
    if (call.text != "torch._utils._rebuild_tensor_v2")
      malformed(where, "a tensor is made in an unknown way", "", call.text);
    const at::Tensor numbers = storage(item(arguments, 0, Kind::kExternal, where), where);
    const int64_t offset = item(arguments, 1, Kind::kInteger, where).integer;
    const auto sizes = sizes_of(item(arguments, 2, Kind::kTuple, where), where),
               strides = sizes_of(item(arguments, 3, Kind::kTuple, where), where);
    if (!fits(offset, sizes, strides, numbers.numel()))
      malformed(where, "a tensor reaches beyond its storage",
                fmt::format("{} numbers", numbers.numel()));
    if (at::IntArrayRef(sizes).size() > 0 && c10::multiply_integers(sizes) == 0)
      return at::empty(sizes, numbers.scalar_type());
    const at::Tensor view = numbers.as_strided(sizes, strides, offset);
    copied_ += static_cast<int64_t>(view.nbytes());
    if (copied_ > kMostCopies * size_)
      malformed(where, "its tensors take much more memory than the file has bytes",
                fmt::format("at most {} times {} bytes", kMostCopies, size_));
    return view.clone(at::MemoryFormat::Contiguous);
  }

  at::Tensor storage(const PickleValue& external, const std::string& where) {
    const Storage wanted = storage_of(external, where);
    auto found = storages_.find(wanted.key);
    if (found == storages_.end()) found = storages_.emplace(wanted.key, read_(wanted, where)).first;
    if (found->second.scalar_type() != wanted.dtype)
      malformed(where, "one storage is used as two types");
    return found->second;
  }

  std::string file_;
  int64_t size_;
  ReadStorage read_;
  std::map<std::string, at::Tensor> storages_, tensors_;
  int64_t visited_ = 0, copied_ = 0;
};

std::map<std::string, at::Tensor> read_zip(const fs::path& path, const std::string& content) {
  const std::string file = path.string();
  caffe2::serialize::PyTorchStreamReader zip(file);
  const auto size_of = [&](const std::string& record, const std::string& where) {
    if (!zip.hasRecord(record)) malformed(where, "the archive lacks a part", record);
    const size_t size = zip.getRecordSize(record);
    // PyTorch does not compress; a part larger than the file would only waste memory.
    if (size > content.size()) malformed(where, "a part of the archive is larger than the file");
    return size;
  };
  const auto text_of = [&](const std::string& record) {
    std::string text(size_of(record, file), '\0');
    zip.getRecord(record, text.data(), text.size());
    return text;
  };
  if (zip.hasRecord("byteorder") && text_of("byteorder") != "little")
    malformed(file, "written on a big-endian machine", "little", text_of("byteorder"));
  const std::string stream = text_of("data.pkl");
  size_t position = 0;
  const Pickle pickle = read_pickle(stream, position, known_globals(), file + ": data.pkl");
  return Builder(file, content.size(),
                 [&](const Storage& storage, const std::string& where) {
                   const std::string record = "data/" + storage.key;
                   const size_t bytes = size_of(record, where),
                                width = at::elementSize(storage.dtype);
                   if (storage.count < 0 || bytes / width != static_cast<size_t>(storage.count))
                     malformed(where, "a storage of another size than it says",
                               fmt::format("{} numbers", storage.count),
                               fmt::format("{} bytes", bytes));
                   at::Tensor numbers = at::empty({storage.count}, storage.dtype);
                   if (bytes > 0) zip.getRecord(record, numbers.data_ptr(), numbers.nbytes());
                   return numbers;
                 })
      .build(*pickle.root);
}

// The numbers of each storage. Types are only in the values; the order, counts and numbers stand
// behind them: for each key the count as int64, then the numbers.
std::map<std::string, at::Tensor> legacy_storages(const Pickle& values, const PickleValue& keys,
                                                  std::string_view data, const std::string& file) {
  std::map<std::string, at::ScalarType> types;
  for (const PickleValue& value : values.values) {
    if (value.kind != Kind::kExternal) continue;
    const Storage storage = storage_of(value, file);
    types.emplace(storage.key, storage.dtype);
  }
  std::map<std::string, at::Tensor> storages;
  for (const PickleValue* key : keys.items) {
    const auto type = types.find(key->text);
    if (type == types.end()) malformed(file, "a storage that no tensor uses", "", key->text);
    int64_t count = 0;
    if (data.size() < sizeof(count)) malformed(file, "cut off between two storages");
    std::memcpy(&count, data.data(), sizeof(count));
    data.remove_prefix(sizeof(count));
    const auto width = static_cast<int64_t>(at::elementSize(type->second));
    if (count < 0 || count > static_cast<int64_t>(data.size()) / width)
      malformed(file, "cut off within the numbers of a storage",
                fmt::format("{} numbers of {} bytes", count, width),
                fmt::format("{} bytes", data.size()));
    at::Tensor numbers = at::empty({count}, type->second);
    if (count > 0) std::memcpy(numbers.data_ptr(), data.data(), numbers.nbytes());
    data.remove_prefix(static_cast<size_t>(count * width));
    storages.insert_or_assign(key->text, numbers);
  }
  return storages;
}

// Streams one behind the other: magic number, protocol, system, values, keys of the storages, and
// these.
std::map<std::string, at::Tensor> read_legacy(const fs::path& path, const std::string& content) {
  const std::string file = path.string();
  size_t position = kLegacy.size();
  const auto next = [&] { return read_pickle(content, position, known_globals(), file); };
  next();  // protocol of the format
  const Pickle system = next();
  for (size_t i = 0; i + 1 < system.root->items.size(); i += 2) {
    if (system.root->items[i]->text == "little_endian" && system.root->items[i + 1]->integer == 0)
      malformed(file, "written on a big-endian machine");
  }
  const Pickle values = next(), keys = next();
  const auto storages =
      legacy_storages(values, *keys.root, std::string_view(content).substr(position), file);
  return Builder(file, content.size(),
                 [&](const Storage& wanted, const std::string& where) {
                   const auto found = storages.find(wanted.key);
                   if (found == storages.end())
                     malformed(where, "a storage is missing", wanted.key);
                   return found->second;
                 })
      .build(*values.root);
}

}  // namespace

bool is_torch_file(const fs::path& path) {
  if (fs::exists(path)) check_is_file(path);
  std::string start(kLegacy.size(), '\0');
  std::ifstream(path, std::ios::binary)
      .read(start.data(), static_cast<std::streamsize>(start.size()));
  return start.starts_with(kZip) || start == kLegacy;
}

std::map<std::string, at::Tensor> read_torch_file(const fs::path& path) {
  const std::string content = read_file(path);
  try {
    if (content.starts_with(kZip)) return read_zip(path, content);
    if (content.starts_with(kLegacy)) return read_legacy(path, content);
  } catch (const c10::Error& error) {
    malformed(path.string(), "the archive is damaged or cut off", "",
              error.what_without_backtrace());
  }
  malformed(path.string(), "it begins as neither format of torch.save does");
}

}  // namespace semiseg
