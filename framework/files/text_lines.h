// SPDX-License-Identifier: Apache-2.0
// Lists and tables that people wrote, in the forms that editors and spreadsheets save them in.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace semiseg {

// Returns true for text in UTF-8, which JSON and TOML are written in; names of files may be other
// bytes.
bool is_utf8(std::string_view text);

// Returns the text without the byte order mark that some editors begin UTF-8 with.
std::string_view without_byte_order_mark(std::string_view text);

// Returns all lines of a text file, empty ones too, without a byte order mark and without blanks
// and carriage returns at their ends. Throws kData naming the file for UTF-16 and for bytes 0.
std::vector<std::string> read_text_lines(const std::filesystem::path& path);

}  // namespace semiseg
