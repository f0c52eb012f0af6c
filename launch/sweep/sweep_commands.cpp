// SPDX-License-Identifier: Apache-2.0
#include "launch/sweep/sweep_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <thread>

#include "cluster/budget/budget.h"
#include "cluster/launch_config.h"
#include "cluster/sweep/status_text.h"
#include "cluster/sweep/sweep_options.h"
#include "cluster/sweep/sweep_report.h"
#include "cluster/sweep/sweep_run.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/record/report/report.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;
using namespace cluster;

// A sweep that a command is about.
struct OpenSweep {
  fs::path folder;
  Definition definition;
  SweepStates states;

  OpenSweep(const fs::path& place, const MakeLauncher& make)
      : folder(place), definition(read_definition(place)), states(place, definition, make) {
    states.refresh();
  }
};

std::vector<int64_t> points_in(const SweepStates& states, const std::vector<TaskState>& wanted) {
  std::vector<int64_t> points;
  for (int64_t i = 0; i < std::ssize(states.states()); ++i) {
    const TaskState state = states.states()[static_cast<size_t>(i)].state;
    if (std::find(wanted.begin(), wanted.end(), state) != wanted.end()) points.push_back(i);
  }
  return points;
}

int status(const Arguments& arguments) {
  Flags flags("sweep status", "Prints the state of a sweep.",
              "example: semiseg sweep status sweeps/2026-01-31-acdc-1a2b3c");
  fs::path place;
  bool as_json = false;
  flags.require("sweep", place, "sweep folder");
  flags.add("--json", as_json, "print every run as JSON");
  if (const auto code = flags.parse(arguments)) return *code;
  const OpenSweep sweep(place, launcher_maker({}));
  if (as_json) {
    std::cout << status_json(place, sweep.definition, sweep.states.states());
    return 0;
  }
  for (const auto& line : status_lines(sweep.definition, sweep.states.states(), now_seconds()))
    std::cout << line << '\n';
  return 0;
}

// Writes the lines over the last ones.
void redraw(const std::vector<std::string>& lines, size_t last) {
  std::string text = last > 0 ? fmt::format("\x1b[{}A\x1b[J", last) : "";
  for (const std::string& line : lines) text += "\x1b[?7l" + line + "\x1b[?7h\n";
  std::cout << text << std::flush;
}

int watch(const Arguments& arguments) {
  Flags flags("sweep watch",
              "Shows the state of a sweep until all its runs have ended. Ctrl-C leaves it; the "
              "runs go on.",
              "example: semiseg sweep watch sweeps/2026-01-31-acdc-1a2b3c");
  fs::path place;
  double every = 2;
  flags.require("sweep", place, "sweep folder");
  flags.add("--every", every, "seconds between two looks");
  if (const auto code = flags.parse(arguments)) return *code;
  OpenSweep sweep(place, launcher_maker({}));
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const auto& states = sweep.states.states();
  sweep.states.take_changed();
  if (!is_terminal) std::cout << counts_text(states) << std::endl;
  for (size_t shown = 0;; sweep.states.refresh()) {
    const auto lines = status_lines(sweep.definition, states, now_seconds());
    if (is_terminal) redraw(lines, std::exchange(shown, lines.size()));
    for (const int64_t i : sweep.states.take_changed()) {
      if (!is_terminal) std::cout << change_text(sweep.definition, sweep.states, i) << std::endl;
    }
    if (!is_any_open(states)) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::max(0.1, every)));
  }
  if (!is_terminal) std::cout << counts_text(states) << std::endl;
  return is_any_failed(states) ? 1 : 0;
}

int retry(const Arguments& arguments) {
  Flags flags("sweep retry",
              "Starts the failed, timed out and cancelled runs of a sweep again, and what else is "
              "left of it.",
              "example: semiseg sweep retry sweeps/2026-01-31-acdc-1a2b3c cluster.time=24:00:00");
  fs::path place;
  ComposeFlags configuration;
  flags.require("sweep", place, "sweep folder");
  configuration.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  place = fs::absolute(place);
  OpenSweep sweep(place, launcher_maker(configuration));
  const SplitRequest split = split_request(configuration.request());
  if (!split.run.overrides.empty()) {
    throw Error(ErrorKind::kConfig, {.what = "a retry starts the same runs",
                                     .where = "command line: " + split.run.overrides.front(),
                                     .expected = "cluster.… or sweep.at_once",
                                     .fix = "semiseg sweep with other settings is another sweep"});
  }
  ComposeRequest launch = split.launch;
  const auto before = sweep.states.last_overrides();
  launch.overrides.insert(launch.overrides.begin(), before.begin(), before.end());
  const LaunchSetup setup = read_launch(launch);
  const LockFile lock = lock_sweep(place);
  sweep.states.set(points_in(sweep.states, {TaskState::kFailed, TaskState::kCancelled,
                                            TaskState::kTimedOut, TaskState::kUnknown}),
                   TaskState::kPending, kRetried);
  sweep.states.refresh(/*thorough=*/false);
  fs::current_path(sweep.definition.directory);
  return launch_rest(place, sweep.definition, sweep.states, setup);
}

int cancel(const Arguments& arguments) {
  Flags flags("sweep cancel",
              "Stops the runs of a sweep, which save, and drops those that wait. They stay "
              "cancelled until semiseg sweep retry.",
              "example: semiseg sweep cancel sweeps/2026-01-31-acdc-1a2b3c");
  fs::path place;
  flags.require("sweep", place, "sweep folder");
  if (const auto code = flags.parse(arguments)) return *code;
  OpenSweep sweep(place, launcher_maker({}));
  const auto points = points_in(sweep.states, {TaskState::kPending, TaskState::kRunning});
  sweep.states.set(points, TaskState::kCancelled);
  sweep.states.stop(points, /*keep_pending=*/false);
  log::info("{} runs cancelled", points.size());
  return 0;
}

int report(const Arguments& arguments) {
  Flags flags(
      "sweep report",
      "Writes one HTML page of a sweep: a grid of its runs with their states and scores, and "
      "curves and scores as semiseg report shows them. It needs no network; write it again "
      "to refresh it.",
      "example: semiseg sweep report sweeps/2026-01-31-acdc-1a2b3c");
  fs::path place, output;
  bool force = false;
  flags.require("sweep", place, "sweep folder");
  flags.add("--output", output, "write the page here; else DIR/report.html");
  flags.add("--force", force, "overwrite a file that is not a report");
  if (const auto code = flags.parse(arguments)) return *code;
  const OpenSweep sweep(place, launcher_maker({}));
  if (output.empty()) output = place / "report.html";
  write_report(output,
               report_page(shown_runs(find_runs({place})), now_seconds(),
                           {.title = fs::weakly_canonical(place).filename().string(),
                            .section = sweep_section(sweep.definition, sweep.states.states())}),
               force);
  std::cout << "report: " << output.lexically_normal().string() << '\n';
  return 0;
}

int measure(const Arguments& arguments) {
  Flags flags(
      "sweep measure",
      "Measures the cost of a training step of each kind of run of a sweep on this machine, "
      "with the ranks that it is started with. semiseg sweep … sweep.budget=10min does so "
      "by itself.",
      "example: semiseg sweep measure method=bcp,cps seed=0,1 sweep.costs=costs.jsonl");
  ComposeFlags configuration;
  configuration.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  const SplitRequest split = split_request(configuration.request());
  const SweepOptions options = read_launch(split.launch).options;
  World world;
  return world.run([&] {
    ComposedPoints composed;
    std::map<std::string, StepCost> known;
    const auto axes = parse_axes(split.run.overrides);
    world.agree([&] {
      composed = compose_points(axes, {.run = split.run, .is_here = true, .now = now_seconds()});
      if (!composed.unfit.empty()) throw composed.unfit.front().error;
      if (!options.costs.empty()) known = read_costs(options.costs);
    });
    for (const Point* point : first_of_kinds(composed.points)) {
      if (known.contains(point->kind)) continue;
      ComposeRequest run = split.run;
      run.overrides = overrides_of(axes, point->choices);
      run.overrides.insert(run.overrides.end(), point->fixed.begin(), point->fixed.end());
      const StepCost cost = measure_cost(run, point->kind, world);
      if (world.is_first()) std::cout << to_text(cost) << std::endl;
      if (world.is_first() && !options.costs.empty()) append_cost(options.costs, cost);
    }
    return 0;
  });
}

}  // namespace

std::function<int(const Arguments&)> sweep_command(const std::string& name) {
  static const std::map<std::string, int (*)(const Arguments&)> kCommands = {
      {"status", status}, {"watch", watch},   {"retry", retry},
      {"cancel", cancel}, {"report", report}, {"measure", measure}};
  const auto found = kCommands.find(name);
  return found == kCommands.end() ? nullptr : found->second;
}

MakeLauncher launcher_maker(const ComposeFlags& configuration) {
  return [request = split_request(configuration.request()).launch](
             const std::vector<std::string>& overrides) {
    ComposeRequest launch = request;
    launch.overrides = overrides;
    return read_launch(launch).launcher;
  };
}

LockFile lock_sweep(const fs::path& sweep) {
  fs::create_directories(sweep);
  if (const auto holder = lock_holder(sweep / kSweepLockFile)) {
    throw Error(ErrorKind::kConfig,
                {.what = "another process launches this sweep",
                 .where = sweep.string(),
                 .got = describe(*holder),
                 .fix = fmt::format("semiseg sweep watch {} follows it", sweep.string())});
  }
  return LockFile(sweep / kSweepLockFile, this_process("", now_seconds()));
}

}  // namespace semiseg
