// SPDX-License-Identifier: Apache-2.0
// The files of a finished run that tables read beside its summary.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"
#include "framework/record/run/run_account.h"
#include "framework/record/run/run_summary.h"

namespace semiseg {

constexpr const char* kCasesFile = "cases.csv";  // of the selected weights
constexpr const char* kLastCasesFile =
    "cases_last.csv";  // of the last weights, where others are selected

// Mean and sample deviation of the scores in the last tenth of the validations.
struct Tail {
  double mean, deviation;
  int64_t validations;
};

struct RunRecords {
  std::vector<EvaluationRow> selected, last;  // empty: no such file
  std::optional<Tail> tail;
  std::optional<RunAccount> account;
  std::vector<std::string> problems;  // files that cannot be read, or do not belong to the summary
};

// Never throws for a file that is missing or damaged: that is a problem, and its part is empty.
RunRecords read_run_records(const std::filesystem::path& run, const RunSummary& summary);

}  // namespace semiseg
