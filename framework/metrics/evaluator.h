// SPDX-License-Identifier: Apache-2.0
// Every case of a split predicted and measured, shared out over ranks; the rows do not depend on
// how many.
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

struct EvaluatorOptions {
  DistanceUnit unit = DistanceUnit::kVoxel;  // the unit of published tables, whatever the spacing
  EmptyPolicy empty = EmptyPolicy::kIgnore;
  std::string definition = "medpy";  // whose metrics: those of metric_definition()
  double tolerance = 1;              // of the surface Dice, in `unit`
  bool distances = true;             // false: overlap only
  // Called on each rank after each of its cases, with its own counts.
  std::function<void(int64_t done, int64_t total)> progress;
  // Asked on every rank before each case of the longest share: true on one ends all of them there.
  // A small message each time. Given on all ranks or none.
  std::function<bool()> stop;

  // Reads definition, tolerance, unit and empty from section [evaluation].
  static EvaluatorOptions read(const Config& section);
};

// One case and class.
struct EvaluationRow {
  std::string case_id, patient, centre;
  int64_t label = 0;  // label value, 1 … K - 1
  std::string class_name;
  ClassMetrics metrics;
};

// Volume → label map [D,H,W] uint8 on the CPU.
using CasePredictor = std::function<at::Tensor(const Volume& volume)>;

// Collective. Measured by case_metrics(): a volume of one plane is an image. Cases are shared out
// by CaseInfo::cost as rank 0 sees it. Rows of all cases on every rank, in the order of cases() and
// then of labels; no rows at all when a rank was stopped. kData when a case has no labels, or no
// spacing where distances are wanted in mm; kConfig when the definition is unknown or the split has
// no cases.
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

EvaluationSummary summarise(const std::vector<EvaluationRow>& rows);

}  // namespace semiseg
