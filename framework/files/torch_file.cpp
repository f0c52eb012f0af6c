// SPDX-License-Identifier: Apache-2.0
// Format: PyTorch torch/serialization.py (_save, _legacy_save). The zip container is read by
// LibTorch's own reader, which only copies bytes out.
#include "framework/files/torch_file.h"

#include <ATen/Functions.h>
#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/torch_tensors.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kZip = "PK\x03\x04";
// Protocol 2, then the ten bytes of MAGIC_NUMBER 0x1950a86a20f9469cfc6c as a long.
constexpr std::string_view kLegacy = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

std::map<std::string, at::Tensor> read_zip(const fs::path& path, const std::string& content) {
  const std::string file = path.string();
  caffe2::serialize::PyTorchStreamReader zip(file);
  const auto size_of = [&](const std::string& record, const std::string& where) {
    if (!zip.hasRecord(record)) malformed_torch(where, "the archive lacks a part", record);
    const size_t size = zip.getRecordSize(record);
    // PyTorch does not compress; a size beyond the file's would be memory for a hostile one.
    if (size > content.size())
      malformed_torch(where, "a part of the archive is larger than the file");
    return size;
  };
  const auto text_of = [&](const std::string& record) {
    std::string text(size_of(record, file), '\0');
    zip.getRecord(record, text.data(), text.size());
    return text;
  };
  if (zip.hasRecord("byteorder") && text_of("byteorder") != "little")
    malformed_torch(file, "written on a big-endian machine", "little", text_of("byteorder"));
  const std::string stream = text_of("data.pkl");
  size_t position = 0;
  const Pickle pickle = read_pickle(stream, position, torch_globals(), file + ": data.pkl");
  return build_torch_tensors(
      file, content.size(),
      [&](const TorchStorage& storage, const std::string& where) {
        const std::string record = "data/" + storage.key;
        const size_t bytes = size_of(record, where), width = at::elementSize(storage.dtype);
        if (storage.count < 0 || bytes / width != static_cast<size_t>(storage.count))
          malformed_torch(where, "a storage of another size than it says",
                          fmt::format("{} numbers", storage.count), fmt::format("{} bytes", bytes));
        at::Tensor numbers = at::empty({storage.count}, storage.dtype);
        if (bytes > 0) zip.getRecord(record, numbers.data_ptr(), numbers.nbytes());
        return numbers;
      },
      *pickle.root);
}

// The numbers of each storage. Types are only in the values; the order, counts and numbers stand
// behind them: for each key the count as int64, then the numbers.
std::map<std::string, at::Tensor> legacy_storages(const Pickle& values, const PickleValue& keys,
                                                  std::string_view data, const std::string& file) {
  std::map<std::string, at::ScalarType> types;
  for (const PickleValue& value : values.values) {
    if (value.kind != Kind::kExternal) continue;
    const TorchStorage storage = torch_storage(value, file);
    types.emplace(storage.key, storage.dtype);
  }
  std::map<std::string, at::Tensor> storages;
  for (const PickleValue* key : keys.items) {
    const auto type = types.find(key->text);
    if (type == types.end()) malformed_torch(file, "a storage that no tensor uses", "", key->text);
    int64_t count = 0;
    if (data.size() < sizeof(count)) malformed_torch(file, "cut off between two storages");
    std::memcpy(&count, data.data(), sizeof(count));
    data.remove_prefix(sizeof(count));
    const auto width = static_cast<int64_t>(at::elementSize(type->second));
    if (count < 0 || count > static_cast<int64_t>(data.size()) / width)
      malformed_torch(file, "cut off within the numbers of a storage",
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
  const auto next = [&] { return read_pickle(content, position, torch_globals(), file); };
  next();  // protocol of the format
  const Pickle system = next();
  for (size_t i = 0; i + 1 < system.root->items.size(); i += 2) {
    if (system.root->items[i]->text == "little_endian" && system.root->items[i + 1]->integer == 0)
      malformed_torch(file, "written on a big-endian machine");
  }
  const Pickle values = next(), keys = next();
  const auto storages =
      legacy_storages(values, *keys.root, std::string_view(content).substr(position), file);
  return build_torch_tensors(
      file, content.size(),
      [&](const TorchStorage& wanted, const std::string& where) {
        const auto found = storages.find(wanted.key);
        if (found == storages.end()) malformed_torch(where, "a storage is missing", wanted.key);
        return found->second;
      },
      *values.root);
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
    malformed_torch(path.string(), "the archive is damaged or cut off", "",
                    error.what_without_backtrace());
  }
  malformed_torch(path.string(), "it begins as neither format of torch.save does");
}

}  // namespace semiseg
