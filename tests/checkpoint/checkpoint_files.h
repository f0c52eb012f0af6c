// SPDX-License-Identifier: Apache-2.0
// A folder for checkpoints, and the list of its files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "framework/core/files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {

class CheckpointFiles : public testing::Test {
 protected:
  ~CheckpointFiles() override { set_file_fault({}); }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.insert(entry.path().filename());
    return names;
  }
  TemporaryFolder folder_;
};

}  // namespace semiseg
