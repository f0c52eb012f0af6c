// SPDX-License-Identifier: Apache-2.0
// semiseg benchmark NAME… [key=value …]: one JSON line for each, as the Python baselines print
// them.
#include "launch/benchmark.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <iostream>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"
#include "launch/command_line.h"

namespace semiseg {
namespace {

std::string names() {
  std::string text = "names:\n";
  for (const auto& benchmark : kBenchmarks)
    text += fmt::format("  {:<24}{}\n", benchmark.name, benchmark.summary);
  return text;
}

const Benchmark& find(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& benchmark : kBenchmarks) {
    if (name == benchmark.name) return benchmark;
    known.emplace_back(benchmark.name);
  }
  throw Error(ErrorKind::kConfig,
              {.what = "unknown benchmark '" + name + "'", .expected = suggestion(name, known)});
}

std::string line(const Benchmark& benchmark, const BenchmarkSetup& setup, BenchmarkResult result) {
  std::sort(result.seconds.begin(), result.seconds.end());
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  result.detail["peak_rss_mb"] = usage.ru_maxrss / 1024;
  const nlohmann::ordered_json json = {
      {"name", fmt::format("{}/{}{}", benchmark.name, benchmark.implementation,
                           setup.quick ? "/quick" : "")},
      {"median_s", result.seconds[result.seconds.size() / 2]},
      {"min_s", result.seconds.front()},
      {"n", result.seconds.size()},
      {"detail", result.detail}};
  return json.dump();
}

}  // namespace

int run_benchmark(const Arguments& arguments) {
  CLI::App app("Times parts of the program.", "benchmark");
  app.footer(names() +
             "example: semiseg benchmark --help\n"
             "         mpirun -n 2 semiseg benchmark ddp/2proc_independent ddp/2proc threads=1 "
             "repeats=5");
  std::vector<std::string> words;
  app.add_option("names", words, "what to time, and threads=N repeats=N quick=true")->required();
  if (const auto code = parse_flags(app, arguments)) return *code;
  std::string settings;
  std::vector<const Benchmark*> chosen;
  for (const auto& word : words) {
    if (word.find('=') != std::string::npos) {
      settings += word + "\n";
    } else {
      chosen.push_back(&find(word));
    }
  }
  const Config config = parse_config(settings);
  BenchmarkSetup setup;
  int64_t threads = 0;
  config.read("threads", threads, {0, 1024}, "of the arithmetic; 0: all cores");
  config.read("repeats", setup.repeats, {1, 1e6}, "timed runs");
  config.read("quick", setup.quick, "small shapes");
  config.check_all_read();
  World world;
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  return world.run([&] {
    for (const Benchmark* benchmark : chosen) {
      BenchmarkResult result = benchmark->run(world, setup);
      if (world.is_first()) std::cout << line(*benchmark, setup, std::move(result)) << std::endl;
    }
    return 0;
  });
}

}  // namespace semiseg
