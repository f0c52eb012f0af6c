// SPDX-License-Identifier: Apache-2.0
#include "framework/run/assemble.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/core/device.h"
#include "framework/core/process.h"
#include "framework/core/profile.h"
#include "framework/data/resplit_dataset.h"
#include "framework/nn/precision.h"
#include "framework/record/progress.h"
#include "framework/run/folder_request.h"
#include "framework/run/run_options.h"
#include "framework/train/walltime.h"

namespace semiseg {
namespace {

std::map<std::string, int64_t> pool_sizes(const Pools& pools) {
  std::map<std::string, int64_t> sizes;
  for (const Pool& pool : pools.pools) sizes[pool.name] = std::ssize(pool.members);
  return sizes;
}

MethodContext method_context(Experiment& e, const NetworkShape& shape, Start start) {
  auto made = [start, weights = e.initial_weights, names = e.networks](Backbone& network,
                                                                       const std::string& net) {
    if (start == Start::kFresh) weights->put_into(network, net);
    names->push_back(net);
  };
  return {.options = e.config.section("method"),
          .shape = shape,
          .iterations = e.protocol.iterations,
          .batch = e.protocol.batch,
          .labelled = e.protocol.labelled_batch,
          .optimiser = e.protocol.optimiser,
          .comm = e.comm,
          .make_network = NetworkMaker{.backbone = e.config.section("backbone"),
                                       .method = e.config.section("method"),
                                       .shape = shape,
                                       .draws = e.draws,
                                       .precision = e.protocol.precision,
                                       .cuda_graphs = e.cuda_graphs,
                                       .made = std::move(made)},
          .domains = e.domains,
          .tasks = e.tasks,
          .pool_samples = pool_sizes(e.pools)};
}

// Reads the settings that depend on neither data nor network.
Experiment read_run(const Config& config, World& world) {
  Experiment e{.config = config,
               .folder = folder_request(config),
               .draws = Draws(0),
               .device = world.device(),
               .comm = &world.comm()};
  e.walltime = read_walltime(config.section("run"));
  const GeneralOptions options = GeneralOptions::read(config);
  e.seed = options.seed;
  e.cuda_graphs = options.cuda_graphs;
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  e.draws = Draws(static_cast<uint64_t>(e.seed));
  e.comm_options = CommOptions::read(config.section("comm"));
  world.comm().configure(e.comm_options);
  const std::string name = config.section("dataset").required("name", "data set");
  e.dataset_name = DatasetRegistry::instance().find(name).name;
  return e;
}

void read_data(Experiment& e) {
  const Config section = e.config.section("setting");
  e.setting_name = read_setting_name(section);
  const auto setting = SettingRegistry::instance()
                           .find(e.setting_name)
                           .make(section, GeneralOptions::read(e.config).labelled);
  e.source = DatasetRegistry::instance().find(e.dataset_name).make(e.config.section("dataset"));
  e.source = with_splits(std::move(e.source), setting->splits(e.source->cases()));
  e.dataset = e.source->info();
  e.domains = domains_of(e.source->cases());
  e.tasks = tasks_of(e.source->cases());
  const Config protocol = e.config.section("protocol");
  e.protocol = ProtocolOptions::read(protocol);
  const auto dims = static_cast<int>(e.protocol.patch_size.size());
  e.pools = setting->pools(e.source->training_samples(dims), e.source->cases());
  e.transform = TransformOptions::read(protocol.section("augmentation"), e.protocol.patch_size,
                                       e.dataset.axial_axis);
  e.views = Views::read(protocol.section("views"));
  e.loader = LoaderOptions::read(e.config.section("loader"));
  e.samples = std::make_shared<SampleCache>(*e.source, e.pools.samples, e.loader.cache_mb);
}

void read_inference(Experiment& e) {
  e.inference = InferenceOptions::read(e.config.section("inference"), e.protocol.patch_size,
                                       e.dataset.axial_axis, std::ssize(e.dataset.classes));
}

void make_method(Experiment& e, Start start) {
  if (start == Start::kFresh) check_precision(e.protocol.precision, e.device, "protocol.precision");
  use_repeatable_gpu_kernels(/*tf32=*/e.protocol.precision == "tf32");
  const Config backbone = e.config.section("backbone");
  e.backbone_name = backbone.required("name", "backbone");
  e.initial_weights = std::make_shared<InitialWeights>(InitialWeights::read(backbone));
  e.method_name = e.config.section("method").required("name", "method");
  const NetworkShape shape{.channels = e.dataset.channels,
                           .classes = std::ssize(e.dataset.classes),
                           .patch_size = e.protocol.patch_size,
                           .dtype = e.dtype(),
                           .device = e.device};
  const MethodContext context = method_context(e, shape, start);
  e.method = MethodRegistry::instance().find(e.method_name).make(context);
  e.initial_weights->check_networks(*e.networks);
}

}  // namespace

BatchPlan Experiment::batch_plan(int64_t stage_index) const {
  const Stage stage = method->plan().stages[static_cast<size_t>(stage_index)];
  return BatchPlan(pools, stage.streams, draws, stage_index);
}

std::unique_ptr<Loader> Experiment::make_loader(int64_t stage_index,
                                                int64_t first_iteration) const {
  const Stage stage = method->plan().stages[static_cast<size_t>(stage_index)];
  return std::make_unique<Loader>(
      LoaderParts{.samples = samples,
                  .plan = batch_plan(stage_index),
                  .slots = share(stage.streams, stage.colocated, comm->rank(), comm->size()),
                  .transform = transform,
                  .views = views,
                  .draws = draws,
                  .stage = stage_index,
                  .first_step = first_iteration,
                  .steps = stage.iterations,
                  .dtype = dtype(),
                  .device = device},
      loader);
}

at::ScalarType Experiment::dtype() const {
  return protocol.precision == "float64" ? at::kDouble : at::kFloat;
}

bool Experiment::has_cases(Split split) const {
  const auto& cases = source->cases();
  return std::any_of(cases.begin(), cases.end(),
                     [split](const CaseInfo& info) { return info.split == split; });
}

std::optional<Split> Experiment::selection_split() const {
  const Split split = protocol.select == "test" ? Split::kTest : Split::kVal;
  const bool validates = protocol.select != "last" && protocol.validate_every > 0;
  if (!validates || !has_cases(split)) return std::nullopt;
  return split;
}

std::string Experiment::selection() const {
  const auto split = selection_split();
  return split ? to_string(*split) : "last";
}

ImagePredictor Experiment::predictor() const {
  return [this](const at::Tensor& image) {
    // A case that takes longer than the deadline is progress, window by window.
    if (Heartbeat* heartbeat = comm->heartbeat()) heartbeat->advance();
    return method->predictor().predict(image.to(device, dtype())).to(at::kCPU);
  };
}

at::Tensor Experiment::segment(const Volume& volume) const {
  return semiseg::segment(volume.image, predictor(), inference);
}

std::vector<EvaluationRow> Experiment::evaluate_split(Split split, bool distances,
                                                      std::function<bool()> stop) const {
  EvaluatorOptions options = evaluation;
  options.distances = distances;
  // Validations select weights, so an absent class that is not predicted earns nothing, whatever
  // [evaluation] says.
  if (!distances) options.empty = EmptyPolicy::kIgnore;
  options.stop = std::move(stop);
  const CasePredictor predict = [this](const Volume& volume) { return segment(volume); };
  // A validation within a training has the training's bar; only a whole evaluation shows its own.
  if (!distances || comm->rank() != 0) return evaluate(*source, split, predict, options, *comm);
  std::optional<Progress> progress;
  options.progress = [&](int64_t done, int64_t total) {
    if (!progress) {
      progress.emplace(fmt::format("evaluate {}", to_string(split)), "cases", total, 0,
                       steady_seconds());
    }
    progress->update(done, 1, steady_seconds());
  };
  std::vector<EvaluationRow> rows = evaluate(*source, split, predict, options, *comm);
  if (progress) progress->finish(steady_seconds());
  return rows;
}

std::string Experiment::settings_hash() const {
  return fmt::format("{:016x}", config.identity(/*without=*/{"seed"}));
}

Experiment assemble(const Config& config, World& world, Start start) {
  Experiment e = read_run(config, world);
  read_data(e);
  read_inference(e);
  e.evaluation = EvaluatorOptions::read(config.section("evaluation"));
  make_method(e, start);
  config.check_all_read();
  // Batches that cannot be drawn fail now, before anything is written.
  for (const Stage& stage : e.method->plan().stages) {
    share(stage.streams, stage.colocated, e.comm->rank(), e.comm->size());
    e.views.check(stage.streams);
  }
  for (int64_t stage = 0; stage < std::ssize(e.method->plan().stages); ++stage) e.batch_plan(stage);
  return e;
}

Experiment assemble_network(const Config& config, World& world, DatasetInfo dataset) {
  Experiment e = read_run(config, world);
  e.dataset = std::move(dataset);
  e.protocol = ProtocolOptions::read(config.section("protocol"));
  read_inference(e);
  make_method(e, Start::kCheckpoint);
  return e;
}

}  // namespace semiseg
