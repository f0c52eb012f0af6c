// SPDX-License-Identifier: Apache-2.0
// Finds the recorded parity cases in tests/fixtures.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "tests/support/places.h"

namespace semiseg {

inline std::filesystem::path recorded_cases() { return source_folder() / "tests" / "fixtures"; }

// Files of a kind ("loss") whose names begin so, sorted. Throws kData when there is none.
inline std::vector<std::filesystem::path> recorded_cases(const std::string& kind,
                                                         const std::string& prefix = "") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(recorded_cases() / kind)) {
    const std::string file = entry.path().filename().string();
    const std::string extension = kind == "statistics" ? ".json" : ".safetensors";
    if (file.starts_with(prefix) && entry.path().extension() == extension)
      files.push_back(entry.path());
  }
  if (files.empty()) {
    throw Error(ErrorKind::kData, {.what = "no parity case",
                                   .where = (recorded_cases() / kind).string(),
                                   .expected = prefix});
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace semiseg
