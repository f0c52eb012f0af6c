// SPDX-License-Identifier: Apache-2.0
// Numbered checkpoints in one folder: 000123.h5 is the state after 123 steps. The run folder's lock
// ensures that one process at a time writes into it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "framework/checkpoint/best_checkpoint.h"
#include "framework/core/state.h"

namespace semiseg {

class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path folder, int64_t keep);

  // Saves a checkpoint; once it is on the disk, removes all valid ones but the newest `keep`.
  // Damaged files do not count and stay. The first call also removes half-written files of
  // processes that died. Throws kIo when the file cannot be written; then nothing is removed.
  void save(const StateMap& state, int64_t step);

  // Returns the newest file that verifies; damaged ones are named in a warning and stay. nullopt:
  // there are no files. Throws kData when all files are damaged, kIo when one of them or the folder
  // cannot be read, so that a training never restarts silently.
  std::optional<StateMap> load_newest() const;

  // Returns the best state, best.h5 in the same folder. save() removes the older ones, too.
  BestCheckpoint& best() { return best_; }

  std::filesystem::path path(const std::string& stem) const { return folder_ / (stem + ".h5"); }

 private:
  void remove_temporaries();
  void remove_old();
  bool is_good(const std::filesystem::path& file);

  std::filesystem::path folder_;
  int64_t keep_;
  BestCheckpoint best_;
  std::map<std::filesystem::path, bool> good_;  // files that this object verified or wrote
  bool is_clean_ = false;                       // temporaries were removed
};

}  // namespace semiseg
