// SPDX-License-Identifier: Apache-2.0
// The best state of a training so far, best.h5. A resume goes back to the newest checkpoint, and
// the best state must go back with it, also when the steps in between come out otherwise (another
// number of ranks): the one that a checkpoint counts on is kept beside it until no checkpoint does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "framework/core/state.h"

namespace semiseg {

class BestCheckpoint {
 public:
  // `folder` as that of CheckpointFolder.
  explicit BestCheckpoint(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Becomes best.h5, the best state after `step` steps; the one before stays as best.000123.h5. kIo
  // when it cannot be written: the one before is there.
  void save(const StateMap& state, int64_t step);

  // kData when best.h5 is damaged, or is not that after `step` steps; none: whichever it is.
  StateMap load(std::optional<int64_t> step) const;
  bool exists() const;

  // The training goes on from a checkpoint that counts on the best state after `step` steps; 0: on
  // none. That one is best.h5 again; those of later steps belong to a course that was given up.
  // False: it is neither best.h5 nor set aside.
  bool rewind(int64_t step);

  // Removes what was set aside and none of the checkpoints after `kept` steps counts on.
  void keep_for(const std::vector<int64_t>& kept);

 private:
  std::filesystem::path file() const { return folder_ / "best.h5"; }
  std::filesystem::path aside(int64_t step) const;

  std::filesystem::path folder_;
  std::optional<int64_t> step_;  // of best.h5; none: there is none
};

}  // namespace semiseg
