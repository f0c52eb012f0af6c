// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <algorithm>

#include "framework/eval/metrics.h"
#include "launch/benchmark.h"
#include "launch/benchmark_volumes.h"
#include "launch/command_line.h"

namespace semiseg {
namespace {

double seconds_of(const struct timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Of all threads, user and system.
double cpu_seconds() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

nlohmann::ordered_json mean_values(const std::vector<ClassMetrics>& metrics) {
  double dice = 0, jaccard = 0, hd95 = 0, asd = 0;
  for (const ClassMetrics& m : metrics) {
    dice += m.dice;
    jaccard += m.jaccard;
    hd95 += m.hd95;
    asd += m.asd;
  }
  const auto n = static_cast<double>(metrics.size());
  return {{"dice", dice / n}, {"jaccard", jaccard / n}, {"hd95", hd95 / n}, {"asd", asd / n}};
}

BenchmarkResult time_metrics(const char* name, const BenchmarkSetup& setup) {
  const BenchmarkVolumes volumes = make_benchmark_volumes(name);
  BenchmarkResult result;
  std::vector<double> cpu;
  std::vector<ClassMetrics> metrics;
  for (int64_t i = 0; i <= setup.repeats; ++i) {
    const double start = steady_seconds(), cpu_start = cpu_seconds();
    metrics = compute_metrics(volumes.prediction, volumes.reference, volumes.classes);
    const double end = steady_seconds();
    if (i == 0) continue;  // warms up
    result.seconds.push_back(end - start);
    cpu.push_back(cpu_seconds() - cpu_start);
  }
  std::sort(cpu.begin(), cpu.end());
  result.detail = {
      {"threads", at::get_num_threads()},
      {"device", "cpu"},
      {"cpu_s", cpu[cpu.size() / 2]},
      {"dtype", "uint8 labels"},
      {"shapes", {{"volume", volumes.reference.sizes().vec()}, {"classes", volumes.classes - 1}}},
      {"medpy_definition", true},
      {"value", mean_values(metrics)}};
  return result;
}

}  // namespace

BenchmarkResult benchmark_metrics_la(World&, const BenchmarkSetup& setup) {
  return time_metrics("la", setup);
}
BenchmarkResult benchmark_metrics_acdc(World&, const BenchmarkSetup& setup) {
  return time_metrics("acdc", setup);
}
BenchmarkResult benchmark_metrics_synapse(World&, const BenchmarkSetup& setup) {
  return time_metrics("synapse", setup);
}

}  // namespace semiseg
