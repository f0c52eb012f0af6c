// SPDX-License-Identifier: Apache-2.0
// semiseg benchmark NAME… [key=value …]: one JSON line for each, as the Python baselines print
// them.

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "framework/config/compose.h"
#include "framework/core/device.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"
#include "framework/nn/precision.h"
#include "launch/benchmark/benchmark.h"
#include "launch/command_line/flags.h"

namespace semiseg {
namespace {

std::vector<Benchmark> all_benchmarks() {
  std::vector<Benchmark> all;
  for (const auto& some :
       {step_benchmarks(), inference_benchmarks(), loader_benchmarks(), tsa_benchmarks(),
        metric_benchmarks(), startup_benchmarks(), checkpoint_benchmarks(), rank_benchmarks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

std::string names(const std::vector<Benchmark>& all) {
  std::string text =
      "names (step/unet means all that begin so; several of one name are compared):\n";
  for (const auto& b : all) {
    const std::string name = b.name + "/" + b.implementation;
    text += fmt::format("  {:<36}{}\n", name, b.summary);
  }
  return text;
}

// Returns the benchmarks of this name or below it: "step" means all steps.
std::vector<Benchmark> find(const std::vector<Benchmark>& all, const std::string& name) {
  std::vector<Benchmark> found;
  std::vector<std::string> known;
  for (const auto& benchmark : all) {
    const std::string whole = benchmark.name + "/" + benchmark.implementation + "/";
    if (whole.starts_with(name + "/")) found.push_back(benchmark);
    known.push_back(benchmark.name);
  }
  if (!found.empty()) return found;
  throw Error(ErrorKind::kConfig,
              {.what = "unknown benchmark '" + name + "'", .expected = suggestion(name, known)});
}

// Words need no quotes on the command line: device=cuda.
std::string as_toml(const std::string& setting) {
  const size_t value = setting.find('=') + 1;
  const bool is_word = value < setting.size() && std::isalpha(setting[value]) != 0;
  if (!is_word || setting.ends_with("=true") || setting.ends_with("=false")) return setting;
  return setting.substr(0, value) + '"' + setting.substr(value) + '"';
}

std::string line(const Benchmark& benchmark, const BenchmarkSetup& setup, BenchmarkResult result) {
  struct rusage own = {}, children = {};
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  result.detail["threads"] = at::get_num_threads();
  result.detail["device"] = setup.device.str();
  if (!setup.device.is_cpu())
    result.detail["peak_device_mb"] = peak_device_bytes(setup.device) >> 20;
  result.detail["peak_rss_mb"] = std::max(own.ru_maxrss, children.ru_maxrss) / 1024;
  const nlohmann::ordered_json json = {
      {"name", fmt::format("{}/{}{}", benchmark.name, benchmark.implementation,
                           setup.quick ? "/quick" : "")},
      {"median_s", median(result.seconds)},
      {"min_s", *std::min_element(result.seconds.begin(), result.seconds.end())},
      {"n", result.seconds.size()},
      {"detail", result.detail}};
  return json.dump();
}

}  // namespace

int run_benchmark(const Arguments& arguments) {
  const std::vector<Benchmark> all = all_benchmarks();
  Flags flags("benchmark", "Times parts of the program.",
              names(all) +
                  "example: semiseg benchmark step/unet/bcp threads=2\n"
                  "         mpirun -n 2 semiseg benchmark ddp/2proc_independent ddp/2proc "
                  "threads=1 repeats=5");
  std::vector<std::string> words;
  flags.require(
      "names", words,
      "benchmark to run, and threads=N repeats=N quick=true device=cuda precision=bfloat16 "
      "cuda_graphs=true");
  if (const auto code = flags.parse(arguments)) return *code;
  std::string settings;
  std::vector<Benchmark> chosen;
  for (const auto& word : words) {
    if (word.find('=') != std::string::npos) {
      settings += as_toml(word) + "\n";
    } else {
      const auto found = find(all, word);
      chosen.insert(chosen.end(), found.begin(), found.end());
    }
  }
  const Config config = parse_config(settings);
  BenchmarkSetup setup;
  int64_t threads = 0;
  config.read("threads", threads, {0, 1024}, "number of compute threads; 0: all cores");
  config.read("repeats", setup.repeats, {1, 1e6}, "timed runs");
  config.read("quick", setup.quick, "small shapes");
  config.read("precision", setup.precision, {"float32", "tf32", "bfloat16"},
              "precision of networks, as protocol.precision");
  config.read("cuda_graphs", setup.cuda_graphs, "in inference on a GPU");
  World world;
  return world.run([&] {
    world.choose_device(config);
    config.check_all_read();
    setup.device = world.device();
    check_precision(setup.precision, setup.device, "precision");
    use_repeatable_gpu_kernels(setup.precision == "tf32");
    if (threads > 0) at::set_num_threads(static_cast<int>(threads));
    for (const Benchmark& benchmark : chosen) {
      BenchmarkResult result = benchmark.run(world, setup);
      if (world.is_first()) std::cout << line(benchmark, setup, std::move(result)) << std::endl;
    }
    return 0;
  });
}

}  // namespace semiseg
