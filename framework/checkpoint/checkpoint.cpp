// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/checkpoint.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/data/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// On disk, do not rename: attributes of each dataset, and the root group of the entries.
constexpr const char* kType = "type";
constexpr const char* kChecksum = "xxh3";
constexpr const char* kEntries = "entries";

std::string checksum(const at::Tensor& value) {
  const at::Tensor bytes = value.contiguous();
  return fmt::format("{:016x}", XXH3_64bits(bytes.data_ptr(), bytes.nbytes()));
}

// Every kind of entry as a tensor, with the word that says how to turn it back.
std::pair<std::string, at::Tensor> encode(const StateValue& value) {
  if (const auto* tensor = std::get_if<at::Tensor>(&value)) return {"tensor", tensor->contiguous()};
  if (const auto* integer = std::get_if<int64_t>(&value))
    return {"integer", at::scalar_tensor(*integer, at::kLong)};
  if (const auto* real = std::get_if<double>(&value))
    return {"real", at::scalar_tensor(*real, at::kDouble)};
  const auto& text = std::get<std::string>(value);
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return {"text", bytes};
}

StateValue decode(const std::string& type, const at::Tensor& value) {
  if (type == "integer") return value.item<int64_t>();
  if (type == "real") return value.item<double>();
  if (type == "text") {
    return std::string(static_cast<const char*>(value.data_ptr()),
                       static_cast<size_t>(value.numel()));
  }
  return value;
}

}  // namespace

void save_checkpoint(const StateMap& state, const fs::path& path) {
  AtomicFile atomic(path);
  Hdf5File file = Hdf5File::create(atomic.temporary());
  for (const auto& [name, value] : state) {
    const auto [type, tensor] = encode(value);
    const std::string object = "state/" + name;
    file.write(object, tensor);
    file.write_attribute(object, kType, type);
    file.write_attribute(object, kChecksum, checksum(tensor));
  }
  file.write_attribute("/", kEntries, static_cast<int64_t>(state.size()));
  file.close();
  atomic.commit();
}

StateMap load_checkpoint(const fs::path& path) {
  const Hdf5File file = Hdf5File::open(path);
  StateMap state;
  for (const auto& object : file.datasets()) {
    const at::Tensor value = file.read(object);
    if (checksum(value) != file.text_attribute(object, kChecksum)) {
      throw Error(ErrorKind::kData,
                  {.what = "a checkpoint is damaged",
                   .where = path.string() + ": " + object,
                   .expected = "checksum " + file.text_attribute(object, kChecksum),
                   .got = "checksum " + checksum(value)});
    }
    state.emplace(object.substr(std::strlen("state/")),
                  decode(file.text_attribute(object, kType), value));
  }
  const int64_t expected = file.integer_attribute("/", kEntries);
  if (expected != static_cast<int64_t>(state.size())) {
    throw Error(ErrorKind::kData, {.what = "a checkpoint is incomplete",
                                   .where = path.string(),
                                   .expected = fmt::format("{} entries", expected),
                                   .got = fmt::format("{}", state.size())});
  }
  return state;
}

CheckpointFolder::CheckpointFolder(fs::path folder, int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {}

namespace {

// Files 000123.h5 of a folder, newest first.
std::vector<fs::path> numbered(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const std::string stem = entry.path().stem();
    const bool is_number = !stem.empty() && std::all_of(stem.begin(), stem.end(), ::isdigit);
    if (is_number && entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::stoll(a.stem()) > std::stoll(b.stem());
  });
  return files;
}

}  // namespace

void CheckpointFolder::save(const StateMap& state, int64_t step) {
  save_checkpoint(state, path(fmt::format("{:06}", step)));
  const auto files = numbered(folder_);
  for (size_t i = static_cast<size_t>(keep_); i < files.size(); ++i) fs::remove(files[i]);
}

std::optional<StateMap> CheckpointFolder::load_newest() const {
  for (const auto& file : numbered(folder_)) {
    try {
      return load_checkpoint(file);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      log::warn("a checkpoint is passed over, the one before it is used:\n{}", error.what());
    }
  }
  return std::nullopt;
}

}  // namespace semiseg
