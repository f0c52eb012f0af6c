// SPDX-License-Identifier: Apache-2.0
// The measured cost of a step, and the iterations that a budget of time is worth at this cost. A
// cost is measured once and kept in a file, so that no run depends on a clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace semiseg::cluster {

struct StageCost {
  std::string name;
  double share = 1;    // of the iterations of a run
  double seconds = 0;  // of a step
};

// Cost of the runs of one kind: they differ only in what costs no time, as the seed.
struct StepCost {
  std::string kind;  // Point::kind
  std::string method, backbone, dataset;
  std::vector<int64_t> patch;
  int64_t batch = 0;         // of all ranks
  std::string host, device;  // where it was measured
  int64_t threads = 0, ranks = 1;
  std::vector<StageCost> stages;

  // Returns Σ share · seconds over the stages with three digits: the seconds of a step.
  double seconds() const;
};

// A budget below so many iterations is refused: schedules and averages of weights mean nothing then.
inline constexpr int64_t kLeastIterations = 100;

// Returns the whole iterations in a budget of seconds. Throws kConfig for fewer than
// kLeastIterations.
int64_t iterations_in(double budget, const StepCost& cost);

// "bcp, unet, acdc, batch 24 of 256 × 256: 0.412 s a step"
std::string to_text(const StepCost& cost);

// "bcp, …: 0.412 s a step (cpu, 2 threads of n1), 1456 iterations in 600 s"
std::string budget_line(double budget, const StepCost& cost);

// One JSON object a line. Appends in one write. Throws kIo.
void append_cost(const std::filesystem::path& file, const StepCost& cost);

// Returns the costs in the file by their kinds, the first of several of one kind; none where there
// is no file. A damaged line is left out with a warning, and its kind is measured again.
std::map<std::string, StepCost> read_costs(const std::filesystem::path& file);

// The same as text, for a file that holds other things, too.
std::string cost_json(const StepCost& cost);
StepCost cost_of(const std::string& json);

}  // namespace semiseg::cluster
