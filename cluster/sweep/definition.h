// SPDX-License-Identifier: Apache-2.0
// The files of a sweep folder that say which runs the sweep has. On disk: do not rename.
//   sweep.json    the arguments, the axes and every point with its run folder
//   runs.txt      the run folders, one a line, for semiseg table and report
//   request       the hash of a sweep with a budget, from before sweep.json
//   costs/        of a budget: costs.jsonl, script and log of the measurement
//   ledger.jsonl  the state changes (ledger.h)
//   lock          the process that launches, if any
//   tasks/        scripts, logs and locks of the launcher
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/budget/step_costs.h"
#include "cluster/sweep/points.h"

namespace semiseg::cluster {

inline constexpr const char* kSweepFile = "sweep.json";
inline constexpr const char* kRequestFile = "request";
inline constexpr const char* kSweepLockFile = "lock";
inline constexpr const char* kTaskFolder = "tasks";

struct Definition {
  std::string name;
  std::string made;                      // ISO, UTC
  std::filesystem::path directory;       // working folder of the command, where runs start
  std::vector<std::string> train_flags;  // {"--config-name", "x", …} of `semiseg train`
  std::vector<std::string> launch;       // overrides of [cluster] and [sweep]
  std::vector<Axis> axes;
  std::vector<Point> points;
  double budget = 0;            // seconds of training steps of each run; 0: none
  std::vector<StepCost> costs;  // that the iterations of a budget follow from
  std::string asked;            // of a budget: hash_of_request()

  // Returns 16 hexadecimal digits that are equal for sweeps of the same runs and, with a budget, of
  // the same request: its iterations are those of the first measurement.
  std::string hash() const;
};

// Returns 16 hexadecimal digits that are equal for the same points, as they are before a budget sets
// their iterations, and the same budget.
std::string hash_of_request(const std::vector<Point>& points, double budget);

// Writes both files atomically. Throws kIo.
void write_definition(const std::filesystem::path& sweep, const Definition& definition);

// Throws kConfig when this is no sweep folder, kData when the file cannot be parsed.
Definition read_definition(const std::filesystem::path& sweep);

// Writes the hash of a sweep whose costs are still measured, so that the folder is found again.
void write_request(const std::filesystem::path& sweep, const Definition& definition);

// Returns the sweep folder below `root` with these runs, the newest of several; else a new name
// below it, "<date>-<name>-<hash6>".
std::filesystem::path sweep_folder(const std::filesystem::path& root, const Definition& definition,
                                   int64_t now);

// The arguments of `semiseg` that start or resume the run of a point.
std::vector<std::string> train_arguments(const Definition& definition, const Point& point);

}  // namespace semiseg::cluster
