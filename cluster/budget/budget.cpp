// SPDX-License-Identifier: Apache-2.0
#include "cluster/budget/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/record/shown_text.h"
#include "framework/train/stop_signal.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds kPause{200};

bool is_open(TaskState state) {
  return state == TaskState::kPending || state == TaskState::kRunning;
}

[[noreturn]] void fail(const BudgetRequest& request, const TaskStatus& status) {
  throw Error(ErrorKind::kConfig,
              {.what = "the cost of a step could not be measured; nothing was launched",
               .where = request.folder.string(),
               .got = one_line(status.detail.empty() ? to_string(status.state) : status.detail),
               .fix = "correct the run that the log names; the same command measures the rest"});
}

Launch submit(const BudgetRequest& request, Launcher& launcher) {
  return launcher.submit({{.index = 0,
                           .name = request.name + "-costs",
                           .folder = request.folder,
                           .arguments = request.arguments}},
                         request.folder, request.sharing);
}

// Waits for the task of a pool; false: a signal has stopped it.
bool measure_here(const BudgetRequest& request, Launcher& launcher) {
  catch_stop_signals();
  const Launch launch = submit(request, launcher);
  bool is_stopping = false;
  for (;; std::this_thread::sleep_for(kPause)) {
    const TaskStatus status = launcher.query(launch, {0}).front();
    if (!is_open(status.state)) {
      if (is_stopping) return false;
      if (status.state != TaskState::kDone) fail(request, status);
      return true;
    }
    if (!stop_signal() || is_stopping) continue;
    is_stopping = true;
    launcher.cancel(launch, {0});
  }
}

// A job of a batch system measures; a file names it, so that it is submitted once.
void measure_there(const BudgetRequest& request, Launcher& launcher) {
  const fs::path record = request.folder / "job";
  if (fs::exists(record)) {
    const std::string handle = read_file(record);
    const TaskStatus status =
        launcher.query({.handle = handle.substr(0, handle.find('\n'))}, {0}).front();
    if (is_open(status.state)) {
      log::info("the cost of a step is measured by {}", status.detail);
      return;
    }
    fs::remove(record);
    fail(request, status);
  }
  write_file(record, submit(request, launcher).handle + "\n");
}

}  // namespace

void check_budget(const std::vector<Axis>& axes) {
  for (const Axis& axis : axes) {
    for (const std::string& key : axis.keys) {
      if (key != "protocol.iterations") continue;
      throw Error(ErrorKind::kConfig,
                  {.what = "the budget of a sweep sets the iterations of its runs",
                   .where = "command line: protocol.iterations and sweep.budget",
                   .expected = "one of them"});
    }
  }
}

std::vector<const Point*> first_of_kinds(const std::vector<Point>& points) {
  std::vector<const Point*> first;
  std::set<std::string> seen;
  for (const Point& point : points) {
    if (seen.insert(point.kind).second) first.push_back(&point);
  }
  return first;
}

Measured measure_missing(const BudgetRequest& request, const std::vector<Point>& points,
                         const LauncherOf& launcher) {
  const auto kinds = first_of_kinds(points);
  const auto missing = [&] {
    const auto known = read_costs(request.file);
    return std::count_if(kinds.begin(), kinds.end(),
                         [&](const Point* one) { return !known.contains(one->kind); });
  };
  const auto count = missing();
  if (count == 0) return Measured::kAll;
  fs::create_directories(request.folder);
  if (launcher.is_here) {
    log::info("measuring the cost of a step of {} kinds of runs, some ten seconds each", count);
    if (!measure_here(request, *launcher.launcher)) return Measured::kStopped;
    SEMISEG_CHECK(missing() == 0, "the measurement leaves the cost of each kind");
    return Measured::kAll;
  }
  measure_there(request, *launcher.launcher);
  log::info("give the same command again when it has ended: it launches the runs then");
  return Measured::kWaiting;
}

std::vector<StepCost> costs_of(const std::vector<Point>& points, const fs::path& file) {
  const auto known = read_costs(file);
  std::vector<StepCost> costs;
  for (const Point* one : first_of_kinds(points)) costs.push_back(known.at(one->kind));
  return costs;
}

std::map<std::string, int64_t> budget_iterations(double seconds,
                                                 const std::vector<StepCost>& costs) {
  std::map<std::string, int64_t> iterations;
  for (const StepCost& cost : costs) {
    iterations[cost.kind] = iterations_in(seconds, cost);
    log::info("{}", budget_line(seconds, cost));
  }
  return iterations;
}

}  // namespace semiseg::cluster
