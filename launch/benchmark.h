// SPDX-License-Identifier: Apache-2.0
// What `semiseg benchmark` can time. Names and the lines that are printed are those of the Python
// baselines, so that a comparison is a join.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launch/world.h"

namespace semiseg {

struct BenchmarkSetup {
  bool quick = false;   // small shapes
  int64_t repeats = 5;  // timed, after one that warms up
};

struct BenchmarkResult {
  std::vector<double> seconds;    // one a repeat
  nlohmann::ordered_json detail;  // threads, dtype, shapes …
};

struct Benchmark {
  const char* name;  // "ddp/2proc"
  const char* implementation;
  const char* summary;
  BenchmarkResult (*run)(World& world, const BenchmarkSetup& setup);
};

// A training step of the U-Net, 24 samples of 256² over two ranks; and two processes beside each
// other that train 12 samples each and share nothing. Their ratio is the efficiency of the ranks.
BenchmarkResult benchmark_ranks(World& world, const BenchmarkSetup& setup);
BenchmarkResult benchmark_independent(World& world, const BenchmarkSetup& setup);

// Dice, Jaccard, HD95, ASD (and what compute_metrics gives besides) of every class of a volume; the
// same size with and without `quick`.
BenchmarkResult benchmark_metrics_la(World& world, const BenchmarkSetup& setup);
BenchmarkResult benchmark_metrics_acdc(World& world, const BenchmarkSetup& setup);
BenchmarkResult benchmark_metrics_synapse(World& world, const BenchmarkSetup& setup);

inline constexpr Benchmark kBenchmarks[] = {
    {"ddp/2proc", "mpi", "a step of two ranks; start with mpirun -n 2", benchmark_ranks},
    {"ddp/2proc_independent", "alone", "two steps of half the batch at once; mpirun -n 2",
     benchmark_independent},
    {"metrics/la", "default", "metrics of one organ, 180×180×88", benchmark_metrics_la},
    {"metrics/acdc", "default", "metrics of 3 classes, 10×256×216", benchmark_metrics_acdc},
    {"metrics/synapse", "default", "metrics of 13 organs, 80×160×160", benchmark_metrics_synapse},
};

}  // namespace semiseg
