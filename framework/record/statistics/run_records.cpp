// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/run_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "framework/core/own_file.h"
#include "framework/metrics/statistics/sample.h"
#include "framework/record/run/metrics_log.h"
#include "framework/record/shown_text.h"
#include "framework/record/tables/cases_csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// A line of training is left out before it is parsed: they are the most by far.
std::vector<double> validation_scores(const fs::path& path) {
  std::vector<double> scores;
  for (const MetricsRow& row : read_validations(path)) {
    if (!row.values.empty()) scores.push_back(row.values.front().second);
  }
  return scores;
}

std::optional<Tail> tail_of(const fs::path& path) {
  std::vector<double> scores = validation_scores(path);
  if (scores.empty()) return std::nullopt;
  const size_t tenth = (scores.size() + 9) / 10;
  scores.erase(scores.begin(), scores.end() - static_cast<std::ptrdiff_t>(tenth));
  return Tail{mean_of(scores), deviation_of(scores), static_cast<int64_t>(tenth)};
}

// Terms of older files lack what came later, so the selection alone is compared for the last ones.
std::vector<EvaluationRow> rows_of(const fs::path& path, const EvaluationTerms& terms,
                                   RunRecords& records) {
  CasesTable cases = read_cases(path);
  if (cases.terms != terms) {
    records.problems.push_back(fmt::format(
        "{} has other conventions than summary.json and is left out", path.filename().string()));
    return {};
  }
  return std::move(cases.rows);
}

}  // namespace

RunRecords read_run_records(const fs::path& run, const RunSummary& summary) {
  RunRecords records;
  const auto attempt = [&](const char* file, const std::function<void(const fs::path&)>& read) {
    try {
      if (fs::exists(run / file)) read(run / file);
    } catch (const std::exception& error) {
      records.problems.push_back(fmt::format("{}: {}", file, one_line(error.what())));
    }
  };
  EvaluationTerms last = summary.terms;
  last.selection = "last";
  attempt(kCasesFile,
          [&](const fs::path& path) { records.selected = rows_of(path, summary.terms, records); });
  attempt(kLastCasesFile,
          [&](const fs::path& path) { records.last = rows_of(path, last, records); });
  attempt("metrics.jsonl", [&](const fs::path& path) { records.tail = tail_of(path); });
  attempt(kAccountFile, [&](const fs::path& path) { records.account = read_account(path); });
  return records;
}

}  // namespace semiseg
