// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluate_text.h"

#include <fmt/format.h>

namespace semiseg {
namespace {

std::string line(const std::string& name, const EvaluationMeans& m) {
  return fmt::format(
      "{:<20}{:>8}{:>9}{:>8}{:>8}{:>8}{:>8}   {} missed, {} false positive, {} both empty\n", name,
      mean_text(m.dice, 100), mean_text(m.jaccard, 100), mean_text(m.hd95), mean_text(m.asd),
      mean_text(m.surface_dice, 100), mean_text(m.volume_error, 100), m.missed, m.false_positive,
      m.both_empty);
}

}  // namespace

std::string mean_text(const MetricMean& value, double factor) {
  return value.count > 0 ? fmt::format("{:.2f}", factor * value.mean) : "–";
}

std::string means_table(const EvaluationSummary& metrics, const EvaluatorOptions& options) {
  std::string text = fmt::format(
      "{:<20}{:>8}{:>9}{:>8}{:>8}{:>8}{:>8}   as {} defines them, distances in {}, NSD at {} {}\n",
      "class", "Dice", "Jaccard", "HD95", "ASD", "NSD", "volume", options.definition,
      to_string(options.unit), options.tolerance, to_string(options.unit));
  for (size_t k = 0; k < metrics.class_names.size(); ++k) {
    text += line(metrics.class_names[k], metrics.classes[k]);
  }
  return text + line("mean", metrics.overall);
}

}  // namespace semiseg
