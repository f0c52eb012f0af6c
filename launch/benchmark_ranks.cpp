// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/methods/method.h"
#include "framework/train/gradient_reduction.h"
#include "framework/train/training_step.h"
#include "launch/benchmark.h"
#include "launch/command_line.h"

namespace semiseg {
namespace {

struct Sizes {
  int64_t batch, side;  // of a rank; pixels
};

Sizes sizes_of(const BenchmarkSetup& setup) { return setup.quick ? Sizes{4, 128} : Sizes{12, 256}; }

std::unique_ptr<Method> make_supervised(const Communicator& comm, const Sizes& sizes) {
  const Config config =
      parse_config("[method]\nname = \"supervised\"\n[backbone]\nname = \"unet\"\n");
  const NetworkShape shape{.channels = 1, .classes = 4, .patch_size = {sizes.side, sizes.side}};
  const int64_t batch = sizes.batch * comm.size();
  return MethodRegistry::instance()
      .find("supervised")
      .make({.options = config.section("method"),
             .shape = shape,
             .iterations = 1000,
             .batch = batch,
             .labelled = batch,
             .comm = &comm,
             .make_network = [&](const std::string& net) {
               return BackboneRegistry::instance().find("unet").make(config.section("backbone"),
                                                                     shape, Draws(0), net);
             }});
}

Batch noise(const Sizes& sizes, int rank) {
  Batch batch{.labelled = sizes.batch};
  for (int64_t i = 0; i < sizes.batch; ++i) batch.samples.push_back(rank * sizes.batch + i);
  const Draws draws(1);
  batch.image = draws.uniform("image", {1, sizes.side, sizes.side}, batch.samples);
  batch.label = draws.uniform("label", {sizes.side, sizes.side}, batch.samples)
                    .mul_(4)
                    .floor_()
                    .to(at::kLong);
  return batch;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What the same messages cost when nothing else goes on.
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
  const Sizes sizes = sizes_of(setup);
  const auto method = make_supervised(comm, sizes);
  const Batch batch = noise(sizes, both.rank());
  GradientReduction reduction(comm, ReductionOptions{});
  BenchmarkResult result;
  std::vector<double> exposed;
  for (int64_t i = 0; i <= setup.repeats + 1; ++i) {
    const Draws draws = Draws(1).at(0, i);
    std::vector<std::pair<std::string, TrainingStep::Value>> records;
    TrainingStep step(comm, draws, reduction, records);
    step.iteration = i;
    step.stage_iterations = 1000;
    both.barrier("benchmark");
    const double start = steady_seconds();
    method->step(batch, step);
    both.barrier("benchmark");
    if (i < 2)
      continue;  // the first agrees on the order of gradients, the second is laid out by it
    result.seconds.push_back(steady_seconds() - start);
    exposed.push_back(reduction.last_times().exposed_seconds);
  }
  result.detail = {{"ranks", both.size()},
                   {"threads", at::get_num_threads()},
                   {"device", "cpu"},
                   {"dtype", "fp32"},
                   {"shapes", {{"image_per_rank", {sizes.batch, 1, sizes.side, sizes.side}}}}};
  if (comm.size() > 1) {
    const ReductionTimes& times = reduction.last_times();
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

}  // namespace

BenchmarkResult benchmark_ranks(World& world, const BenchmarkSetup& setup) {
  check_two(world.comm());
  return time_steps(world.comm(), world.comm(), setup);
}

BenchmarkResult benchmark_independent(World& world, const BenchmarkSetup& setup) {
  check_two(world.comm());
  const auto alone = make_serial_communicator();
  return time_steps(*alone, world.comm(), setup);
}

}  // namespace semiseg
