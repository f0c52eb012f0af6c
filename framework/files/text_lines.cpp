// SPDX-License-Identifier: Apache-2.0
#include "framework/files/text_lines.h"

#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {

namespace {

// 0: no sequence begins with this byte.
size_t sequence_length(unsigned first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    const size_t length = sequence_length(first);
    if (length == 0 || i + length > text.size()) return false;
    unsigned code = length == 1 ? first : first & (0xffU >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0U) != 0x80) return false;
      code = code << 6 | (byte(i + k) & 0x3fU);
    }
    const bool is_too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (is_too_long || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return false;
    i += length;
  }
  return true;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

std::vector<std::string> read_text_lines(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  // Every text of UTF-16 has a byte 0 beside an ASCII character, such as the end of a line.
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
      text.find('\0') != text.npos) {
    throw Error(ErrorKind::kData, {.what = "a list is not plain text",
                                   .where = path.string(),
                                   .expected = "text in UTF-8 or ASCII",
                                   .got = "UTF-16, or a binary file",
                                   .fix = "save it as UTF-8"});
  }
  std::vector<std::string> lines;
  std::istringstream stream{std::string(without_byte_order_mark(text))};
  for (std::string line; std::getline(stream, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    lines.push_back(line);
  }
  return lines;
}

}  // namespace semiseg
