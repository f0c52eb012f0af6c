// SPDX-License-Identifier: Apache-2.0
#include "tests/support/torch_writer.h"

#include <caffe2/serialize/inline_container.h>

#include <map>

#include "framework/core/files.h"

namespace semiseg {
namespace {

template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string numbers_of(const at::Tensor& value) {
  const at::Tensor flat = value.contiguous();
  return {static_cast<const char*>(flat.data_ptr()), flat.nbytes()};
}

// All numbers below a view, in a row.
at::Tensor storage_of(const at::Tensor& value) {
  const auto count =
      static_cast<int64_t>(value.storage().nbytes() / static_cast<size_t>(value.element_size()));
  return value.as_strided({count}, {1}, 0);
}

const char* storage_type(at::ScalarType dtype) {
  return std::map<at::ScalarType, const char*>{
      {at::kDouble, "DoubleStorage"},     {at::kFloat, "FloatStorage"}, {at::kHalf, "HalfStorage"},
      {at::kBFloat16, "BFloat16Storage"}, {at::kLong, "LongStorage"},   {at::kBool, "BoolStorage"}}
      .at(dtype);
}

}  // namespace

PickleWriter& PickleWriter::raw(const std::string& bytes) {
  bytes_ += bytes;
  return *this;
}

PickleWriter& PickleWriter::text(const std::string& value) {
  return raw("X" + bytes_of(static_cast<uint32_t>(value.size())) + value);
}

PickleWriter& PickleWriter::integer(int64_t value) {
  if (value == static_cast<int32_t>(value)) return raw("J" + bytes_of(static_cast<int32_t>(value)));
  return raw("\x8a\x08" + bytes_of(value));
}

PickleWriter& PickleWriter::integers(at::IntArrayRef values) {
  raw("(");
  for (const int64_t value : values) integer(value);
  return raw("t");
}

PickleWriter& PickleWriter::global(const std::string& module, const std::string& name) {
  return raw("c" + module + "\n" + name + "\n");
}

PickleWriter& PickleWriter::tensor(const std::string& key, const at::Tensor& value,
                                   bool is_legacy) {
  global("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage");
  global("torch", storage_type(value.scalar_type())).text(key).text("cpu");
  integer(storage_of(value).numel());
  raw(is_legacy ? "NtQ" : "tQ").integer(value.storage_offset());
  integers(value.sizes()).integers(value.strides()).raw("\x89");
  return global("collections", "OrderedDict").raw(")RtR");
}

PickleWriter& PickleWriter::state_dict(const NamedTensors& tensors, bool is_legacy) {
  global("collections", "OrderedDict").raw(")R(");
  for (const auto& [name, value] : tensors) {
    const std::string key = std::to_string(storages.size());
    text(name).tensor(key, value, is_legacy);
    storages.emplace_back(key, storage_of(value));
  }
  return raw("u}").text("_metadata").global("collections", "OrderedDict").raw(")Rsb");
}

void write_torch_zip(const std::filesystem::path& path, const std::string& stream,
                     const NamedTensors& storages) {
  caffe2::serialize::PyTorchStreamWriter writer(path.string());
  const auto add = [&writer](const std::string& record, const std::string& bytes) {
    writer.writeRecord(record, bytes.data(), bytes.size());
  };
  add("data.pkl", stream);
  add("byteorder", "little");
  for (const auto& [key, value] : storages) add("data/" + key, numbers_of(value));
  writer.writeEndOfFile();
}

void write_torch_legacy(const std::filesystem::path& path, const std::string& stream,
                        const NamedTensors& storages) {
  std::string bytes =
      PickleWriter().raw("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").finish();
  bytes += PickleWriter().integer(1001).finish();
  bytes += PickleWriter().raw("}(").text("little_endian").raw("\x88u").finish() + stream;
  PickleWriter keys;
  keys.raw("](");
  for (const auto& [key, value] : storages) keys.text(key);
  bytes += keys.raw("e").finish();
  for (const auto& [key, value] : storages) bytes += bytes_of(value.numel()) + numbers_of(value);
  write_file(path, bytes);
}

std::vector<std::filesystem::path> write_torch_files(
    const std::filesystem::path& folder, const std::function<void(PickleWriter&, bool)>& fill) {
  PickleWriter zip, legacy;
  fill(zip, false);
  fill(legacy, true);
  write_torch_zip(folder / "torch.zip.pth", zip.finish(), zip.storages);
  write_torch_legacy(folder / "torch.legacy.pth", legacy.finish(), legacy.storages);
  return {folder / "torch.zip.pth", folder / "torch.legacy.pth"};
}

}  // namespace semiseg
