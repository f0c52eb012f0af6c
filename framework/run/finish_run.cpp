// SPDX-License-Identifier: Apache-2.0
#include "framework/run/finish_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "framework/record/report/overlay.h"
#include "framework/record/report/report_slices.h"
#include "framework/record/run/run_summary.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/evaluate_text.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

EvaluationTerms terms_of(const Experiment& e, Split split) {
  return {.definition = e.evaluation.definition,
          .unit = to_string(e.evaluation.unit),
          .tolerance = fmt::format("{}", e.evaluation.tolerance),
          .empty = to_string(e.evaluation.empty),
          .split = to_string(split),
          .selection = e.selection()};
}

constexpr size_t kWorstCases = 3;

// Returns indices into cases(), the lowest mean Dice first.
std::vector<size_t> ranked_cases(const Experiment& e, Split split,
                                 const std::vector<EvaluationRow>& rows) {
  std::vector<std::pair<double, size_t>> scores;
  const auto& cases = e.source->cases();
  for (size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].split != split) continue;
    double sum = 0;
    int64_t count = 0;
    for (const auto& row : rows) {
      if (row.case_id != cases[i].id || std::isnan(row.metrics.dice)) continue;
      sum += row.metrics.dice;
      ++count;
    }
    scores.emplace_back(count > 0 ? sum / static_cast<double>(count) : 1.0, i);
  }
  std::sort(scores.begin(), scores.end());
  std::vector<size_t> indices;
  for (const auto& [score, index] : scores) indices.push_back(index);
  return indices;
}

// Returns a case with its slices along the first axis.
SegmentedCase segmented(const Experiment& e, size_t index) {
  const Volume volume = e.source->load(index);
  const int64_t axis = e.source->info().axial_axis;
  SegmentedCase result{.id = e.source->cases()[index].id,
                       .image = volume.image[0].movedim(axis, 0).contiguous(),
                       .reference = volume.label.movedim(axis, 0).contiguous(),
                       .prediction = e.segment(volume).movedim(axis, 0).contiguous(),
                       .spacing_mm = volume.spacing_mm};
  std::rotate(result.spacing_mm.begin(), result.spacing_mm.begin() + axis,
              result.spacing_mm.begin() + axis + 1);
  return result;
}

// Writes the picture of the median case, which is a fair example.
void write_median(const fs::path& path, const Experiment& e, const std::vector<size_t>& ranked) {
  const SegmentedCase median = segmented(e, ranked[ranked.size() / 2]);
  write_overlay(path, median.image.unsqueeze(0), median.reference, median.prediction);
}

void write_worst(const fs::path& path, const Experiment& e, const std::vector<size_t>& ranked) {
  std::vector<SegmentedCase> cases;
  for (size_t i = 0; i < std::min(kWorstCases, ranked.size()); ++i)
    cases.push_back(segmented(e, ranked[i]));
  write_segmented_cases(path, e.source->info().classes, cases);
}

}  // namespace

FinishedRun finish_run(const Experiment& e, const RunFolder& folder, Split split,
                       const std::vector<EvaluationRow>& rows, int64_t iterations,
                       double wall_seconds) {
  FinishedRun finished{.metrics = summarise(rows)};
  write_cases(folder / "cases.csv", {terms_of(e, split), rows});
  write_run_summary(folder / "summary.json",
                    {.method = e.method_name,
                     .backbone = e.backbone_name,
                     .dataset = e.source->info().name,
                     .choices = e.config.choices(),
                     .overridden = e.config.overridden(),
                     .labelled = static_cast<int64_t>(e.pools.labelled_patients.size()),
                     .seed = e.seed,
                     .terms = terms_of(e, split),
                     .metrics = finished.metrics,
                     .label_based_preparation = e.source->info().label_based_preparation,
                     .config_hash = folder.config_hash(),
                     .settings_hash = e.settings_hash(),
                     .iterations = iterations,
                     .wall_seconds = wall_seconds});
  const std::vector<size_t> ranked = ranked_cases(e, split, rows);
  finished.overlay = folder / "overlay.png";
  write_median(finished.overlay, e, ranked);
  write_worst(folder / kWorstCasesFile, e, ranked);
  return finished;
}

std::string describe(const EvaluationSummary& metrics, const EvaluatorOptions& options) {
  const EvaluationMeans& m = metrics.overall;
  const char* unit = to_string(options.unit);
  std::string text = fmt::format("Dice {} %, Jaccard {} %, HD95 {} {}, ASD {} {} over {} cases",
                                 mean_text(m.dice, 100), mean_text(m.jaccard, 100),
                                 mean_text(m.hd95), unit, mean_text(m.asd), unit, metrics.cases);
  if (m.missed > 0) text += fmt::format("; {} missed", m.missed);
  if (m.false_positive > 0) text += fmt::format("; {} false positive", m.false_positive);
  return text;
}

}  // namespace semiseg
