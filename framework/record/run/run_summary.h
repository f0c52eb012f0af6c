// SPDX-License-Identifier: Apache-2.0
// summary.json of a run: what a table needs to know of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/metrics/evaluator.h"
#include "framework/record/tables/evaluation_terms.h"

namespace semiseg {

struct RunSummary {
  std::string method, backbone, dataset;
  int64_t labelled = 0;  // patients with ground truth
  int64_t seed = 0;
  EvaluationTerms terms;
  EvaluationSummary metrics;
  bool label_based_preparation = false;  // of the data set
  std::string config_hash;               // 16 hexadecimal digits
  std::string settings_hash;             // the same without the seed; empty in older files
  int64_t iterations = 0;                // done
  double wall_seconds = 0;               // of the last start; the only time in the file
};

std::string to_json(const RunSummary& summary);

// Atomic. kIo on failure.
void write_run_summary(const std::filesystem::path& path, const RunSummary& summary);

// kData naming the file and what is wrong with it.
RunSummary read_run_summary(const std::filesystem::path& path);

}  // namespace semiseg
