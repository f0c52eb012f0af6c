// SPDX-License-Identifier: Apache-2.0
// Predicts and measures every case of a split, shared out over ranks; the rows do not depend on the
// number of ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/tensor_fwd.h"
#include "framework/data/dataset.h"
#include "framework/metrics/metric_schema.h"
#include "framework/metrics/metrics.h"

namespace semiseg {

enum class DistanceUnit { kVoxel, kMillimetre };
const char* to_string(DistanceUnit unit);  // "voxel", "mm": on disk, do not rename

// Volume → tensor on the CPU: a label map [D,H,W] uint8, or class probabilities [K,D,H,W] float32.
using CasePredictor = std::function<at::Tensor(const Volume& volume)>;

struct EvaluatorOptions {
  DistanceUnit unit = DistanceUnit::kVoxel;  // the unit of published tables, whatever the spacing
  EmptyPolicy empty = EmptyPolicy::kIgnore;
  std::string definition = "medpy";  // package that defines the metrics, see metric_definition()
  double tolerance = 1;              // tolerance of the surface Dice, in `unit`
  std::vector<double> class_tolerances;  // those of the foreground classes; empty: `tolerance`
  std::vector<std::string> metrics;      // of metrics_to_ask(): measured besides
  bool distances = true;                 // false: overlap only, and nothing that must be asked for
  // Predicts the probabilities of a case where `metrics` asks for calibration: those of one case at
  // a time are held. Unset: calibration has no value.
  CasePredictor probabilities;
  // Called on each rank after each of its cases, with its own counts.
  std::function<void(int64_t done, int64_t total)> progress;
  // Polled on every rank before each case of the longest share; if true on any rank, all ranks
  // stop. Costs one small all-reduce a case. Set it on all ranks or on none.
  std::function<bool()> stop;

  // Reads definition, tolerances, unit, empty and metrics from section [evaluation].
  static EvaluatorOptions read(const Config& section);

  bool asks_for(const std::string& metric) const;
  // Returns the tolerance, or those of the classes in their order: "2,1.5,1".
  std::string tolerance_text() const;
  // Throws kConfig when tolerances are given for other than these classes, the background first.
  void check_classes(const std::vector<std::string>& classes) const;
};

// One case and class.
struct EvaluationRow {
  std::string case_id, patient, centre;
  int64_t label = 0;  // label value, 1 … K - 1
  std::string class_name;
  ClassMetrics metrics;
};

// Collective. Measures each case with case_metrics(): a volume of one plane is an image. Cases are
// shared out by CaseInfo::cost as rank 0 sees it. Returns the rows of all cases on every rank, in
// the order of cases() and then of labels; no rows at all when a rank was stopped. Throws kData
// when a case has no labels, or no spacing where distances are wanted in mm; throws kConfig when
// the definition is unknown or the split has no cases.
std::vector<EvaluationRow> evaluate(const DatasetSource& source, Split split,
                                    const CasePredictor& predict, const EvaluatorOptions& options,
                                    const Communicator& comm);

struct EvaluationMeans : MetricValues<MetricMean> {
  int64_t rows = 0;
  int64_t both_empty = 0, missed = 0, false_positive = 0;
};

struct EvaluationSummary {
  int64_t cases = 0;
  EvaluationMeans overall;               // over cases and foreground classes
  std::vector<std::string> class_names;  // in order of labels
  std::vector<EvaluationMeans> classes;  // over cases
};

// Returns false for a field that must be asked for and has no value in these rows.
inline bool has_field(const EvaluationMeans& means, const MetricField& field) {
  return !field.asked_as || (means.*field.mean).count > 0;
}

EvaluationSummary summarise(const std::vector<EvaluationRow>& rows);

}  // namespace semiseg
