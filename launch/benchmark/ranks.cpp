// SPDX-License-Identifier: Apache-2.0
// A training step of the U-Net, 24 samples of 256² over two ranks; and two processes beside each
// other that train 12 samples each and share nothing. Their ratio is the efficiency of the ranks.
#include <ATen/Functions.h>

#include "framework/core/error.h"
#include "framework/core/process.h"
#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/stepped_method.h"

namespace semiseg {
namespace {

StepCase sizes_of(const BenchmarkSetup& setup, int ranks) {
  const int64_t batch = (setup.quick ? 4 : 12) * ranks, side = setup.quick ? 128 : 256;
  return {.backbone = "unet",
          .method = "supervised",
          .patch_size = {side, side},
          .batch = batch,
          .labelled = batch};
}

// Returns the time of the same messages without overlapping work.
double reduction_alone(const Communicator& comm, const ReductionTimes& times) {
  at::Tensor value = at::zeros({times.bytes / times.buckets / 4}, at::kFloat);
  std::vector<double> seconds;
  for (int repeat = 0; repeat < 20; ++repeat) {
    comm.barrier("benchmark");
    const double start = steady_seconds();
    for (int64_t bucket = 0; bucket < times.buckets; ++bucket) comm.all_reduce(value, "benchmark");
    seconds.push_back(steady_seconds() - start);
  }
  return median(seconds);
}

BenchmarkResult time_steps(const Communicator& comm, const Communicator& both,
                           const BenchmarkSetup& setup) {
  SteppedMethod stepped(sizes_of(setup, comm.size()), comm);
  BenchmarkResult result;
  std::vector<double> exposed;
  for (int64_t i = 0; i <= setup.repeats + 1; ++i) {
    both.barrier("benchmark");
    const double start = steady_seconds();
    stepped.step();
    both.barrier("benchmark");
    if (i < 2)
      continue;  // the first agrees on the order of gradients, the second is laid out by it
    result.seconds.push_back(steady_seconds() - start);
    exposed.push_back(stepped.last_times().exposed_seconds);
  }
  result.detail = {{"ranks", both.size()},
                   {"dtype", "fp32"},
                   {"shapes", {{"image_per_rank", stepped.batch().joined().sizes().vec()}}}};
  if (comm.size() > 1) {
    const ReductionTimes& times = stepped.last_times();
    result.detail["reduction_bytes"] = times.bytes;
    result.detail["buckets"] = times.buckets;
    result.detail["launched_early"] = times.launched_early;
    result.detail["exposed_s"] = median(exposed);
    result.detail["reduction_alone_s"] = reduction_alone(comm, times);
  }
  return result;
}

void check_two(const Communicator& comm) {
  if (comm.size() == 2) return;
  throw Error(ErrorKind::kConfig, {.what = "this benchmark is of two processes",
                                   .got = std::to_string(comm.size()),
                                   .fix = "mpirun -n 2 semiseg benchmark ddp/2proc threads=1"});
}

BenchmarkResult time_ranks(World& world, const BenchmarkSetup& setup) {
  check_two(world.comm());
  return time_steps(world.comm(), world.comm(), setup);
}

BenchmarkResult time_independent(World& world, const BenchmarkSetup& setup) {
  check_two(world.comm());
  const auto alone = make_serial_communicator();
  return time_steps(*alone, world.comm(), setup);
}

}  // namespace

std::vector<Benchmark> rank_benchmarks() {
  return {{"ddp/2proc", "mpi", "a step of two ranks; start with mpirun -n 2", time_ranks},
          {"ddp/2proc_independent", "alone", "two steps of half the batch at once; mpirun -n 2",
           time_independent}};
}

}  // namespace semiseg
