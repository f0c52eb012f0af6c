// SPDX-License-Identifier: Apache-2.0
#include "framework/record/finished_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "framework/core/error.h"
#include "framework/record/lock_file.h"
#include "framework/record/run_state.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

bool is_run(const fs::path& folder) {
  return fs::exists(folder / "state.json") || fs::exists(folder / "summary.json");
}

// Runs do not hold runs, so a folder that is one is not searched.
void collect(const fs::path& folder, std::set<fs::path>& runs) {
  if (is_run(folder)) {
    runs.insert(folder);
    return;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) collect(entry.path(), runs);
  }
}

fs::path without_stars(const fs::path& place) {
  fs::path path = place.lexically_normal();
  while (!path.empty() &&
         (path.filename() == "**" || path.filename() == "*" || path.filename().empty())) {
    path = path.parent_path();
  }
  return path.empty() ? "." : path;
}

// A run that says "running" while nobody holds its lock has died.
std::string describe_unfinished(const fs::path& folder, const RunState& state) {
  std::string text = to_string(state.status);
  if (state.status == RunStatus::kRunning) {
    const auto holder = lock_holder(folder / "lock");
    text = holder ? "running: " + describe(*holder) : "died: " + describe(state.by);
  }
  return state.message.empty() ? text : text + ": " + state.message;
}

FoundRun load(const fs::path& folder) {
  FoundRun run{.folder = folder};
  const auto state = read_run_state(folder);
  if (state && state->status != RunStatus::kDone) {
    run.unfinished = describe_unfinished(folder, *state);
  } else if (!fs::exists(folder / "summary.json")) {
    run.unfinished = "done, but not evaluated: no summary.json";
  } else {
    run.summary = read_run_summary(folder / "summary.json");
  }
  return run;
}

}  // namespace

std::vector<FoundRun> find_runs(const std::vector<fs::path>& places) {
  std::set<fs::path> folders;
  for (const fs::path& place : places) {
    fs::path path = without_stars(place);
    if (!fs::exists(path)) {
      throw Error(ErrorKind::kConfig, {.what = "there is no such run", .where = place.string()});
    }
    if (fs::is_directory(path)) {
      collect(path, folders);
    } else if (is_run(path.parent_path())) {
      folders.insert(path.parent_path());
    }
  }
  if (folders.empty()) {
    std::vector<std::string> names;
    for (const fs::path& place : places) names.push_back(place.string());
    throw Error(ErrorKind::kConfig, {.what = "no run found",
                                     .where = fmt::format("{}", fmt::join(names, ", ")),
                                     .expected = "folders with state.json or summary.json"});
  }
  std::vector<FoundRun> runs;
  for (const fs::path& folder : folders) runs.push_back(load(folder));
  return runs;
}

}  // namespace semiseg
