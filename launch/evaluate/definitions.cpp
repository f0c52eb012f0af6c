// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluate/definitions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/run/run_summary.h"
#include "framework/record/tables/evaluate_text.h"

namespace semiseg {
namespace {

std::string field_title(const MetricField& field, const EvaluatorOptions& options) {
  const char* unit = to_string(options.unit);
  std::string title = field.title;
  if (field.at_tolerance) title += fmt::format(" at {} {}", options.tolerance_text(), unit);
  if (field.unit == MetricUnit::kPercent) return title + " [%]";
  return field.unit == MetricUnit::kDistance ? fmt::format("{} [{}]", title, unit) : title;
}

template <class Means>
std::string lines_of(const std::string& name, const std::vector<DefinedMeans>& all,
                     const EvaluatorOptions& options, const Means& means_of) {
  std::string text;
  for (const MetricField& field : metric_schema()) {
    if (field.asked_as) continue;
    text += fmt::format("{:<20}{:<22}", name, field_title(field, options));
    for (const DefinedMeans& one : all) {
      const MetricMean& mean = means_of(one).*field.mean;
      text += fmt::format("{:>18}", mean_text(mean, field.factor()));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<std::string> chosen_definitions(const std::vector<std::string>& asked,
                                            const std::string& definition,
                                            const EvaluatorOptions& options) {
  if (!definition.empty()) {
    throw Error(ErrorKind::kConfig, {.what = "one definition and several at once",
                                     .where = "--definition, --definitions",
                                     .fix = "leave one of them out"});
  }
  if (!options.metrics.empty()) {
    throw Error(ErrorKind::kConfig,
                {.what = "there is one definition only of the metrics that are asked for",
                 .where = "--definitions",
                 .got = fmt::format("{}", fmt::join(options.metrics, ", ")),
                 .fix = "measure these without --definitions"});
  }
  if (asked == std::vector<std::string>{"all"}) return metric_definitions();
  for (const std::string& name : asked) metric_definition(name);
  return asked;
}

std::string definitions_table(const std::vector<DefinedMeans>& all,
                              const EvaluatorOptions& options) {
  std::string text = fmt::format("{:<20}{:<22}", "class", "metric");
  for (const DefinedMeans& one : all) text += fmt::format("{:>18}", one.definition);
  text += "\n";
  const EvaluationSummary& first = all.front().metrics;
  for (size_t k = 0; k < first.class_names.size(); ++k) {
    text += lines_of(
        first.class_names[k], all,
        options, [k](const DefinedMeans& one) -> auto& { return one.metrics.classes[k]; });
  }
  return text + lines_of(
                    "mean", all, options,
                    [](const DefinedMeans& one) -> auto& { return one.metrics.overall; });
}

std::string definitions_json(const std::vector<DefinedMeans>& all, const EvaluatorOptions& options,
                             const std::string& split) {
  using Json = nlohmann::ordered_json;
  Json json = {{"unit", to_string(options.unit)},
               {"tolerance", options.tolerance_text()},
               {"empty_policy", to_string(options.empty)},
               {"split", split},
               {"definitions", Json::object()}};
  for (const DefinedMeans& one : all)
    json["definitions"][one.definition] = to_json_value(one.metrics);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void report_definitions(const std::vector<DefinedMeans>& all, const EvaluatorOptions& options,
                        const std::string& split, const std::filesystem::path& output,
                        bool as_json) {
  const std::string json = definitions_json(all, options, split);
  std::cout << (as_json ? json : definitions_table(all, options)) << std::flush;
  write_file(output, json);
  if (!as_json) std::cout << "as JSON: " << output.string() << '\n';
}

}  // namespace semiseg
