// SPDX-License-Identifier: Apache-2.0
// sweep.budget: every run trains for the same time, whatever its method. The cost of a step is
// measured once for each kind of run, by a task of the launcher that the runs have, and kept in
// a file of the sweep folder; the iterations of each run follow from it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cluster/budget/step_costs.h"
#include "cluster/sweep/points.h"
#include "cluster/sweep/states.h"
#include "framework/run/world.h"

namespace semiseg::cluster {

// A folder of the sweep: the costs, and script and log of the measurement.
inline constexpr const char* kCostFolder = "costs";

struct BudgetRequest {
  double seconds = 0;                  // of training steps on the devices of a run
  std::filesystem::path folder, file;  // absolute: kCostFolder of the sweep; the costs
  std::vector<std::string> arguments;  // of `semiseg` that measure all kinds into the file
  std::string name;                    // for the job
  Sharing sharing;                     // of the runs, so that threads are shared out alike
};

// Throws kConfig when the sweep sets protocol.iterations itself.
void check_budget(const std::vector<Axis>& axes);

// The first point of each kind, in the order of the points.
std::vector<const Point*> first_of_kinds(const std::vector<Point>& points);

enum class Measured {
  kAll,      // the file has the costs of all kinds
  kWaiting,  // a job of a batch system measures; the same command goes on after its end
  kStopped   // a signal came
};

// Measures the kinds that the file has no cost of. Waits for it where the launcher's tasks are
// children of this process. Throws kConfig with the first line of the failure when it fails.
Measured measure_missing(const BudgetRequest& request, const std::vector<Point>& points,
                         const LauncherOf& launcher);

// Returns the iterations of each kind and says them. Throws kConfig when the budget is too short.
std::map<std::string, int64_t> budget_iterations(double seconds,
                                                 const std::vector<StepCost>& costs);

// Returns the costs of these kinds of runs in the order of the points.
std::vector<StepCost> costs_of(const std::vector<Point>& points, const std::filesystem::path& file);

// On the side of the task that measures: with the device, the threads and the ranks of this process.
// Collective. Opens data and networks of the run and makes some steps of each stage, with their
// batches as training gets them: after six to warm up 10 to 100, about three seconds. Their
// iterations lie over the whole stage, because some methods begin a part of their loss late. The cost of a step is the median of five means. `kind` names the result. Throws what
// assemble() throws.
StepCost measure_cost(const ComposeRequest& run, const std::string& kind, World& world);

}  // namespace semiseg::cluster
