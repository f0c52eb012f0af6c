// SPDX-License-Identifier: Apache-2.0

#include "framework/metrics/metrics.h"
#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/volumes.h"

namespace semiseg {
namespace {

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

BenchmarkResult time_metrics(const std::string& name, const BenchmarkSetup& setup) {
  const BenchmarkVolumes volumes = make_benchmark_volumes(name);
  std::vector<ClassMetrics> metrics;
  BenchmarkResult result = time_repeats(
      setup,
      {{"dtype", "uint8 labels"},
       {"shapes", {{"volume", volumes.reference.sizes().vec()}, {"classes", volumes.classes - 1}}},
       {"medpy_definition", true}},
      [&] { metrics = compute_metrics(volumes.prediction, volumes.reference, volumes.classes); });
  result.detail["value"] = mean_values(metrics);
  return result;
}

}  // namespace

std::vector<Benchmark> metric_benchmarks() {
  std::vector<Benchmark> all;
  for (const std::string name : {"la", "acdc", "synapse"}) {
    all.push_back(
        {.name = "metrics/" + name,
         .implementation = "default",
         .summary = "Dice, Jaccard, HD95, ASD and more of every class of a volume",
         .run = [=](World&, const BenchmarkSetup& setup) { return time_metrics(name, setup); }});
  }
  return all;
}

}  // namespace semiseg
