// SPDX-License-Identifier: Apache-2.0
// summary.json of a run: the data that a table needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "framework/metrics/evaluator.h"
#include "framework/record/tables/evaluation_terms.h"

namespace semiseg {

struct RunSummary {
  std::string method, backbone, dataset;          // as registered
  std::map<std::string, std::string> choices;     // group → option; empty in older files
  std::map<std::string, std::string> overridden;  // setting → value as TOML (Config::overridden)
  int64_t labelled = 0;                           // patients with ground truth
  int64_t seed = 0;
  EvaluationTerms terms;
  EvaluationSummary metrics;
  bool label_based_preparation = false;  // property of the data set
  std::string config_hash;               // 16 hexadecimal digits
  std::string settings_hash;             // the same without the seed; empty in older files
  // Every setting that can change a result and is no default, but the seed, as TOML by path; older
  // files lack it.
  std::optional<std::map<std::string, std::string>> settings;
  int64_t iterations = 0;   // done
  double wall_seconds = 0;  // seconds of the last start; the only time in the file
};

// Returns the draw of the labelled patients, `labelled_draw` of its settings.
int64_t draw_of(const RunSummary& summary);

std::string to_json(const RunSummary& summary);

// {"cases", "overall", "classes": [{"class", …}]}: a mean and a count for each metric, and how many
// rows are empty.
nlohmann::ordered_json to_json_value(const EvaluationSummary& metrics);

// Writes atomically. Throws kIo on failure.
void write_run_summary(const std::filesystem::path& path, const RunSummary& summary);

// Throws kData naming the file and its error.
RunSummary read_run_summary(const std::filesystem::path& path);

}  // namespace semiseg
