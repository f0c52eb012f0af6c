// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "cluster/budget/budget.h"
#include "cluster/trial_steps.h"
#include "framework/comm/broadcast.h"
#include "framework/core/device.h"
#include "framework/core/process.h"
#include "framework/run/places.h"

namespace semiseg::cluster {
namespace {

constexpr double kSecondsOfAStage = 3;
// A training that is long enough for the steps below and for a good view of the shares of stages.
constexpr const char* kLongRun = "++protocol.iterations=100000";
constexpr int64_t kWarmUp = 3, kMeans = 5, kFewest = 2, kMost = 20;  // steps of a mean

// Returns the seconds of a step, by `steps` steps over the whole stage.
double mean_seconds(TrialSteps& trial, at::Device device, int64_t steps) {
  const int64_t last = std::max<int64_t>(0, trial.stage().iterations - 1);
  wait_for(device);
  const double start = steady_seconds();
  for (int64_t i = 0; i < steps; ++i)
    trial.step(trial.next_batch(), steps > 1 ? last * i / (steps - 1) : 0);
  wait_for(device);
  return (steady_seconds() - start) / static_cast<double>(steps);
}

// Collective: ranks make the same number of steps.
double measure_stage(const Run& run, const RunBatches& batches, int64_t stage) {
  TrialSteps trial(run, batches, stage);
  trial.begin();
  mean_seconds(trial, run.model.device, kWarmUp);
  const double about = mean_seconds(trial, run.model.device, kWarmUp);
  const auto wanted = std::clamp(std::ceil(kSecondsOfAStage / kMeans / about),
                                 static_cast<double>(kFewest), static_cast<double>(kMost));
  const int64_t steps =
      std::stoll(broadcast_text(std::to_string(static_cast<int64_t>(wanted)), *run.model.comm));
  std::array<double, kMeans> means;
  for (double& mean : means) mean = mean_seconds(trial, run.model.device, steps);
  std::sort(means.begin(), means.end());
  return means[kMeans / 2];
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

StepCost measure_cost(const ComposeRequest& run, const std::string& kind, World& world) {
  std::optional<Run> made;
  std::optional<RunBatches> batches;
  std::optional<Config> config;
  world.agree([&] {
    ComposeRequest whole = run;
    whole.overrides.emplace_back(kLongRun);
    config = compose(with_whole_places(std::move(whole)));
  });
  world.choose_device(*config);
  world.agree([&] {
    made.emplace(Run::assemble(*config, world, Start::kFresh));
    batches.emplace(*made);
  });
  const RunOptions& options = made->options;
  StepCost cost{.kind = kind,
                .method = options.method,
                .backbone = options.backbone,
                .dataset = options.dataset,
                .patch = options.protocol.patch_size,
                .batch = options.protocol.batch,
                .host = host_name(),
                .device = made->model.device.str(),
                .threads = at::get_num_threads(),
                .ranks = world.comm().size()};
  const Plan plan = made->model.method->plan();
  double all = 0;
  for (const Stage& stage : plan.stages) all += static_cast<double>(stage.iterations);
  for (int64_t i = 0; i < std::ssize(plan.stages); ++i) {
    const Stage& stage = plan.stages[static_cast<size_t>(i)];
    cost.stages.push_back({.name = stage.name,
                           .share = static_cast<double>(stage.iterations) / all,
                           .seconds = measure_stage(*made, *batches, i)});
  }
  return cost;
}

}  // namespace semiseg::cluster
