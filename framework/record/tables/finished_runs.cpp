// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/finished_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_state.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

bool is_run(const fs::path& folder) {
  std::error_code unreadable;
  return fs::exists(folder / "state.json", unreadable) ||
         fs::exists(folder / "summary.json", unreadable);
}

// Maps folders, with links resolved, to the names that are shown.
struct Search {
  std::map<fs::path, fs::path> runs;
  std::map<fs::path, std::string> unreadable;  // why
  std::set<fs::path> visited;
};

fs::path target_of(const fs::path& folder) {
  std::error_code unknown;
  const fs::path target = fs::canonical(folder, unknown);
  return unknown ? folder : target;
}

// Finds the runs of a sweep folder by its list.
void collect_listed(const fs::path& sweep, Search& search) {
  std::istringstream lines(read_own_file(sweep / kRunListFile));
  for (std::string line; std::getline(lines, line);) {
    if (is_run(line)) {
      search.runs.emplace(target_of(line), line);
    } else {
      search.unreadable.emplace(line, "has not started");
    }
  }
}

// Runs do not hold runs, so a folder that is one is not searched. Folders before links, so that a
// run is shown under its own name.
void collect(const fs::path& folder, Search& search) {
  const fs::path target = target_of(folder);
  if (is_run(folder)) {
    search.runs.emplace(target, folder);
    return;
  }
  if (!search.visited.insert(target).second) return;
  std::error_code unreadable;
  if (fs::exists(folder / kRunListFile, unreadable)) return collect_listed(folder, search);
  std::set<fs::path> folders, links;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    std::error_code broken;
    if (entry.is_directory(broken))
      (entry.is_symlink(broken) ? links : folders).insert(entry.path());
  }
  if (unreadable) search.unreadable.emplace(folder, "cannot be read: " + unreadable.message());
  for (const fs::path& below : folders) collect(below, search);
  for (const fs::path& below : links) collect(below, search);
}

fs::path without_stars(const fs::path& place) {
  fs::path path = place.lexically_normal();
  while (!path.empty() &&
         (path.filename() == "**" || path.filename() == "*" || path.filename().empty())) {
    path = path.parent_path();
  }
  return path.empty() ? "." : path;
}

// A run whose status is "running" while its lock is free has died.
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

// A damaged run does not hide valid ones; if all runs are damaged, the first error is thrown.
std::vector<FoundRun> load_all(const Search& search) {
  std::vector<FoundRun> runs;
  std::exception_ptr first_error;
  size_t good = 0;
  for (const auto& [target, folder] : search.runs) {
    try {
      runs.push_back(load(folder));
      ++good;
    } catch (const std::exception& error) {
      if (!first_error) first_error = std::current_exception();
      runs.push_back({.folder = folder, .unfinished = "damaged: " + one_line(error.what())});
    }
  }
  if (good == 0 && first_error) std::rethrow_exception(first_error);
  for (const auto& [folder, why] : search.unreadable)
    runs.push_back({.folder = folder, .unfinished = why});
  std::sort(runs.begin(), runs.end(),
            [](const FoundRun& a, const FoundRun& b) { return a.folder < b.folder; });
  return runs;
}

// Sets copies of runs aside, because a copy is not another seed. Equal summaries are copies: two
// trainings never take the same time to the last digit.
void set_copies_aside(std::vector<FoundRun>& runs) {
  std::map<std::string, fs::path> seen;
  for (FoundRun& run : runs) {
    if (!run.summary || run.summary->config_hash.empty() || run.summary->wall_seconds <= 0)
      continue;
    const auto [first, is_new] = seen.emplace(to_json(*run.summary), run.folder);
    if (is_new) continue;
    run.unfinished = "a copy of " + first->second.string();
    run.summary.reset();
  }
}

fs::path existing(const fs::path& place) {
  fs::path path = without_stars(place);
  std::error_code code;
  if (fs::exists(path, code)) return path;
  throw Error(ErrorKind::kConfig,
              {.what = code ? fmt::format("cannot read the run ({})", code.message())
                            : "there is no such run",
               .where = place.string()});
}

}  // namespace

std::vector<FoundRun> find_runs(const std::vector<fs::path>& places) {
  Search search;
  for (const fs::path& place : places) {
    const fs::path path = existing(place);
    if (fs::is_directory(path)) {
      collect(path, search);
    } else if (is_run(path.parent_path())) {
      collect(path.parent_path(), search);
    }
  }
  if (search.runs.empty()) {
    std::vector<std::string> names;
    for (const fs::path& place : places) names.push_back(place.string());
    for (const auto& [folder, why] : search.unreadable)
      names.push_back(folder.string() + " " + why);
    throw Error(ErrorKind::kConfig, {.what = "no run found",
                                     .where = fmt::format("{}", fmt::join(names, ", ")),
                                     .expected = "folders with state.json or summary.json"});
  }
  std::vector<FoundRun> runs = load_all(search);
  set_copies_aside(runs);
  return runs;
}

}  // namespace semiseg
