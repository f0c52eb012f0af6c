// SPDX-License-Identifier: Apache-2.0
// The benchmarks of `semiseg benchmark`. Names and the lines that are printed are those of the
// Python baselines, so that a comparison is a join.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "framework/run/world.h"

namespace semiseg {

struct BenchmarkSetup {
  bool quick = false;   // small shapes
  int64_t repeats = 5;  // timed repeats, after the warm-up
  at::Device device = at::kCPU;
  std::string precision = "float32";  // precision of networks, as protocol.precision
  bool cuda_graphs = false;           // for evaluation passes
};

struct BenchmarkResult {
  std::vector<double> seconds;    // seconds of each repeat
  nlohmann::ordered_json detail;  // dtype, shapes, cpu_s …
};

struct Benchmark {
  std::string name;            // "ddp/2proc"
  std::string implementation;  // "mpi"
  std::string summary;
  std::function<BenchmarkResult(World& world, const BenchmarkSetup& setup)> run;
};

// Calls `run` once to warm up and then setup.repeats times, each until the device is done;
// detail.cpu_s is the median of the processor seconds of this process and of its children that
// ended, detail.allocations and .allocated_mb (10^6 bytes) are what tensors asked of the
// processor's memory in one.
BenchmarkResult time_repeats(const BenchmarkSetup& setup, nlohmann::ordered_json detail,
                             const std::function<void()>& run);

double median(std::vector<double> values);

// Return the benchmarks of one subject each, from a file each.
std::vector<Benchmark> checkpoint_benchmarks();
std::vector<Benchmark> inference_benchmarks();
std::vector<Benchmark> loader_benchmarks();
std::vector<Benchmark> metric_benchmarks();
std::vector<Benchmark> rank_benchmarks();
std::vector<Benchmark> startup_benchmarks();
std::vector<Benchmark> step_benchmarks();
std::vector<Benchmark> tsa_benchmarks();

}  // namespace semiseg
