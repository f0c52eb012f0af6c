// SPDX-License-Identifier: Apache-2.0
// Own code, because Debian's GDCM is built with assertions: a file that is cut off ends the
// process.
#include <array>
#include <cstring>
#include <fstream>
#include <string_view>

#include "datasets/image_file_formats.h"

namespace semiseg::image_format {
namespace {

constexpr uint32_t kUndefined = 0xffffffff;
constexpr std::string_view kLongForms = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";

struct Element {
  uint16_t group = 0, number = 0;
  uint32_t length = 0;
};

template <typename Number>
bool read(std::ifstream& file, Number& number) {
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&number), sizeof number));
}

// Little-endian, as this machine.
bool read_head(std::ifstream& file, bool is_explicit, Element& element) {
  if (!read(file, element.group) || !read(file, element.number)) return false;
  if (!is_explicit) return read(file, element.length);
  std::array<char, 2> kind = {};
  uint16_t length = 0;
  if (!read(file, kind) || !read(file, length)) return false;
  element.length = length;
  const std::string_view name(kind.data(), kind.size());
  return kLongForms.find(name) == std::string_view::npos || read(file, element.length);
}

}  // namespace

bool has_dicom_mark(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 132> preamble = {};
  return read(file, preamble) && std::memcmp(&preamble[128], "DICM", 4) == 0;
}

bool is_whole_dicom(const std::filesystem::path& path) {
  std::error_code none;
  const uintmax_t size = std::filesystem::file_size(path, none);
  std::ifstream file(path, std::ios::binary);
  if (none || !has_dicom_mark(path)) return false;
  file.seekg(132);
  bool is_explicit = true;
  std::string syntax;
  for (Element element; static_cast<uintmax_t>(file.tellg()) < size;) {
    // The meta group is explicit whatever the rest is.
    const auto here = file.tellg();
    uint16_t group = 0;
    if (!read(file, group)) return false;
    file.seekg(here);
    if (group != 2 && !syntax.empty()) {
      if (syntax.starts_with("1.2.840.10008.1.2.2")) return true;  // big-endian: not walked
      is_explicit = syntax != "1.2.840.10008.1.2";
    }
    if (!read_head(file, is_explicit, element)) return false;
    if (element.length == kUndefined) return true;  // sequences and encapsulated frames end inside
    if (static_cast<uintmax_t>(file.tellg()) + element.length > size) return false;
    if (element.group == 2 && element.number == 0x10) {
      syntax.resize(element.length);
      file.read(syntax.data(), element.length);
      syntax = syntax.c_str();  // without the padding
    } else {
      file.seekg(element.length, std::ios::cur);
    }
  }
  return true;
}

}  // namespace semiseg::image_format
