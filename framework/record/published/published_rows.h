// SPDX-License-Identifier: Apache-2.0
// Numbers of publications, which stand beside the rows of a table and are never ranked with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/record/statistics/statistics_table.h"

namespace semiseg {

struct PublishedResult {
  std::string name;                      // of its section in the file
  std::string method, dataset;           // as this program calls them
  int64_t labelled = 0;                  // patients
  std::map<std::string, double> values;  // metric → mean, in percent or voxel as tables have it
  std::map<std::string, double> deviations;  // over patients, where the publication says so
  int64_t patients = 0;                      // 0: not said
  std::string selection, protocol, source;   // empty: not said
};

// Reads a TOML file with one section a row: method, dataset, labelled, values = {dice = 89.4, …}
// and, where they are known, deviations, patients, selection, protocol, source. Throws kConfig
// naming file and key for anything else.
std::vector<PublishedResult> read_published(const std::filesystem::path& path);

// Returns true for a row of the same data set, labels and method.
bool is_own_row(const ResultsRow& row, const PublishedResult& published);

// Returns the row of the table that a published one stands beside: the first one of those.
std::optional<size_t> own_row(const StatisticsTable& table, const PublishedResult& published);

// Returns the probability that our lead over the published mean is false, with a correlation of 0.8
// assumed; NaN where deviation or number of patients is not known, or patients differ in number.
double lead_is_false(const RowScores& ours, const MetricField& field,
                     const PublishedResult& published);

}  // namespace semiseg
