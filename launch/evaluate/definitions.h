// SPDX-License-Identifier: Apache-2.0
// The same predictions as several packages define the metrics: --definitions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"

namespace semiseg {

struct DefinedMeans {
  std::string definition;
  EvaluationSummary metrics;
};

// Returns the definitions that the flag names, all of them for "all". Throws kConfig for an unknown
// name, for --definition beside it, and where `options` ask for metrics of which there is only one
// definition.
std::vector<std::string> chosen_definitions(const std::vector<std::string>& asked,
                                            const std::string& definition,
                                            const EvaluatorOptions& options);

// One line for each class and field of the schema, one column for each definition; shares in
// percent, distances in the unit of the options.
std::string definitions_table(const std::vector<DefinedMeans>& all,
                              const EvaluatorOptions& options);

// {"unit", "tolerance", "empty_policy", "split", "definitions": {name: {"cases", "overall",
// "classes"}}}, the means as in summary.json. `split` is empty for label files.
std::string definitions_json(const std::vector<DefinedMeans>& all, const EvaluatorOptions& options,
                             const std::string& split);

// Writes the JSON to `output` and prints the table, or the JSON where asked. Throws kIo.
void report_definitions(const std::vector<DefinedMeans>& all, const EvaluatorOptions& options,
                        const std::string& split, const std::filesystem::path& output,
                        bool as_json);

}  // namespace semiseg
