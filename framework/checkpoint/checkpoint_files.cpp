// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/checkpoint.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;

std::map<int64_t, fs::path> numbered_files(const fs::path& folder, const std::string& prefix) {
  std::map<int64_t, fs::path> files;
  std::error_code code;
  const fs::directory_iterator entries(folder, code);
  if (code && code != std::errc::no_such_file_or_directory) {
    throw Error(ErrorKind::kIo, {.what = "cannot read the folder (" + code.message() + ")",
                                 .where = folder.string()});
  }
  for (const auto& entry : entries) {
    const std::string stem = entry.path().stem();
    if (!stem.starts_with(prefix) || entry.path().extension() != ".h5") continue;
    const std::string number = stem.substr(prefix.size());
    if (!number.empty() && std::all_of(number.begin(), number.end(), ::isdigit))
      files[std::stoll(number)] = entry.path();
  }
  return files;
}

void remove_checkpoint(const fs::path& file) {
  std::error_code code;
  fs::remove(file, code);
  if (code) log::warn("cannot remove {}: {}", file.string(), code.message());
}

}  // namespace semiseg
