// SPDX-License-Identifier: Apache-2.0
// Writes the results of a run: cases.csv, summary.json, a picture and the worst cases, from the
// selected weights.
#pragma once

#include <string>

#include "framework/record/run/run_folder.h"
#include "framework/run/run.h"

namespace semiseg {

struct FinishedRun {
  EvaluationSummary metrics;
  std::filesystem::path overlay;
};

// Writes the files into the run folder; `rows` are those of `split` with the method's present
// predictor. Not collective: rank 0 does it.
FinishedRun finish_run(const Run& run, const RunFolder& folder, Split split,
                       const std::vector<EvaluationRow>& rows, int64_t iterations,
                       double wall_seconds);

// Writes the rows of the last weights beside those of the selected ones, in a file of their own, so
// that cases.csv stays what it is. Does nothing where the last weights are the ones that count. Not
// collective.
void write_last_cases(const Run& run, const RunFolder& folder, Split split,
                      const std::vector<EvaluationRow>& rows);

// "Dice 87.12 %, Jaccard 77.90 %, HD95 4.21 voxel, ASD 1.02 voxel over 28 cases; 1 missed"
std::string describe(const EvaluationSummary& metrics, const EvaluatorOptions& options);

}  // namespace semiseg
