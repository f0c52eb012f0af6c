// SPDX-License-Identifier: Apache-2.0
// A benchmark: the runs that a published table asks for, to say which of them are missing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/record/published/published_rows.h"

namespace semiseg {

struct BenchmarkPlan {
  std::string dataset;                // option of the group dataset
  std::string rows;                   // name of the data set in tables; empty: `dataset`
  std::vector<std::string> settings;  // further overrides of every run
  std::vector<std::string> methods;   // registered names
  std::vector<int64_t> labelled;      // patients; -1: all
  std::vector<int64_t> seeds, draws;
  std::vector<PublishedResult> published;
};

// Reads a file of experiments/benchmark/: dataset, rows, settings, methods, labelled (numbers or "all"), seeds,
// draws, and published, a file of published rows relative to this one. Throws kConfig naming file
// and key, also where dataset, methods, labelled or seeds are missing.
BenchmarkPlan read_benchmark(const std::filesystem::path& path);

// Returns a sentence for each method and label budget of the benchmark with the runs that the table
// lacks; runs of other data sets do not count.
std::vector<std::string> missing_runs(const BenchmarkPlan& benchmark, const StatisticsTable& table);

}  // namespace semiseg
