// SPDX-License-Identifier: Apache-2.0
#include "launch/benchmark/stepped_method.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "framework/config/compose.h"
#include "framework/data/batch_plan.h"
#include "launch/precision.h"

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

Batch make_batch(const std::vector<int64_t>& size, int64_t classes, SampleIds slots,
                 int64_t labelled, at::Device device) {
  const at::Tensor label = bands(size, classes);
  std::vector<int64_t> block = {1};
  block.insert(block.end(), size.begin(), size.end());
  Batch batch{.labelled = labelled, .samples = std::move(slots)};
  batch.image = 0.2 * Draws(1).uniform("image", block, batch.samples) +
                0.8 / static_cast<double>(classes - 1) * label;
  batch.image = batch.image.to(device);
  batch.image_strong = batch.image;
  std::vector<int64_t> shape = size;
  shape.insert(shape.begin(), labelled);
  batch.label = label.expand(shape).contiguous().to(device);
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
  const auto make = [config, c](const std::string& backbone, const Config& options,
                                const std::string& net, const NetworkShape& s) {
    return with_precision(
        BackboneRegistry::instance().find(backbone).make(options, s, Draws(0), net), c.precision);
  };
  return MethodRegistry::instance().find(c.method).make(
      {.options = config.section("method"),
       .shape = shape,
       .iterations = kIterations,
       .batch = c.batch,
       .labelled = c.labelled,
       .optimiser = {},
       .comm = &comm,
       .make_network =
           [=](const std::string& net) {
             return make(c.backbone, config.section("backbone"), net, shape);
           },
       .make_auxiliary =
           [=](const std::string& name, const std::string& net, const NetworkShape& s) {
             return make(name, config.section("method").section(name), net, s);
           }});
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
  const SampleIds slots = share({.labelled = last.labelled, .unlabelled = last.unlabelled},
                                last.units, comm.rank(), comm.size());
  int64_t labelled = 0;
  for (const int64_t slot : slots) labelled += slot < last.labelled ? 1 : 0;
  batch_ = make_batch(c.patch_size, c.classes, slots, labelled, c.device);
  if (plan.stages.size() > 1) {
    std::vector<int64_t> small;
    // Half of each side, in multiples that every network takes.
    for (const int64_t side : c.patch_size) small.push_back(std::max<int64_t>(16, side / 32 * 16));
    const int64_t first = 2 * comm.rank();
    const Batch few = make_batch(small, c.classes, {first, first + 1}, 2, c.device);
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
