// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "datasets/image_file_formats.h"
#include "framework/core/error.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

// "Key = value"; empty for another line.
std::string value_of(const std::string& line, const std::string& key) {
  const size_t equals = line.find('=');
  if (!line.starts_with(key) || equals == std::string::npos) return "";
  const size_t first = line.find_first_not_of(" \t", equals + 1);
  const size_t last = line.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : line.substr(first, last - first + 1);
}

}  // namespace

void check_meta_image(const fs::path& path, size_t bytes) {
  std::ifstream header(path, std::ios::binary);
  std::string line, data;
  uintmax_t expected = bytes;
  while (data.empty() && std::getline(header, line)) {
    if (const auto size = value_of(line, "CompressedDataSize"); !size.empty())
      expected = std::stoull(size);
    data = value_of(line, "ElementDataFile");
  }
  if (data.empty() || data == "LIST" || data.find('%') != std::string::npos) return;
  std::error_code missing;
  const bool is_local = data == "LOCAL";
  const fs::path file = is_local ? path : path.parent_path() / data;
  const uintmax_t whole = fs::file_size(file, missing);
  const uintmax_t got =
      missing ? 0 : whole - (is_local ? static_cast<uintmax_t>(header.tellg()) : 0);
  if (got >= expected) return;
  throw Error(ErrorKind::kData, {.what = "the file is cut off",
                                 .where = file.string(),
                                 .expected = fmt::format("{} bytes of voxels", expected),
                                 .got = fmt::format("{}", got),
                                 .fix = "copy or download it again"});
}

}  // namespace semiseg::image_format
