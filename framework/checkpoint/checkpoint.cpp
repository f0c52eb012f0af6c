// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/checkpoint.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "framework/checkpoint/seal.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// On disk, do not rename: attributes of each dataset, and their number at the root. The checksum is
// taken of the tensor in memory: it also covers the way through HDF5, in and out.
constexpr const char* kType = "type";
constexpr const char* kChecksum = "xxh3";
constexpr const char* kEntries = "entries";

std::string checksum(const at::Tensor& value) {
  const at::Tensor bytes = value.contiguous();
  return fmt::format("{:016x}", XXH3_64bits(bytes.data_ptr(), bytes.nbytes()));
}

// Returns any kind of entry as a tensor, with the word for its type.
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
  file.write_attribute("/", kEntries, static_cast<int64_t>(state.size()));
  reserve_seal(file);
  for (const auto& [name, value] : state) {
    const auto [type, tensor] = encode(value);
    const std::string object = "state/" + name;
    file.write(object, tensor);
    file.write_attribute(object, kType, type);
    file.write_attribute(object, kChecksum, checksum(tensor));
  }
  file.close();
  seal_file(atomic.temporary());
  atomic.commit();
}

StateMap load_checkpoint(const fs::path& path) {
  check_seal(path);
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

}  // namespace semiseg
