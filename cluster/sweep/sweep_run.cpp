// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/sweep_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "cluster/sweep/status_text.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/train/stop_signal.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds kPause{200};

std::vector<Task> tasks_of(const Definition& definition, const std::vector<int64_t>& points) {
  std::vector<Task> tasks;
  for (const int64_t i : points) {
    const Point& point = definition.points[static_cast<size_t>(i)];
    tasks.push_back({.index = i,
                     .name = fmt::format("{}-{}", definition.name, i),
                     .folder = point.folder,
                     .arguments = train_arguments(definition, point)});
  }
  return tasks;
}

bool is_any(const SweepStates& states, const std::vector<int64_t>& points, TaskState state) {
  return std::any_of(points.begin(), points.end(), [&](int64_t i) {
    return states.states()[static_cast<size_t>(i)].state == state;
  });
}

void say_changes(const Definition& definition, SweepStates& states) {
  for (const int64_t i : states.take_changed()) log::info("{}", change_text(definition, states, i));
}

// Says how many runs were done before the sweep; the other changes since the last look are in the
// counts.
void say_reused(SweepStates& states) {
  const auto changed = states.take_changed();
  const auto reused = std::count_if(changed.begin(), changed.end(), [&](int64_t i) {
    return states.states()[static_cast<size_t>(i)].detail == kReused;
  });
  if (reused > 0) log::info("{} runs are done already and taken as they are", reused);
}

// Works until all points have ended, or a signal has stopped them.
void follow(const Definition& definition, SweepStates& states, const std::vector<int64_t>& points) {
  bool is_stopping = false;
  while (true) {
    states.refresh(/*thorough=*/false);
    say_changes(definition, states);
    const auto signal = stop_signal();
    if (signal && !is_stopping) {
      is_stopping = true;
      log::info("{}: the runs stop and save; the same command goes on", *signal);
      states.stop(points, /*keep_pending=*/true);
      continue;
    }
    // Points that wait when a signal comes stay pending.
    const bool is_waiting = !is_stopping && is_any(states, points, TaskState::kPending);
    if (!is_waiting && !is_any(states, points, TaskState::kRunning)) return;
    std::this_thread::sleep_for(kPause);
  }
}

// Cancelled runs may still save: they are children of this process.
void wait_for_saves(Launcher& launcher, const Launch& launch, const std::vector<int64_t>& points) {
  const auto runs = [](const TaskStatus& one) { return one.state == TaskState::kRunning; };
  for (auto all = launcher.query(launch, points); std::any_of(all.begin(), all.end(), runs);
       all = launcher.query(launch, points))
    std::this_thread::sleep_for(kPause);
}

int exit_code_of(const SweepStates& states) {
  if (stop_signal()) return exit_code(ErrorKind::kStopped);
  bool is_stopped = false, is_failed = false;
  for (const PointState& one : states.states()) {
    is_stopped |= one.state == TaskState::kStopped || one.state == TaskState::kPending;
    is_failed |= one.state != TaskState::kDone;
  }
  return is_stopped ? exit_code(ErrorKind::kStopped) : is_failed ? 1 : 0;
}

}  // namespace

int launch_rest(const fs::path& sweep, const Definition& definition, SweepStates& states,
                const LaunchSetup& setup) {
  const bool is_here = setup.launcher.is_here;
  const std::vector<int64_t> points = states.rest(/*with_running=*/is_here);
  log::info("{}: {}", sweep.string(), counts_text(states.states()));
  say_reused(states);
  if (!points.empty()) {
    if (is_here) catch_stop_signals();
    const auto seen = states.last_updates(points);
    const Launch launch = setup.launcher.launcher->submit(
        tasks_of(definition, points), fs::absolute(sweep / kTaskFolder), setup.options.sharing);
    states.add_launch(launch, setup.overrides, points, setup.launcher, seen);
    if (!is_here) {
      log::info("{} runs launched as {}; follow them: semiseg sweep watch {}", points.size(),
                launch.handle, sweep.string());
      return 0;
    }
    follow(definition, states, points);
    wait_for_saves(*setup.launcher.launcher, launch, points);
    log::info("{}", counts_text(states.states()));
  }
  for (const std::string& line : failure_lines(definition, states.states())) log::info("{}", line);
  if (is_any_failed(states.states()))
    log::info("start those again: semiseg sweep retry {}", sweep.string());
  log::info("compare: semiseg table {}", sweep.string());
  return is_here ? exit_code_of(states) : 0;
}

}  // namespace semiseg::cluster
