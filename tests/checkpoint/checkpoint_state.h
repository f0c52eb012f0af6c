// SPDX-License-Identifier: Apache-2.0
// A small state with every kind of entry, ways to damage its file, and a folder for checkpoints.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "framework/core/files.h"
#include "framework/core/state.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {

inline StateMap sample_state(int64_t step) {
  return {{"net/encoder.0.weight",
           at::arange(24, at::kFloat).view({2, 3, 4}) + static_cast<double>(step)},
          {"net/running_mean", at::ones({3}, at::kDouble)},
          {"net/num_batches_tracked", at::scalar_tensor(step, at::kLong)},
          {"trainer/done", step},
          {"trainer/best", 0.1 + static_cast<double>(step)},
          {"trainer/note", std::string("ä text")},
          {"trainer/empty", std::string()}};
}

// As large as a network's: 240 entries in several groups, about 1 MB.
inline StateMap large_state(int64_t step) {
  StateMap state = sample_state(step);
  for (int64_t i = 0; i < 240; ++i) {
    state["method/net_" + std::to_string(i % 3) + "/layer." + std::to_string(i) + ".weight"] =
        at::arange(1000 + i, at::kFloat) * static_cast<double>(step + 1);
  }
  return state;
}

inline void flip_bit(const std::filesystem::path& path, int64_t position, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(position);
  const char byte = static_cast<char>(file.get() ^ (1 << bit));
  file.seekp(position);
  file.put(byte);
}

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
