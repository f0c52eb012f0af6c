// SPDX-License-Identifier: Apache-2.0
// Run folders with planted scores, for tests of the statistics of tables.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "framework/core/random/draws.h"
#include "framework/record/statistics/statistics_table.h"
#include "framework/record/tables/cases_csv.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {

struct Planted {
  std::string method;
  int64_t seed = 0;
  double lead = 0;                         // over 0.7
  std::vector<std::string> patients = {};  // empty: p00 … p13
  std::string selection = "val", unit = "voxel";
  bool no_distance = false;  // the last patient's distances are NaN
};

// Runs with two cases a patient and two classes; a patient's difficulty is the same in every run.
class PlantedRuns : public testing::Test {
 protected:
  FoundRun plant(const Planted& p) {
    std::vector<std::string> patients = p.patients;
    for (int i = 0; patients.empty() || (p.patients.empty() && i < 14); ++i)
      patients.push_back("p" + std::to_string(10 + i));
    CasesTable cases{.terms = {.unit = p.unit, .split = "test", .selection = p.selection}};
    for (const std::string& patient : patients) {
      for (const char* phase : {"_ed", "_es"}) {
        for (int64_t label = 1; label <= 2; ++label)
          cases.rows.push_back(row_of(p, patient, phase, label, patient == patients.back()));
      }
    }
    const std::filesystem::path folder = folder_ / (p.method + std::to_string(count_++));
    RunSummary s{.method = p.method, .backbone = "unet", .dataset = "phantom", .labelled = 3};
    s.seed = p.seed;
    s.terms = cases.terms;
    s.metrics = summarise(cases.rows);
    s.iterations = 1000;
    write_cases(folder / "cases.csv", cases);
    write_run_summary(folder / "summary.json", s);
    return {.folder = folder, .summary = s};
  }

  std::vector<FoundRun> three(const std::string& method, double lead) {
    return {plant({method, 0, lead}), plant({method, 1, lead}), plant({method, 2, lead})};
  }

  TemporaryFolder folder_;

 private:
  static EvaluationRow row_of(const Planted& p, const std::string& patient, const char* phase,
                              int64_t label, bool is_last) {
    // The noise of a run is that of its method and seed; that of a patient is shared.
    const double hard = Draws(1).sequence(patient).uniform(-0.1, 0.1),
                 noise = Draws(2)
                             .sequence(p.method + std::to_string(p.seed) + patient + phase, label)
                             .uniform(-0.03, 0.03);
    EvaluationRow row{.case_id = patient + phase, .patient = patient, .label = label};
    row.class_name = label == 1 ? "left" : "right";
    row.metrics.dice = 0.7 + hard + noise + p.lead;
    row.metrics.jaccard = row.metrics.dice / 2;
    row.metrics.hd95 = p.no_distance && is_last ? std::nan("") : 10 * (1 - row.metrics.dice);
    row.metrics.reference_voxels = row.metrics.prediction_voxels = 10;
    return row;
  }
  int count_ = 0;
};

inline std::vector<FoundRun> all_of(std::initializer_list<std::vector<FoundRun>> lists) {
  std::vector<FoundRun> runs;
  for (const auto& list : lists) runs.insert(runs.end(), list.begin(), list.end());
  return runs;
}

inline size_t row_named(const StatisticsTable& table, const std::string& method) {
  for (size_t i = 0; i < table.results.rows.size(); ++i) {
    if (table.results.rows[i].method == method) return i;
  }
  ADD_FAILURE() << method;
  return 0;
}

inline RowVerdict verdict_of(const StatisticsTable& table, const std::string& method) {
  const auto& comparisons = table.main().comparisons.at(row_named(table, method));
  EXPECT_EQ(comparisons.size(), 1) << method;
  return comparisons.at(0).verdict;
}

inline bool says(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  for (const std::string& text : texts) ADD_FAILURE() << text;
  return false;
}

}  // namespace semiseg
