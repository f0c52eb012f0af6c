// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/stop_run.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"
#include "framework/train/stop_request.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kPollsBetweenLines = 25;  // 5 s

bool is_same(const RunHolder& a, const RunHolder& b) {
  return a.host == b.host && a.pid == b.pid && a.started == b.started;
}

// Prints the status of a run that no process works on, and returns its exit code.
int report_state(const fs::path& run) {
  const auto state = read_run_state(run);
  if (!state) {
    log::info("the run never started: {}", run.string());
    return 1;
  }
  const bool is_dead = state->status == RunStatus::kRunning;
  log::info("{}: {}{}", is_dead ? "died while running" : to_string(state->status), run.string(),
            state->message.empty() ? "" : " (" + state->message + ")");
  return state->status == RunStatus::kDone || state->status == RunStatus::kStopped ? 0 : 1;
}

}  // namespace

int stop_run(const fs::path& run, const std::function<void()>& pause) {
  if (!fs::exists(run / kRunConfigFile)) {
    throw Error(ErrorKind::kConfig, {.what = "this is not a run folder",
                                     .where = run.string(),
                                     .expected = "a folder that semiseg train made",
                                     .fix = "give the folder that it printed at its start"});
  }
  const fs::path lock = run / kRunLockFile;
  const auto first = lock_holder(lock);
  if (!first) {
    log::info("no process works on this run");
    return report_state(run);
  }
  write_stop_request(run);
  if (!can_tell_holder(lock)) {
    log::warn(
        "the file system has no locks, so whether {} still works cannot be seen from here; "
        "it stops if it does",
        describe(*first));
    return 1;
  }
  log::info("asked to stop: {}; Ctrl-C leaves, the request stays", describe(*first));
  for (int64_t polls = 0;; ++polls) {
    const auto holder = lock_holder(lock);
    if (!holder) break;
    if (!is_same(*holder, *first)) {
      log::info("it stopped, and was started again by {}", describe(*holder));
      return 0;
    }
    // Writes the request again when it is gone: a run that just started removed it as an old one.
    if (!has_stop_request(run)) write_stop_request(run);
    if (polls > 0 && polls % kPollsBetweenLines == 0) {
      log::info("waiting for the end of its step or case, {:.0f} s so far",
                static_cast<double>(polls) * kStopPollSeconds);
    }
    pause();
  }
  remove_stop_request(run);  // left when its holder died
  return report_state(run);
}

int stop_run(const fs::path& run) {
  return stop_run(
      run, [] { std::this_thread::sleep_for(std::chrono::duration<double>(kStopPollSeconds)); });
}

}  // namespace semiseg
