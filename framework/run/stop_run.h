// SPDX-License-Identifier: Apache-2.0
// semiseg train --stop RUN: asks a run, here or on another machine, to stop and save, and waits.
#pragma once

#include <filesystem>
#include <functional>

namespace semiseg {

// How long the wait sleeps between two looks at the run's lock.
inline constexpr double kStopPollSeconds = 0.2;

// Exit code: 0 when nobody works on the run (any more) and it is done or stopped, 1 when it failed
// or its process died. kConfig when this is no run folder; kIo when the request cannot be written.
// `pause` sleeps kStopPollSeconds. Ctrl-C leaves, the request stays.
int stop_run(const std::filesystem::path& run, const std::function<void()>& pause);
int stop_run(const std::filesystem::path& run);

}  // namespace semiseg
