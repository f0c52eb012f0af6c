// SPDX-License-Identifier: Apache-2.0
// The best state of a training so far, best.h5. A resume goes back to the newest checkpoint, and
// the best state must go back with it, also when the steps in between come out otherwise (another
// number of ranks): a best state is kept as long as a checkpoint refers to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "framework/core/state.h"

namespace semiseg {

class BestCheckpoint {
 public:
  // `folder` is that of CheckpointFolder.
  explicit BestCheckpoint(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Writes best.h5, the best state after `step` steps; the previous one stays as best.000123.h5.
  // Throws kIo when it cannot be written; then the previous one remains.
  void save(const StateMap& state, int64_t step);

  // Returns the state in best.h5. Throws kData when the file is damaged, or is not the state after
  // `step` steps; without `step`, any is accepted.
  StateMap load(std::optional<int64_t> step) const;
  bool exists() const;

  // Call it on resume from a checkpoint whose best state was saved after `step` steps; 0: it had
  // none. Makes that state best.h5 again and removes those of later steps. Returns false when the
  // state is neither best.h5 nor set aside.
  bool rewind(int64_t step);

  // Removes the states set aside to which none of the checkpoints after `kept` steps refers.
  void keep_for(const std::vector<int64_t>& kept);

 private:
  std::filesystem::path file() const { return folder_ / "best.h5"; }
  std::filesystem::path aside(int64_t step) const;

  std::filesystem::path folder_;
  std::optional<int64_t> step_;  // step of best.h5; none: there is no such file
};

}  // namespace semiseg
