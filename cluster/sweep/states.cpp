// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/states.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cluster/sweep/run_outcome.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/record/shown_text.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

// True for a state that only a retry changes. A done run stays done; others are looked at again.
bool is_settled(TaskState state) {
  return state == TaskState::kDone || state == TaskState::kFailed || state == TaskState::kCancelled;
}

bool is_open(TaskState state) {
  return state == TaskState::kPending || state == TaskState::kRunning;
}

}  // namespace

SweepStates::SweepStates(fs::path sweep, const Definition& definition, MakeLauncher make)
    : sweep_(std::move(sweep)),
      definition_(definition),
      make_(std::move(make)),
      ledger_(sweep_),
      states_(definition.points.size()),
      launch_of_(definition.points.size()),
      seen_(definition.points.size()) {}

// Whatever launched the point before, and how that ended, no longer counts.
void SweepStates::forget_end(size_t point) {
  launch_of_[point].clear();
  seen_[point] = run_outcome(definition_.points[point].folder).updated;
}

void SweepStates::apply(const LedgerLine& line) {
  if (line.is_launch()) {
    const auto [known, is_new] = launches_.try_emplace(line.launch);
    if (!known->second.is_own)
      known->second = {{line.launch, line.points, line.pack}, line.overrides, {}, false};
    last_handle_ = line.launch;
    for (const int64_t point : line.points) {
      if (point < 0 || point >= std::ssize(states_)) continue;
      launch_of_[static_cast<size_t>(point)] = line.launch;
      const auto seen = line.seen.find(point);
      seen_[static_cast<size_t>(point)] = seen == line.seen.end() ? "" : seen->second;
      states_[static_cast<size_t>(point)] = {.since = line.time};
    }
    return;
  }
  if (line.point >= std::ssize(states_)) return;
  PointState& state = states_[static_cast<size_t>(line.point)];
  if (line.state == TaskState::kCancelled && is_open(state.state)) cancelled_.push_back(line.point);
  state = {line.state, line.detail, line.time, line.score, false};
  if (line.state == TaskState::kPending && line.detail == kRetried) {
    forget_end(static_cast<size_t>(line.point));
    state.detail.clear();
  }
}

// Another process has cancelled points that a pool of this one has.
void SweepStates::obey_cancellations() {
  for (const int64_t point : std::exchange(cancelled_, {})) {
    const auto launch = launches_.find(launch_of_[static_cast<size_t>(point)]);
    if (launch != launches_.end() && launch->second.is_own)
      launch->second.launcher.launcher->cancel(launch->second.launch, {point});
  }
}

std::map<int64_t, TaskStatus> SweepStates::ask_launchers() {
  std::map<std::string, std::vector<int64_t>> open;
  for (int64_t i = 0; i < std::ssize(states_); ++i) {
    const auto at = static_cast<size_t>(i);
    if (!launch_of_[at].empty() && !is_settled(states_[at].state))
      open[launch_of_[at]].push_back(i);
  }
  std::map<int64_t, TaskStatus> answers;
  for (const auto& [handle, points] : open) {
    KnownLaunch& known = launches_.at(handle);
    if (!known.launcher.launcher) known.launcher = make_(known.overrides);
    for (TaskStatus& answer : known.launcher.launcher->query(known.launch, points))
      answers.emplace(answer.index, std::move(answer));
  }
  return answers;
}

PointState SweepStates::joined(int64_t index, const TaskStatus* answer) const {
  const auto at = static_cast<size_t>(index);
  const PointState& before = states_[at];
  const RunOutcome run = run_outcome(definition_.points[at].folder);
  if (run.state == TaskState::kDone)
    return {run.state, launch_of_[at].empty() ? kReused : "", before.since, run.score};
  if (before.state == TaskState::kCancelled) return before;
  PointState now = before;
  const bool is_news = run.updated != seen_[at];  // not of a start before the last launch
  // Runs that share a job end apart from it, and those that stopped go on with it.
  const bool ends_apart = answer != nullptr && answer->is_shared && is_news &&
                          (run.state == TaskState::kFailed || run.state == TaskState::kStopped);
  if (ends_apart) {
    now.state = run.state;
    now.detail = run.detail;
    now.is_in_queue = is_open(answer->state);
  } else if (answer != nullptr && answer->state != TaskState::kUnknown &&
             answer->state != TaskState::kDone) {
    now.state = answer->state;
    now.detail = answer->detail;
    if (now.state == TaskState::kFailed && run.state == now.state && is_news)
      now.detail = run.detail;
    now.is_in_queue = is_open(now.state) && !launches_.at(launch_of_[at]).launcher.is_here;
  } else if (run.state != TaskState::kPending && (is_news || run.state == TaskState::kRunning)) {
    now.state = run.state;
    now.detail = run.detail;
  } else if (answer != nullptr && answer->state == TaskState::kDone) {
    now.state = TaskState::kUnknown;
    now.detail = "it ended, but its run folder does not say that it is done";
  } else if (before.state == TaskState::kRunning) {
    now.state = TaskState::kStopped;
    now.detail = "its process died";
  }
  if (keeps_pending_ && now.state == TaskState::kCancelled) {
    now.state = before.state == TaskState::kPending ? TaskState::kPending : TaskState::kStopped;
  }
  return now;
}

void SweepStates::refresh(bool thorough) {
  for (const LedgerLine& line : ledger_.read_new()) apply(line);
  obey_cancellations();
  const auto answers = ask_launchers();
  std::vector<LedgerLine> lines;
  for (int64_t i = 0; i < std::ssize(states_); ++i) {
    PointState& state = states_[static_cast<size_t>(i)];
    const auto found = answers.find(i);
    const TaskStatus* answer = found == answers.end() ? nullptr : &found->second;
    const bool is_same =
        answer == nullptr || (answer->state == state.state && is_open(state.state));
    if (state.state == TaskState::kDone || (is_same && !thorough)) continue;
    PointState now = joined(i, answer);
    const bool is_changed = now.state != state.state || now.detail != state.detail;
    if (is_changed) {
      now.since = iso_time(now_seconds());
      lines.push_back({now.since, i, now.state, now.detail, now.score});
      changed_.push_back(i);
    }
    state = std::move(now);
  }
  note(lines);
}

// Who may only read the sweep sees the states all the same.
void SweepStates::note(const std::vector<LedgerLine>& lines) {
  if (!may_write_ || lines.empty()) return;
  try {
    ledger_.append(lines);
  } catch (const Error& error) {
    may_write_ = false;
    log::warn("{}", error.what());
  }
}

std::vector<int64_t> SweepStates::take_changed() { return std::exchange(changed_, {}); }

std::vector<int64_t> SweepStates::rest(bool with_running) const {
  std::vector<int64_t> points;
  for (int64_t i = 0; i < std::ssize(states_); ++i) {
    const PointState& one = states_[static_cast<size_t>(i)];
    if (is_settled(one.state) || one.is_in_queue) continue;
    if (with_running || one.state != TaskState::kRunning) points.push_back(i);
  }
  return points;
}

std::map<int64_t, std::string> SweepStates::last_updates(const std::vector<int64_t>& points) const {
  std::map<int64_t, std::string> updates;
  for (const int64_t point : points) {
    const auto run = run_outcome(definition_.points[static_cast<size_t>(point)].folder);
    if (!run.updated.empty()) updates[point] = run.updated;
  }
  return updates;
}

void SweepStates::add_launch(const Launch& launch, const std::vector<std::string>& overrides,
                             const std::vector<int64_t>& points, LauncherOf launcher,
                             const std::map<int64_t, std::string>& seen) {
  launches_[launch.handle] = {launch, overrides, std::move(launcher), true};
  ledger_.append({{.time = iso_time(now_seconds()),
                   .launch = launch.handle,
                   .overrides = overrides,
                   .points = points,
                   .pack = launch.pack,
                   .seen = seen}});
  for (const LedgerLine& line : ledger_.read_new()) apply(line);
}

void SweepStates::set(const std::vector<int64_t>& points, TaskState state,
                      const std::string& detail) {
  std::vector<LedgerLine> lines;
  for (const int64_t point : points)
    lines.push_back(
        {.time = iso_time(now_seconds()), .point = point, .state = state, .detail = detail});
  ledger_.append(lines);
}

void SweepStates::stop(const std::vector<int64_t>& points, bool keep_pending) {
  keeps_pending_ = keep_pending;
  std::map<std::string, std::vector<int64_t>> by_launch;
  for (const int64_t point : points)
    by_launch[launch_of_[static_cast<size_t>(point)]].push_back(point);
  by_launch.erase("");
  for (const auto& [handle, some] : by_launch) {
    KnownLaunch& known = launches_.at(handle);
    if (!known.launcher.launcher) known.launcher = make_(known.overrides);
    known.launcher.launcher->cancel(known.launch, some);
  }
}

std::vector<std::string> SweepStates::last_overrides() const {
  return last_handle_.empty() ? definition_.launch : launches_.at(last_handle_).overrides;
}

}  // namespace semiseg::cluster
