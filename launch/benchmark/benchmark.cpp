// SPDX-License-Identifier: Apache-2.0
#include "launch/benchmark/benchmark.h"

#include <sys/resource.h>

#include <algorithm>

#include "framework/core/device.h"
#include "framework/core/process.h"
#include "launch/benchmark/allocation_count.h"

namespace semiseg {
namespace {

double seconds_of(const struct timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double processor_seconds() {
  double sum = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct rusage usage = {};
    getrusage(who, &usage);
    sum += seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  }
  return sum;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

BenchmarkResult time_repeats(const BenchmarkSetup& setup, nlohmann::ordered_json detail,
                             const std::function<void()>& run) {
  BenchmarkResult result{.seconds = {}, .detail = std::move(detail)};
  std::vector<double> processor;
  run();
  wait_for(setup.device);
  const AllocationCount allocations;
  for (int64_t i = 0; i < setup.repeats; ++i) {
    const double start = steady_seconds(), processor_start = processor_seconds();
    run();
    wait_for(setup.device);
    result.seconds.push_back(steady_seconds() - start);
    processor.push_back(processor_seconds() - processor_start);
  }
  result.detail["cpu_s"] = median(processor);
  result.detail["allocations"] = allocations.count() / setup.repeats;
  result.detail["allocated_mb"] = allocations.bytes() / setup.repeats / 1'000'000;
  return result;
}

}  // namespace semiseg
