// SPDX-License-Identifier: Apache-2.0
#include "framework/files/npy_file.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/core/shape.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLongestHeader = 4096;  // arrays without fields have about 100 bytes
constexpr int64_t kShortestRun = 1024;    // bytes that are worth a seek

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

[[noreturn]] void fail_header(const fs::path& path, const std::string& text) {
  fail(path, "the header of a .npy file cannot be read", "one array of numbers",
       text.substr(0, 200));
}

// Returns the text behind a key of a dictionary in Python's notation. It does not use std::regex,
// which needs a stack frame for each character.
std::string_view value_of(const std::string& text, std::string_view key, const fs::path& path) {
  const size_t found = text.find(key);
  if (found == std::string::npos) fail_header(path, text);
  const std::string_view rest = std::string_view(text).substr(found + key.size());
  return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

// "(80, 160, 160), …", "(80,)" or "()".
std::vector<int64_t> parse_shape(std::string_view text, const fs::path& path,
                                 const std::string& header) {
  const size_t end = text.find(')');
  if (!text.starts_with('(') || end == std::string_view::npos) fail_header(path, header);
  std::vector<int64_t> shape;
  for (text = text.substr(1, end - 1); !text.empty();) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view size = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    size.remove_prefix(std::min(size.find_first_not_of(' '), size.size()));
    if (size.empty() && text.empty()) break;  // behind the last comma
    int64_t number = 0;
    const auto [rest, error] = std::from_chars(size.data(), size.data() + size.size(), number);
    if (error != std::errc() || rest != size.data() + size.size()) fail_header(path, header);
    shape.push_back(number);
  }
  return shape;
}

// "{'descr': '<f4', 'fortran_order': False, 'shape': (80, 160, 160), }"
Header parse_header(const std::string& text, const fs::path& path) {
  const std::string_view type = value_of(text, "'descr':", path),
                         order = value_of(text, "'fortran_order':", path);
  const size_t quote = type.find('\'', 1);
  const bool is_order = order.starts_with("True") || order.starts_with("False");
  if (!type.starts_with('\'') || quote == std::string_view::npos || quote < 3 || !is_order)
    fail_header(path, text);
  if (type[1] == '>') fail(path, "a .npy file is big-endian", "little-endian numbers", text);
  Header header{.type = std::string(type.substr(2, quote - 2)),
                .is_fortran = order.starts_with("True"),
                .shape = parse_shape(value_of(text, "'shape':", path), path, text)};
  if (!is_sound_shape(header.shape))
    fail(path, "a .npy file has a shape that no array has", "sizes of an array",
         fmt::format("{}", fmt::join(header.shape, ", ")).substr(0, 200));
  return header;
}

// A pipe is refused before it is opened.
std::ifstream open_npy(const fs::path& path) {
  if (fs::exists(path)) check_is_file(path);
  return std::ifstream(path, std::ios::binary);
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
    fail(path, "the header of a .npy file is damaged", "at most 4096 bytes",
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

// Throws kData unless the rest of the file has the bytes that the shape needs.
void check_size(const Header& header, at::ScalarType type, std::ifstream& stream,
                const fs::path& path) {
  const auto begin = stream.tellg();
  const auto present = static_cast<double>(fs::file_size(path)) - static_cast<double>(begin);
  const double needed = std::accumulate(
      header.shape.begin(), header.shape.end(), static_cast<double>(c10::elementSize(type)),
      [](double a, int64_t b) { return a * static_cast<double>(b); });
  if (present != needed) {
    fail(path, "a .npy file is cut or damaged", fmt::format("{:.0f} bytes of values", needed),
         fmt::format("{:.0f}", present));
  }
}

void read_values(std::ifstream& stream, at::Tensor& values, const fs::path& path) {
  if (!stream.read(static_cast<char*>(values.mutable_data_ptr()),
                   static_cast<std::streamsize>(values.nbytes()))) {
    fail(path, "a .npy file cannot be read", "its values", "a read error");
  }
}

at::Tensor widened(const at::Tensor& values) {
  if (values.scalar_type() == at::kUInt16) return values.to(at::kInt);
  if (values.scalar_type() == at::kUInt32) return values.to(at::kLong);
  return values;
}

}  // namespace

std::vector<int64_t> read_npy_shape(const fs::path& path) {
  std::ifstream stream = open_npy(path);
  return read_header(stream, path).shape;
}

at::Tensor read_npy(const fs::path& path) {
  std::ifstream stream = open_npy(path);
  Header header = read_header(stream, path);
  const at::ScalarType type = type_of(header, path);
  check_size(header, type, stream, path);
  // An array in Fortran order is the transpose of its bytes in C order.
  if (header.is_fortran) std::reverse(header.shape.begin(), header.shape.end());
  at::Tensor values = at::empty(header.shape, type);
  read_values(stream, values, path);
  values = widened(values);
  if (!header.is_fortran) return values;
  std::vector<int64_t> axes(header.shape.size());
  std::iota(axes.rbegin(), axes.rend(), 0);
  return values.permute(axes).contiguous();
}

at::Tensor read_npy_index(const fs::path& path, int64_t axis, int64_t index) {
  std::ifstream stream = open_npy(path);
  const Header header = read_header(stream, path);
  const at::ScalarType type = type_of(header, path);
  check_size(header, type, stream, path);
  const std::vector<int64_t>& shape = header.shape;
  SEMISEG_CHECK(axis >= 0 && axis < std::ssize(shape) && index >= 0 &&
                    index < shape[static_cast<size_t>(axis)],
                "an index of an axis of " + path.string());
  const auto product = [&](int64_t from, int64_t to) {
    return std::accumulate(shape.begin() + from, shape.begin() + to, int64_t{1},
                           std::multiplies<>());
  };
  const int64_t runs = product(0, axis);
  const int64_t bytes =
      product(axis + 1, std::ssize(shape)) * static_cast<int64_t>(c10::elementSize(type));
  if (header.is_fortran || bytes < kShortestRun) return read_npy(path).select(axis, index);
  std::vector<int64_t> sizes = shape;
  sizes.erase(sizes.begin() + axis);
  at::Tensor values = at::empty(sizes, type);
  at::Tensor rows = values.view({runs, -1});
  const std::streamoff begin = stream.tellg();
  for (int64_t run = 0; run < runs; ++run) {
    stream.seekg(begin + (run * shape[static_cast<size_t>(axis)] + index) * bytes);
    at::Tensor row = rows[run];
    read_values(stream, row, path);
  }
  return widened(values);
}

}  // namespace semiseg
