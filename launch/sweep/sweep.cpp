// SPDX-License-Identifier: Apache-2.0
// semiseg sweep key=a,b …: runs every combination; status, watch, retry, cancel and report follow.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>

#include "cluster/budget/budget.h"
#include "cluster/launch_config.h"
#include "cluster/sweep/sweep_options.h"
#include "cluster/sweep/sweep_run.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/record/shown_text.h"
#include "framework/run/places.h"
#include "launch/command_line/benchmark_choice.h"
#include "launch/command_line/compose_flags.h"
#include "launch/sweep/sweep_commands.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;
using namespace cluster;

constexpr const char* kExample =
    "example: semiseg sweep method=bcp,transmedseg labelled=3,7 'seed=range(0,3)'\n"
    "         semiseg sweep method=bcp 'zip(labelled=[3,7],protocol.iterations=[6000,10000])' "
    "sweep.at_once=2\n"
    "         semiseg sweep method=bcp,cps seed=0,1,2 cluster=slurm\n"
    "         semiseg sweep +benchmark=acdc_2d dataset.root=/data/ACDC\n"
    "Give the same command again to go on: only what is not done runs. Then:\n"
    "         semiseg sweep status DIR   counts, best run, failures\n"
    "         semiseg sweep watch DIR    the same until all has ended\n"
    "         semiseg sweep retry DIR    start failed and cancelled runs again\n"
    "         semiseg sweep cancel DIR   stop what runs, drop what waits\n"
    "         semiseg sweep report DIR   one page for the browser\n"
    "sweep.budget=10min gives every run the same time of training steps, whatever its method.\n"
    "         semiseg table DIR          compare the runs";

// Names the points that cannot be composed, one for each message.
void refuse_unfit(const ComposedPoints& composed) {
  if (composed.unfit.empty()) return;
  std::map<std::string, std::vector<std::string>> points;  // by message
  for (const UnfitPoint& unfit : composed.unfit)
    points[unfit.error.what()].push_back(fmt::format("{}", fmt::join(unfit.overrides, " ")));
  std::string text;
  for (const auto& [message, names] : points) {
    const std::string more = names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "";
    text += fmt::format("\n{}{}: {}", names.front(), more, message);
  }
  const auto all = std::ssize(composed.unfit) + std::ssize(composed.points) + composed.twins;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("{} of {} points cannot be composed; nothing was launched{}",
                                   composed.unfit.size(), all, text)});
}

std::string name_of(const SweepOptions& options, const std::vector<Point>& points) {
  if (!options.name.empty()) {
    const bool is_plain = std::all_of(
        options.name.begin(), options.name.end(),
        [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
    if (is_plain && options.name.front() != '.') return options.name;
    throw Error(ErrorKind::kConfig, {.what = "the name of the sweep is no name of a folder",
                                     .where = "sweep.name",
                                     .expected = "letters, digits, '_', '-' and '.'",
                                     .got = options.name});
  }
  const auto same = [&](const Point& point) { return point.dataset == points.front().dataset; };
  return std::all_of(points.begin(), points.end(), same) ? points.front().dataset : "sweep";
}

std::vector<std::string> train_flags(const ComposeFlags& flags) {
  std::vector<std::string> words;
  if (flags.config_name != "base") words = {"--config-name", flags.config_name};
  for (const std::string& folder : flags.config_folders) {
    words.push_back("--config-dir");
    words.push_back(fs::absolute(folder).string());
  }
  return words;
}

// Returns the definition that the folder holds, which knows where its runs are; none for a new one.
std::optional<Definition> existing(const fs::path& folder, const Definition& definition) {
  if (!fs::exists(folder / kSweepFile)) return std::nullopt;
  Definition there = read_definition(folder);
  if (there.hash() == definition.hash()) return there;
  throw Error(ErrorKind::kConfig, {.what = "the folder holds a sweep of other runs",
                                   .where = folder.string(),
                                   .expected = fmt::format("{} runs", definition.points.size()),
                                   .got = fmt::format("{} runs", there.points.size()),
                                   .fix = "give another sweep.dir, or none to have one made"});
}

void list_points(const Definition& definition) {
  for (const Point& point : definition.points) {
    std::cout << fmt::format("{}  {}{}\n", point_text(definition.axes, point),
                             point.folder.string(), fs::exists(point.folder) ? "  (exists)" : "");
  }
}

// The folders of a budget's runs are named after iterations that are not known yet.
void list_before_budget(const Definition& definition) {
  for (const Point& point : definition.points)
    std::cout << point_text(definition.axes, point) << '\n';
  log::info("the iterations of {:.6g} s follow from the cost of a step, which is measured first",
            definition.budget);
}

void say_points(const ComposedPoints& composed) {
  if (composed.twins > 0)
    log::info("{} of the points have the settings of another one, and run once", composed.twins);
}

// Sets the iterations of the points by the budget, after a measurement where a cost is not known.
// Returns the exit code when the sweep does not go on yet.
std::optional<int> apply_budget(const SplitRequest& split, const LaunchSetup& setup,
                                const fs::path& folder, Definition& definition) {
  const fs::path costs = fs::absolute(folder / kCostFolder);
  const fs::path file =
      setup.options.costs.empty() ? costs / "costs.jsonl" : fs::absolute(setup.options.costs);
  std::vector<std::string> arguments = {"sweep", "measure"};
  for (const auto& more : {definition.train_flags, split.run.overrides})
    arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.push_back("sweep.costs=" + quoted_value(file.string()));
  write_request(folder, definition);
  const Measured measured = measure_missing({.seconds = definition.budget,
                                             .folder = costs,
                                             .file = file,
                                             .arguments = arguments,
                                             .name = definition.name,
                                             .sharing = setup.options.sharing},
                                            definition.points, setup.launcher);
  if (measured == Measured::kWaiting) return 0;
  if (measured == Measured::kStopped) {
    log::info("stopped before anything was launched; the same command goes on");
    return exit_code(ErrorKind::kStopped);
  }
  definition.costs = costs_of(definition.points, file);
  ComposedPoints composed = compose_points(
      definition.axes, {.run = split.run,
                        .is_here = setup.launcher.is_here,
                        .now = seconds_of(definition.made),
                        .iterations = budget_iterations(definition.budget, definition.costs)});
  refuse_unfit(composed);
  definition.points = std::move(composed.points);
  return std::nullopt;
}

int start(const ComposeFlags& configuration, bool is_dry) {
  const int64_t now = now_seconds();
  const SplitRequest split = split_request(with_benchmark(configuration.request()));
  const LaunchSetup setup = read_launch(split.launch);
  const auto axes = parse_axes(split.run.overrides);
  ComposedPoints composed =
      compose_points(axes, {.run = split.run, .is_here = setup.launcher.is_here, .now = now});
  refuse_unfit(composed);
  say_points(composed);
  if (setup.options.budget > 0) check_budget(axes);
  Definition definition{.name = name_of(setup.options, composed.points),
                        .made = iso_time(now),
                        .directory = fs::current_path(),
                        .train_flags = train_flags(configuration),
                        .launch = setup.overrides,
                        .axes = axes,
                        .points = std::move(composed.points),
                        .budget = setup.options.budget};
  if (definition.budget > 0)
    definition.asked = hash_of_request(definition.points, definition.budget);
  if (is_dry)
    return definition.budget > 0 ? list_before_budget(definition) : list_points(definition), 0;
  fs::path folder = setup.options.directory.empty()
                        ? sweep_folder(setup.options.root, definition, now)
                        : fs::path(setup.options.directory);
  const auto known = existing(folder, definition);
  const LockFile lock = lock_sweep(folder);
  if (!known && definition.budget > 0) {
    const auto code = apply_budget(split, setup, folder, definition);
    if (code) return *code;
  }
  if (!known) write_definition(folder, definition);
  if (known) {
    definition = *known;
    if (definition.directory != fs::current_path()) folder = fs::absolute(folder);
    fs::current_path(definition.directory);  // paths of its runs are relative to it
  }
  SweepStates states(folder, definition, launcher_maker(configuration));
  states.refresh();
  return launch_rest(folder, definition, states, setup);
}

}  // namespace

int run_sweep(const Arguments& arguments) {
  if (!arguments.empty()) {
    if (const auto command = sweep_command(arguments.front()))
      return command({arguments.begin() + 1, arguments.end()});
  }
  Flags flags("sweep", "Trains every combination of the values given, here or on a cluster.",
              kExample);
  ComposeFlags configuration;
  configuration.add_to(flags);
  bool is_dry = false;
  flags.add("--dry-run", is_dry, "compose and list the runs with their folders, start nothing");
  if (const auto code = flags.parse(arguments)) return *code;
  return start(configuration, is_dry);
}

}  // namespace semiseg
