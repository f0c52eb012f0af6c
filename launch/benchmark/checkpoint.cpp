// SPDX-License-Identifier: Apache-2.0
// The whole state of a mean-teacher training (U-Net, momentum, EMA) to the disk and back; and what
// a save costs the loop, which only takes a snapshot and hands it to the writer.
#include <filesystem>
#include <memory>

#include "framework/checkpoint/background_writer.h"
#include "framework/checkpoint/checkpoint.h"
#include "framework/core/process.h"
#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/scratch_folder.h"
#include "launch/benchmark/stepped_method.h"

namespace semiseg {
namespace {

StepCase training(bool quick) {
  const int64_t side = quick ? 64 : 256, batch = quick ? 8 : 24;
  return {.backbone = "unet",
          .method = "mean_teacher",
          .patch_size = {side, side},
          .batch = batch,
          .labelled = batch / 2};
}

Stateful state_of(Method& method) {
  return [&](StateVisitor& visitor) { method.state(visitor); };
}

BenchmarkResult time_save_load(World& world, const BenchmarkSetup& setup) {
  const ScratchFolder scratch;
  SteppedMethod stepped(training(true), world.comm());
  stepped.step();
  BenchmarkResult result = time_repeats(setup, {{"dtype", "fp32"}, {"fsync", true}}, [&] {
    save_checkpoint(take_state(state_of(stepped.method())), scratch / "state.h5");
    put_state(state_of(stepped.method()), load_checkpoint(scratch / "state.h5"));
  });
  result.detail["file_mb"] =
      static_cast<double>(std::filesystem::file_size(scratch / "state.h5")) / (1 << 20);
  return result;
}

// Returns the seconds that a save blocks the loop; detail.step_s is the time of a step.
BenchmarkResult time_stall(World& world, const BenchmarkSetup& setup) {
  const ScratchFolder scratch;
  SteppedMethod stepped(training(setup.quick), world.comm());
  BackgroundWriter writer;
  const std::filesystem::path file = scratch / "state.h5";
  BenchmarkResult result;
  std::vector<double> steps;
  for (int64_t i = 0; i <= setup.repeats; ++i) {
    const double start = steady_seconds();
    stepped.step();
    const double stepped_at = steady_seconds();
    auto state = std::make_shared<StateMap>(take_state(state_of(stepped.method())));
    writer.write([state, file] { save_checkpoint(*state, file); });
    if (i == 0) continue;
    steps.push_back(stepped_at - start);
    result.seconds.push_back(steady_seconds() - stepped_at);
  }
  writer.flush();
  result.detail = {{"dtype", "fp32"},
                   {"shapes", {{"image", stepped.batch().joined().sizes().vec()}}},
                   {"step_s", median(steps)},
                   {"percent_of_step", 100 * median(result.seconds) / median(steps)}};
  return result;
}

}  // namespace

std::vector<Benchmark> checkpoint_benchmarks() {
  return {{"checkpoint/save_load", "hdf5", "networks, momentum and EMA to the disk and back",
           time_save_load},
          {"checkpoint/stall", "background", "what a save costs the loop", time_stall}};
}

}  // namespace semiseg
