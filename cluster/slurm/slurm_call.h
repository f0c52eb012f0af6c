// SPDX-License-Identifier: Apache-2.0
// One call of a Slurm client. A controller that does not answer is asked again, with growing pauses,
// and each pause is said; "cannot ask" never means that a job is gone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/command.h"

namespace semiseg::cluster {

// Returns true for the result of a client that could not reach its controller.
bool has_no_answer(const CommandResult& result);

class SlurmCall {
 public:
  // `pause` sleeps so many seconds; `patience` is how long to go on asking, in seconds.
  explicit SlurmCall(std::function<void(double seconds)> pause, double patience = 120);
  SlurmCall();

  // Returns the result of the first call that the controller answered, with success or not.
  // `is_done` is asked before a call is repeated: true means that the lost call had its effect, and
  // the result is that of the lost call. Throws kIo when the patience ends, kConfig when Slurm is
  // not installed.
  CommandResult run(const std::vector<std::string>& words,
                    const std::function<bool()>& is_done = {}) const;

 private:
  std::function<void(double)> pause_;
  double patience_;
};

}  // namespace semiseg::cluster
