// SPDX-License-Identifier: Apache-2.0
// State in memory ↔ HDF5 file. A file appears whole or not at all and carries a checksum of every
// entry.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "framework/core/state.h"

namespace semiseg {

// Writes all entries; the file is replaced atomically. kIo on failure: the file that was there
// stays.
void save_checkpoint(const StateMap& state, const std::filesystem::path& path);

// Reads and verifies all entries. kData naming the file and the first entry that is damaged or
// missing.
StateMap load_checkpoint(const std::filesystem::path& path);

// Numbered checkpoints in one folder: 000123.h5 is the state after 123 steps.
class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path folder, int64_t keep);

  // Saves and removes all but the newest `keep`.
  void save(const StateMap& state, int64_t step);

  // The newest file that verifies; damaged ones are named in a warning and left where they are.
  // Empty: none.
  std::optional<StateMap> load_newest() const;

  std::filesystem::path path(const std::string& stem) const { return folder_ / (stem + ".h5"); }

 private:
  std::filesystem::path folder_;
  int64_t keep_;
};

}  // namespace semiseg
