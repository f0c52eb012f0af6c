// SPDX-License-Identifier: Apache-2.0
// A whole process: start, configuration, data set, run folder, U-Net, one step at 2 × 64², a saved
// checkpoint, exit. The data set was made by the run that warms up.
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "framework/core/error.h"
#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/scratch_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

BenchmarkResult time_startup(World&, const BenchmarkSetup& setup) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const std::string command = fmt::format(
      "'{}' train --stop-after 1 method=supervised protocol=smoke protocol.batch=2 "
      "protocol.labelled_batch=2 'protocol.patch_size=[64,64]' run.dir='{}' >'{}.log' 2>&1",
      fs::read_symlink("/proc/self/exe").string(), run, run);
  return time_repeats(setup, {{"dtype", "fp32"}, {"shapes", {{"image", {2, 1, 64, 64}}}}}, [&] {
    fs::remove_all(run);
    const int status = std::system(command.c_str());
    SEMISEG_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5, "see " + run + ".log");
  });
}

}  // namespace

std::vector<Benchmark> startup_benchmarks() {
  return {{"startup", "semiseg", "a whole process with one step, run folder and checkpoint",
           time_startup}};
}

}  // namespace semiseg
