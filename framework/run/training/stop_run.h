// SPDX-License-Identifier: Apache-2.0
// semiseg train --stop RUN: asks a run, here or on another machine, to stop and save, and waits.
#pragma once

#include <filesystem>
#include <functional>

namespace semiseg {

// The pause between two polls of the run's lock.
inline constexpr double kStopPollSeconds = 0.2;

// Returns the exit code: 0 when no process works on the run (any more) and it is done or stopped, 1
// when it failed or its process died. Throws kConfig when this is not a run folder; throws kIo when
// the request cannot be written. `pause` sleeps kStopPollSeconds. Ctrl-C leaves, the request stays.
int stop_run(const std::filesystem::path& run, const std::function<void()>& pause);
int stop_run(const std::filesystem::path& run);

}  // namespace semiseg
