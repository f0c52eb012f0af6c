// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/header_checks.h"

#include <fmt/format.h>

#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

constexpr int kMostFiles = 100000;

[[noreturn]] void fail_name(const fs::path& header, const std::string& name) {
  fail(header, "the header names a data file that is not read",
       "the plain name of a file beside the header, or name%03d.raw FIRST LAST STEP", name,
       "put the data beside the header and correct the name");
}

// "%d" or "%03d" → its width; 0 for none.
std::string with_number(const fs::path& header, const std::string& pattern, int number) {
  const size_t at = pattern.find('%');
  const size_t end = pattern.find_first_not_of("0123456789", at + 1);
  const std::string width = end == pattern.npos ? "" : pattern.substr(at + 1, end - at - 1);
  const bool is_good = end != pattern.npos && pattern[end] == 'd' && width.size() <= 2 &&
                       pattern.find('%', end) == pattern.npos;
  if (!is_good) fail_name(header, pattern);
  const int places = width.empty() ? 0 : std::stoi(width);
  const std::string digits = width.starts_with('0') ? fmt::format("{:0{}}", number, places)
                                                    : fmt::format("{:{}}", number, places);
  return pattern.substr(0, at) + digits + pattern.substr(end + 1);
}

}  // namespace

fs::path data_file(const fs::path& header, const std::string& name) {
  const bool is_plain = !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
                        name.find_first_of(std::string_view("/\\%\0", 4)) == name.npos;
  if (!is_plain) fail_name(header, name);
  fs::path file = header.parent_path() / name;
  if (fs::is_regular_file(file)) return file;
  fail(header, "a data file of the image is missing", file.string(), "no such file",
       "copy it beside the header");
}

bool is_numbered(const std::string& words) { return words.find('%') != words.npos; }

std::vector<fs::path> numbered_files(const fs::path& header, const std::string& words) {
  const size_t blank = words.find_first_of(" \t");
  const std::string pattern = words.substr(0, blank);
  const auto range =
      blank == words.npos ? std::vector<double>() : numbers_in(words.substr(blank), ' ');
  const bool is_good = range.size() >= 3 && range[0] >= 0 && range[0] < 1e9 &&
                       range[1] >= range[0] && range[1] < 1e9 && range[2] >= 1 &&
                       (range[1] - range[0]) / range[2] < kMostFiles;
  if (!is_good) fail_name(header, words);
  std::vector<fs::path> files;
  for (auto i = static_cast<int>(range[0]); i <= static_cast<int>(range[1]);
       i += static_cast<int>(range[2])) {
    files.push_back(data_file(header, with_number(header, pattern, i)));
  }
  return files;
}

}  // namespace semiseg::image_format
