// SPDX-License-Identifier: Apache-2.0
#include "framework/data/npy_file.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <regex>
#include <string>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLongestHeader = 65536;  // of arrays without fields it is about 100 bytes

[[noreturn]] void fail(const fs::path& path, std::string what, std::string expected,
                       std::string got) {
  throw Error(ErrorKind::kData, {.what = std::move(what),
                                 .where = path.string(),
                                 .expected = std::move(expected),
                                 .got = std::move(got)});
}

struct Header {
  std::string type;  // without the byte order: "f4"
  bool is_fortran = false;
  std::vector<int64_t> shape;
};

// "{'descr': '<f4', 'fortran_order': False, 'shape': (80, 160, 160), }"
Header parse_header(const std::string& text, const fs::path& path) {
  static const std::regex descr("'descr':\\s*'([<|=>])(\\w+)'"),
      order("'fortran_order':\\s*(True|False)"), shape("'shape':\\s*\\(([0-9, ]*)\\)"),
      number("[0-9]{1,15}");
  std::smatch type_match, order_match, shape_match;
  if (!std::regex_search(text, type_match, descr) || !std::regex_search(text, order_match, order) ||
      !std::regex_search(text, shape_match, shape)) {
    fail(path, "the header of a .npy file cannot be read", "one array of numbers", text);
  }
  if (type_match[1] == ">") fail(path, "a .npy file is big-endian", "little-endian numbers", text);
  Header header{.type = type_match[2], .is_fortran = order_match[1] == "True", .shape = {}};
  const std::string sizes = shape_match[1];
  for (auto it = std::sregex_iterator(sizes.begin(), sizes.end(), number);
       it != std::sregex_iterator(); ++it) {
    header.shape.push_back(std::stoll(it->str()));
  }
  return header;
}

Header read_header(std::ifstream& stream, const fs::path& path) {
  std::string prefix(8, '\0');
  stream.read(prefix.data(), 8);
  if (!stream || !prefix.starts_with("\x93NUMPY") || prefix[6] < 1 || prefix[6] > 3) {
    fail(path, fs::exists(path) ? "not a .npy file" : "a .npy file is missing",
         "NumPy's format version 1, 2 or 3", fs::exists(path) ? "other bytes" : "no such file");
  }
  std::string bytes(prefix[6] == 1 ? 2 : 4, '\0');
  stream.read(bytes.data(), std::ssize(bytes));
  int64_t length = 0;
  for (size_t i = bytes.size(); i-- > 0;)
    length = 256 * length + static_cast<unsigned char>(bytes[i]);
  if (!stream || length > kLongestHeader) {
    fail(path, "the header of a .npy file is damaged", "a length below 64 KiB",
         std::to_string(length));
  }
  std::string text(static_cast<size_t>(length), '\0');
  if (!stream.read(text.data(), length)) {
    fail(path, "the header of a .npy file is cut", fmt::format("{} bytes", length),
         fmt::format("{} bytes", stream.gcount()));
  }
  return parse_header(text, path);
}

at::ScalarType type_of(const Header& header, const fs::path& path) {
  static const std::map<std::string, at::ScalarType> types = {
      {"b1", at::kBool}, {"i1", at::kChar},  {"u1", at::kByte},   {"i2", at::kShort},
      {"i4", at::kInt},  {"i8", at::kLong},  {"u2", at::kUInt16}, {"u4", at::kUInt32},
      {"f2", at::kHalf}, {"f4", at::kFloat}, {"f8", at::kDouble}};
  const auto found = types.find(header.type);
  if (found == types.end()) {
    fail(path, "a .npy file holds another type", "bool, integers or floats", header.type);
  }
  return found->second;
}

}  // namespace

std::vector<int64_t> read_npy_shape(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return read_header(stream, path).shape;
}

at::Tensor read_npy(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  Header header = read_header(stream, path);
  const at::ScalarType type = type_of(header, path);
  const auto begin = stream.tellg();
  const auto present = static_cast<double>(fs::file_size(path)) - static_cast<double>(begin);
  const double needed = std::accumulate(
      header.shape.begin(), header.shape.end(), static_cast<double>(c10::elementSize(type)),
      [](double a, int64_t b) { return a * static_cast<double>(b); });
  if (present != needed) {
    fail(path, "a .npy file is cut or damaged", fmt::format("{:.0f} bytes of values", needed),
         fmt::format("{:.0f}", present));
  }
  // An array in Fortran order is the transpose of its bytes in C order.
  if (header.is_fortran) std::reverse(header.shape.begin(), header.shape.end());
  at::Tensor values = at::empty(header.shape, type);
  if (!stream.read(static_cast<char*>(values.mutable_data_ptr()),
                   static_cast<std::streamsize>(values.nbytes()))) {
    fail(path, "a .npy file cannot be read", "its values", "a read error");
  }
  if (type == at::kUInt16) values = values.to(at::kInt);
  if (type == at::kUInt32) values = values.to(at::kLong);
  if (!header.is_fortran) return values;
  std::vector<int64_t> axes(header.shape.size());
  std::iota(axes.rbegin(), axes.rend(), 0);
  return values.permute(axes).contiguous();
}

}  // namespace semiseg
