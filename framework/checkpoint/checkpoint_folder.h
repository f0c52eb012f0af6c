// SPDX-License-Identifier: Apache-2.0
// Numbered checkpoints in one folder: 000123.h5 is the state after 123 steps. One process at a time
// writes into it, which the run folder's lock sees to.
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

  // Saves; when the new file is on the disk, removes all good ones but the newest `keep`. Damaged
  // files do not count and stay where they are. The first call also removes what processes that
  // died left half-written. kIo when it cannot be written: nothing was removed.
  void save(const StateMap& state, int64_t step);

  // The newest file that verifies; damaged ones are named in a warning and left where they are.
  // Empty: there are no files. kData when there are and none is good, kIo when one or the folder
  // cannot be read: the training behind them must not be begun anew unasked.
  std::optional<StateMap> load_newest() const;

  // best.h5 beside them, which save() sees to, too.
  BestCheckpoint& best() { return best_; }

  std::filesystem::path path(const std::string& stem) const { return folder_ / (stem + ".h5"); }

 private:
  void remove_temporaries();
  void remove_old();
  bool is_good(const std::filesystem::path& file);

  std::filesystem::path folder_;
  int64_t keep_;
  BestCheckpoint best_;
  std::map<std::filesystem::path, bool> good_;  // files that were verified or written here
  bool is_clean_ = false;                       // temporaries were removed
};

}  // namespace semiseg
