// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/finish_run.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/core/ignore_label.h"
#include "framework/record/report/overlay.h"
#include "framework/record/report/report_slices.h"
#include "framework/record/run/run_summary.h"
#include "framework/record/statistics/run_records.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/evaluate_text.h"
#include "framework/run/training/run_cost.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

EvaluationTerms terms_of(const Run& run, Split split) {
  return {.definition = run.options.evaluation.definition,
          .unit = to_string(run.options.evaluation.unit),
          .tolerance = run.options.evaluation.tolerance_text(),
          .empty = to_string(run.options.evaluation.empty),
          .split = to_string(split),
          .selection = run.selection()};
}

std::map<std::string, std::string> settings_of(const Config& config) {
  std::map<std::string, std::string> settings;
  for (const auto& [path, setting] : config.settings()) {
    if (!setting.is_default && path != "seed") settings[path] = setting.value;
  }
  return settings;
}

constexpr size_t kWorstCases = 3;

// Returns indices into cases(), the lowest mean Dice first.
std::vector<size_t> ranked_cases(const Run& run, Split split,
                                 const std::vector<EvaluationRow>& rows) {
  std::vector<std::pair<double, size_t>> scores;
  const auto& cases = run.data.source->cases();
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
SegmentedCase segmented(const Run& run, size_t index) {
  const Volume volume = run.data.source->load(index);
  const int64_t axis = run.data.source->info().axial_axis;
  at::Tensor reference = volume.label;
  if (run.data.source->info().has_ignore_label)
    reference = reference.masked_fill(reference == kIgnoreLabel, 0);
  SegmentedCase result{.id = run.data.source->cases()[index].id,
                       .image = volume.image[0].movedim(axis, 0).contiguous(),
                       .reference = reference.movedim(axis, 0).contiguous(),
                       .prediction = run.model.segment(volume).movedim(axis, 0).contiguous(),
                       .spacing_mm = volume.spacing_mm};
  std::rotate(result.spacing_mm.begin(), result.spacing_mm.begin() + axis,
              result.spacing_mm.begin() + axis + 1);
  return result;
}

// Writes the picture of the median case, which is a fair example.
void write_median(const fs::path& path, const Run& run, const std::vector<size_t>& ranked) {
  const SegmentedCase median = segmented(run, ranked[ranked.size() / 2]);
  write_overlay(path, median.image.unsqueeze(0), median.reference, median.prediction);
}

void write_worst(const fs::path& path, const Run& run, const std::vector<size_t>& ranked) {
  std::vector<SegmentedCase> cases;
  for (size_t i = 0; i < std::min(kWorstCases, ranked.size()); ++i)
    cases.push_back(segmented(run, ranked[i]));
  write_segmented_cases(path, run.data.source->info().classes, cases);
}

}  // namespace

FinishedRun finish_run(const Run& run, const RunFolder& folder, Split split,
                       const std::vector<EvaluationRow>& rows, int64_t iterations,
                       double wall_seconds) {
  FinishedRun finished{.metrics = summarise(rows)};
  write_cases(folder / kCasesFile, {terms_of(run, split), rows});
  write_run_summary(folder / "summary.json",
                    {.method = run.options.method,
                     .backbone = run.options.backbone,
                     .dataset = run.data.source->info().name,
                     .choices = run.options.config.choices(),
                     .overridden = run.options.config.overridden(),
                     .labelled = label_budget(run),
                     .seed = run.options.general.seed,
                     .terms = terms_of(run, split),
                     .metrics = finished.metrics,
                     .label_based_preparation = run.data.source->info().label_based_preparation,
                     .config_hash = folder.config_hash(),
                     .settings_hash = run.options.settings_hash(),
                     .settings = settings_of(run.options.config),
                     .iterations = iterations,
                     .wall_seconds = wall_seconds});
  const std::vector<size_t> ranked = ranked_cases(run, split, rows);
  finished.overlay = folder / "overlay.png";
  write_median(finished.overlay, run, ranked);
  write_worst(folder / kWorstCasesFile, run, ranked);
  return finished;
}

void write_last_cases(const Run& run, const RunFolder& folder, Split split,
                      const std::vector<EvaluationRow>& rows) {
  if (run.selection() == "last") return;
  EvaluationTerms terms = terms_of(run, split);
  terms.selection = "last";
  write_cases(folder / kLastCasesFile, {terms, rows});
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
