// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/run_batches.h"

#include <fmt/format.h>

#include <algorithm>

#include "framework/data/archive/case_features.h"

namespace semiseg {
namespace {

// True when a stream asks for a view of this kind.
bool asks_for(const Plan& plan, const Views& views, bool View::*kind) {
  for (const Stage& stage : plan.stages) {
    for (const StreamPlan& stream : stage.streams) {
      const auto is_one = [&](const std::string& name) { return views.find(name).*kind; };
      if (std::any_of(stream.views.begin(), stream.views.end(), is_one)) return true;
    }
  }
  return false;
}

// Features are read only for a method that asks for them.
SampleCache::LoadFeatures features_of(const Run& run, const Views& views) {
  if (!asks_for(run.model.method->plan(), views, &View::is_features)) return {};
  const Config section = run.options.config.section("dataset");
  const std::string folder = read_features_folder(section);
  if (folder.empty()) {
    section.fail("features",
                 fmt::format("{} learns from features of another program", run.options.method),
                 "a folder with the features of each training case",
                 "compute them (docs/own_scans.md) and set dataset.features to their folder");
  }
  return
      [features = CaseFeatures(folder, run.data.source->cases(), run.data.facts.info.axial_axis)](
          const SampleInfo& sample, const at::Tensor& image) {
        return features.load(sample, image);
      };
}

}  // namespace

RunBatches::RunBatches(const Run& run)
    : run_(run),
      transform_(
          TransformOptions::read(run.options.config.section("protocol").section("augmentation"),
                                 run.options.protocol.patch_size, run.data.facts.info.axial_axis)),
      views_(Views::read(run.options.config.section("protocol").section("views"))),
      samples_(std::make_shared<SampleCache>(*run.data.source, run.data.pools.samples,
                                             run.options.loader.cache_mb,
                                             features_of(run, views_))) {
  const Plan plan = run.model.method->plan();
  const Communicator& comm = *run.model.comm;
  for (const Stage& stage : plan.stages) {
    share(stage.streams, stage.colocated, comm.rank(), comm.size());
    views_.check(stage.streams);
    views_.check_crops(stage.streams, transform_.kind);
  }
  if (!transform_.moves_whole_voxels() && asks_for(plan, views_, &View::own_crop)) {
    run.options.config.section("protocol")
        .section("augmentation")
        .fail("kind",
              fmt::format("{} compares two crops of one sample, which must have the same voxels",
                          run.options.method),
              run.options.protocol.patch_size.size() == 3 ? "rot_flip_crop, crop or none"
                                                          : "random_generator, bcp or none");
  }
  for (size_t i = 0; i < plan.stages.size(); ++i) plan_of(plan.stages[i], static_cast<int64_t>(i));
}

BatchPlan RunBatches::plan_of(const Stage& stage, int64_t index) const {
  return BatchPlan(run_.data.pools, stage.streams, run_.options.draws(), index);
}

std::unique_ptr<Loader> RunBatches::loader(int64_t index, int64_t first_iteration) const {
  const Stage stage = run_.model.method->plan().stages[static_cast<size_t>(index)];
  const Communicator& comm = *run_.model.comm;
  return std::make_unique<Loader>(
      LoaderParts{.samples = samples_,
                  .plan = plan_of(stage, index),
                  .slots = share(stage.streams, stage.colocated, comm.rank(), comm.size()),
                  .transform = transform_,
                  .views = views_,
                  .draws = run_.options.draws(),
                  .stage = index,
                  .first_step = first_iteration,
                  .steps = stage.iterations,
                  .dtype = run_.model.dtype,
                  .device = run_.model.device},
      run_.options.loader);
}

int64_t RunBatches::epoch_length(int64_t stage) const {
  const Plan plan = run_.model.method->plan();
  return plan_of(plan.stages[static_cast<size_t>(stage)], stage).longest_epoch();
}

}  // namespace semiseg
