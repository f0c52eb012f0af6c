// SPDX-License-Identifier: Apache-2.0
// A folder for the files of a benchmark, removed at the end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "framework/core/error.h"

namespace semiseg {

class ScratchFolder {
 public:
  ScratchFolder()
      : folder_((std::filesystem::temp_directory_path() / "semiseg_benchmark_XXXXXX").string()) {
    SEMISEG_CHECK(mkdtemp(folder_.data()) != nullptr, "mkdtemp " + folder_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const {
    return std::filesystem::path(folder_) / name;
  }

 private:
  std::string folder_;
};

}  // namespace semiseg
