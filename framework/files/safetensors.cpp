// SPDX-License-Identifier: Apache-2.0
#include "framework/files/safetensors.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/shape.h"
#include "framework/files/json.h"

namespace semiseg {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are copied as they lie in the file");

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own limit

// Names are on disk.
constexpr std::pair<std::string_view, at::ScalarType> kTypes[] = {
    {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
    {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
    {"U8", at::kByte},    {"BOOL", at::kBool}};

struct Entry {
  std::string name;
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;  // bytes within the data
};

[[noreturn]] void malformed(const std::string& where, std::string what, std::string expected = "",
                            std::string got = "") {
  throw Error(ErrorKind::kData, {.what = "not a valid safetensors file: " + std::move(what),
                                 .where = where,
                                 .expected = std::move(expected),
                                 .got = std::move(got),
                                 .fix = "copy or export the file again"});
}

at::ScalarType dtype_of(const std::string& name, const std::string& where) {
  for (const auto& [known, dtype] : kTypes) {
    if (name == known) return dtype;
  }
  malformed(where, "unknown type", "F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL", name);
}

// Bytes of such a tensor; no more than `limit`, so that hostile shapes cannot overflow.
uint64_t bytes_of(const Entry& entry, uint64_t limit, const std::string& where) {
  const bool is_empty = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
  uint64_t bytes = is_empty ? 0 : at::elementSize(entry.dtype);
  for (const int64_t side : entry.shape) {
    if (bytes > 0 && static_cast<uint64_t>(side) > limit / bytes) {
      malformed(where, "shape larger than the data", fmt::format("at most {} bytes", limit));
    }
    bytes *= static_cast<uint64_t>(side);
  }
  return bytes;
}

Entry read_entry(const std::string& name, const Json& header, uint64_t data_size,
                 const std::string& file) {
  const std::string where = fmt::format("{}, tensor '{}'", file, name);
  Entry entry{.name = name};
  try {
    entry.dtype = dtype_of(header.at("dtype").get<std::string>(), where);
    for (const Json& side : header.at("shape").get_ref<const Json::array_t&>())
      entry.shape.push_back(whole_number(side));
    const Json& offsets = header.at("data_offsets");
    entry.begin = static_cast<uint64_t>(whole_number(offsets.at(0)));
    entry.end = static_cast<uint64_t>(whole_number(offsets.at(1)));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    malformed(where, "header entry", "dtype, shape and data_offsets", error.what());
  }
  if (!is_sound_shape(entry.shape))
    malformed(where, "a shape that no tensor has", "at most 64 sizes of at least 0");
  if (entry.begin > entry.end || entry.end > data_size) {
    malformed(where, "truncated, or offsets outside the data", fmt::format("0 to {}", data_size),
              fmt::format("{} to {}", entry.begin, entry.end));
  }
  const uint64_t bytes = bytes_of(entry, data_size, where);
  if (bytes != entry.end - entry.begin) {
    malformed(where, "data that does not fit the shape", fmt::format("{} bytes", bytes),
              fmt::format("{} bytes", entry.end - entry.begin));
  }
  return entry;
}

Json parse_header(std::string_view text, const std::string& file) {
  try {
    check_json_bounds(text, file);
    Json header = Json::parse(text);
    if (header.is_object()) return header;
  } catch (const Json::exception& error) {
    malformed(file, "the header is not JSON", "", error.what());
  }
  malformed(file, "the header is not a JSON object");
}

std::map<std::string, std::string> take_metadata(Json& header, const std::string& file) {
  std::map<std::string, std::string> metadata;
  const auto found = header.find("__metadata__");
  if (found == header.end()) return metadata;
  try {
    metadata = found->get<std::map<std::string, std::string>>();
  } catch (const Json::exception& error) {
    malformed(file + ", __metadata__", "metadata", "text by text", error.what());
  }
  header.erase(found);
  return metadata;
}

void check_covers_data(std::vector<Entry> entries, uint64_t data_size, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t reached = 0;
  for (const auto& entry : entries) {
    if (entry.begin != reached) {
      malformed(fmt::format("{}, tensor '{}'", file, entry.name), "gap or overlap in the data",
                fmt::format("start at {}", reached), fmt::format("{}", entry.begin));
    }
    reached = entry.end;
  }
  if (reached != data_size) {
    malformed(file, "bytes that belong to no tensor", fmt::format("{} bytes of data", reached),
              fmt::format("{}", data_size));
  }
}

std::string_view type_name(const std::string& tensor, at::ScalarType dtype) {
  for (const auto& [name, known] : kTypes) {
    if (dtype == known) return name;
  }
  throw Error(ErrorKind::kIo,
              {.what = "a tensor of this type cannot be written to a safetensors file",
               .where = tensor,
               .got = at::toString(dtype)});
}

}  // namespace

Safetensors read_safetensors(const std::filesystem::path& path) {
  const std::string file = path.string();
  const std::string content = read_file(path);
  uint64_t header_size = 0;
  if (content.size() < kLengthBytes)
    malformed(file, "shorter than its length field", "at least 8 bytes");
  std::memcpy(&header_size, content.data(), kLengthBytes);
  if (header_size > std::min<uint64_t>(kLargestHeader, content.size() - kLengthBytes)) {
    malformed(file, "truncated, or another format",
              fmt::format("a header of {} bytes", header_size),
              fmt::format("{} bytes in the file", content.size()));
  }
  const std::string_view data = std::string_view(content).substr(kLengthBytes + header_size);
  Json header = parse_header(std::string_view(content).substr(kLengthBytes, header_size), file);
  Safetensors result{.metadata = take_metadata(header, file)};
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items())
    entries.push_back(read_entry(name, value, data.size(), file));
  check_covers_data(entries, data.size(), file);
  for (const auto& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, entry.dtype);
    if (entry.end > entry.begin)
      std::memcpy(tensor.data_ptr(), data.data() + entry.begin, entry.end - entry.begin);
    result.tensors.emplace(entry.name, std::move(tensor));
  }
  return result;
}

void write_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& [name, value] : content.tensors) {
    tensors.emplace_back(name, value.detach().to(at::kCPU).contiguous());
  }
  // Wide types first: every tensor is aligned, which readers that map the file rely on.
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  Json header = Json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  uint64_t reached = 0;
  for (const auto& [name, value] : tensors) {
    header[name] = {{"dtype", type_name(name, value.scalar_type())},
                    {"shape", value.sizes().vec()},
                    {"data_offsets", {reached, reached + value.nbytes()}}};
    reached += value.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t header_size = text.size();
  std::string bytes(reinterpret_cast<const char*>(&header_size), kLengthBytes);
  bytes.reserve(kLengthBytes + header_size + reached);
  bytes += text;
  for (const auto& [name, value] : tensors) {
    bytes.append(static_cast<const char*>(value.data_ptr()), value.nbytes());
  }
  write_file(path, bytes);
}

}  // namespace semiseg
