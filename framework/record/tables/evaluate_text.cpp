// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/evaluate_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace semiseg {
namespace {

// Returns the width of the column: the heading and at least two blanks before it.
size_t width(const MetricField& field) { return std::max<size_t>(8, 2 + std::strlen(field.brief)); }

std::string line(const std::string& name, const EvaluationMeans& m,
                 const std::vector<MetricField>& fields) {
  std::string text = fmt::format("{:<20}", name);
  for (const MetricField& field : fields) {
    text += fmt::format("{:>{}}", mean_text(m.*field.mean, field.factor()), width(field));
  }
  return text + fmt::format("   {} missed, {} false positive, {} both empty\n", m.missed,
                            m.false_positive, m.both_empty);
}

}  // namespace

std::string mean_text(const MetricMean& value, double factor) {
  return value.count > 0 ? fmt::format("{:.2f}", factor * value.mean) : "–";
}

std::string means_table(const EvaluationSummary& metrics, const EvaluatorOptions& options) {
  const char* unit = to_string(options.unit);
  std::vector<MetricField> fields = shown_metrics();
  std::erase_if(fields, [&](const MetricField& f) { return !has_field(metrics.overall, f); });
  std::string text = fmt::format("{:<20}", "class");
  std::string terms =
      fmt::format("   as {} defines them, distances in {}", options.definition, unit);
  for (const MetricField& field : fields) {
    text += fmt::format("{:>{}}", field.brief, width(field));
    if (field.at_tolerance)
      terms += fmt::format(", {} at {} {}", field.brief, options.tolerance_text(), unit);
  }
  text += terms + "\n";
  for (size_t k = 0; k < metrics.class_names.size(); ++k) {
    text += line(metrics.class_names[k], metrics.classes[k], fields);
  }
  return text + line("mean", metrics.overall, fields);
}

}  // namespace semiseg
