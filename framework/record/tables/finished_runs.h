// SPDX-License-Identifier: Apache-2.0
// Finds run folders on the disk and their progress.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/record/run/run_summary.h"

namespace semiseg {

// In a sweep folder: its run folders, one a line. On disk, do not rename.
inline constexpr const char* kRunListFile = "runs.txt";

struct FoundRun {
  std::filesystem::path folder;
  std::optional<RunSummary> summary;  // set when the run is done
  std::string unfinished;  // why there is none: "stopped", "running: pid …", "failed: …"
};

// Each place is a run folder, a file in one, a folder above some ("runs" and "runs/**" are the
// same), or a sweep folder, whose runs that have not started are unfinished. Sorted by path, each run once, whatever links lead to it; a copy of a run, a damaged one
// and a folder that may not be read are unfinished. Throws kConfig when a place does not exist or
// none of them holds a run; the error of the first damaged one when all are.
std::vector<FoundRun> find_runs(const std::vector<std::filesystem::path>& places);

}  // namespace semiseg
