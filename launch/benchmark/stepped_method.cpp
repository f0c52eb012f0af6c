// SPDX-License-Identifier: Apache-2.0
#include "launch/benchmark/stepped_method.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <set>

#include "framework/config/compose.h"
#include "framework/data/batch_plan.h"

namespace semiseg {
namespace {

constexpr int64_t kIterations = 30000;

at::Tensor bands(const std::vector<int64_t>& size, int64_t classes) {
  at::Tensor squared = at::zeros(size);
  for (size_t axis = 0; axis < size.size(); ++axis) {
    std::vector<int64_t> shape(size.size(), 1);
    shape[axis] = size[axis];
    squared = squared + at::linspace(-1, 1, size[axis]).square().reshape(shape);
  }
  at::Tensor label = at::zeros(size, at::kLong);
  for (int64_t k = 0; k + 1 < classes; ++k) {
    const double radius = 0.8 * (1 - static_cast<double>(k) / static_cast<double>(classes - 1));
    label += squared.sqrt().lt(radius).to(at::kLong);
  }
  return label;
}

// This rank's share of a batch of the stage; every view is the same image.
Batch make_batch(const std::vector<int64_t>& size, const StepCase& c, const Stage& stage,
                 const SampleIds& slots) {
  const at::Tensor label = bands(size, c.classes);
  std::vector<int64_t> block = {1};
  block.insert(block.end(), size.begin(), size.end());
  Batch batch;
  int64_t first = 0;
  std::set<std::string> views;
  for (const StreamPlan& plan : stage.streams) {
    SampleIds ids;
    for (const int64_t slot : slots) {
      if (slot >= first && slot < first + plan.samples) ids.push_back(slot);
    }
    first += plan.samples;
    views.insert(plan.views.begin(), plan.views.end());
    std::vector<int64_t> shape = size;
    shape.insert(shape.begin(), std::ssize(ids));
    Stream& stream = batch.add_stream(plan.name, std::move(ids));
    stream.domain = stream.task = at::zeros({stream.size()}, at::kLong);
    if (plan.pool == "labelled") stream.label = label.expand(shape).contiguous().to(c.device);
  }
  const at::Tensor image = 0.2 * Draws(1).uniform("image", block, batch.samples) +
                           0.8 / static_cast<double>(c.classes - 1) * label;
  for (const std::string& view : views) batch.add_view(view, image.to(c.device));
  return batch;
}

std::unique_ptr<Method> make_method(const StepCase& c, const Communicator& comm) {
  const Config config = parse_config("[method]\nname = \"" + c.method +
                                     "\"\n[backbone]\nname = \"" + c.backbone + "\"\n");
  const NetworkShape shape{.channels = 1,
                           .classes = c.classes,
                           .patch_size = c.patch_size,
                           .dtype = at::kFloat,
                           .device = c.device};
  return MethodRegistry::instance().find(c.method).make(
      {.options = config.section("method"),
       .shape = shape,
       .iterations = kIterations,
       .batch = c.batch,
       .labelled = c.labelled,
       .optimiser = {},
       .comm = &comm,
       .make_network = NetworkMaker{.backbone = config.section("backbone"),
                                    .method = config.section("method"),
                                    .shape = shape,
                                    .draws = Draws(0),
                                    .precision = c.precision}});
}

}  // namespace

SteppedMethod::SteppedMethod(const StepCase& c, const Communicator& comm)
    : comm_(comm),
      device_(c.device),
      method_(make_method(c, comm)),
      reduction_(comm, ReductionOptions{}),
      scaler_(c.precision == "float16") {
  const Plan plan = method_->plan();
  const Stage& last = plan.stages.back();
  const SampleIds slots = share(last.streams, last.colocated, comm.rank(), comm.size());
  batch_ = make_batch(c.patch_size, c, last, slots);
  if (plan.stages.size() > 1) {
    std::vector<int64_t> small;
    // Half of each side, in multiples that every network takes.
    for (const int64_t side : c.patch_size) small.push_back(std::max<int64_t>(16, side / 32 * 16));
    const int64_t first = 2 * comm.rank();
    const Batch few = make_batch(small, c, plan.stages[0], {first, first + 1});
    for (int i = 0; i < 30; ++i) run(few, 0);
  }
  method_->begin_stage(static_cast<int64_t>(plan.stages.size()) - 1);
  iteration_ = 0;
}

void SteppedMethod::step() { run(batch_, static_cast<int64_t>(method_->plan().stages.size()) - 1); }

void SteppedMethod::run(const Batch& batch, int64_t stage) {
  const Draws draws = Draws(1).on(device_).at(stage, iteration_);
  records_.clear();
  TrainingStep step(comm_, draws, reduction_, scaler_, records_);
  step.stage = stage;
  step.iteration = iteration_++;
  step.stage_iterations = kIterations;
  method_->step(batch, step);
  method_->after_step(step);
}

}  // namespace semiseg
