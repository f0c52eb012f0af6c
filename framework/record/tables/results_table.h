// SPDX-License-Identifier: Apache-2.0
// Runs → one row for each data set, number of labelled patients and set of choices: mean and
// deviation over seeds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/record/tables/evaluation_terms.h"
#include "framework/record/tables/finished_runs.h"

namespace semiseg {

// Statistics over seeds. Runs without a value (every case excluded) are not in it.
struct SeedStatistics {
  double mean = 0;       // NaN when n is 0
  double deviation = 0;  // sample standard deviation (n - 1); NaN when n < 2
  int64_t n = 0;
};

SeedStatistics seed_statistics(const std::vector<double>& values);

struct ResultsRow {
  // Rows of one section (data set, terms but the selection, number of cases) may be compared.
  std::string dataset;
  EvaluationTerms terms;
  int64_t cases = 0;
  bool label_based_preparation = false;

  int64_t labelled = 0;
  std::string method, backbone;                // as chosen, with what tells them from other rows
  std::map<std::string, std::string> choices;  // chosen_by_hand() of its runs; empty for older ones
  std::vector<int64_t> seeds;                  // one for each run, sorted
  std::vector<FoundRun> runs;                  // with their summaries, by draw and seed
  std::vector<SeedStatistics> metrics;  // one for each of shown_metrics(), as the summaries have it
  int64_t both_empty = 0, missed = 0, false_positive = 0;  // cases and classes, over all runs

  bool same_section(const ResultsRow& other) const;
};

struct ResultsTable {
  std::vector<ResultsRow> rows;         // sorted by section, labelled, method, backbone, selection
  std::vector<std::string> warnings;    // reasons to doubt a row
  std::vector<std::string> unfinished;  // "folder: why", runs that are in no row
};

ResultsTable make_results_table(const std::vector<FoundRun>& runs);

}  // namespace semiseg
