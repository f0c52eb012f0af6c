// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/core/device.h"
#include "framework/core/error.h"
#include "framework/nn/precision.h"
#include "framework/run/world.h"

namespace semiseg {
namespace {

MethodContext method_context(const RunOptions& options, const DataFacts& data,
                             const RunModel& model, Start start) {
  const ProtocolOptions& protocol = options.protocol;
  const NetworkShape shape{.channels = data.info.channels,
                           .classes = std::ssize(data.info.classes),
                           .patch_size = protocol.patch_size,
                           .dtype = model.dtype,
                           .device = model.device};
  auto made = [start, weights = model.initial_weights, names = model.networks](
                  Backbone& network, const std::string& net) {
    if (start == Start::kFresh) weights->put_into(network, net);
    names->push_back(net);
  };
  return {.options = options.config.section("method"),
          .shape = shape,
          .iterations = protocol.iterations,
          .batch = protocol.batch,
          .labelled = protocol.labelled_batch,
          .optimiser = protocol.optimiser,
          .comm = model.comm,
          .make_network = NetworkMaker{.backbone = options.config.section("backbone"),
                                       .method = options.config.section("method"),
                                       .shape = shape,
                                       .draws = options.draws(),
                                       .precision = protocol.precision,
                                       .cuda_graphs = options.general.cuda_graphs,
                                       .forwarded = model.forwarded,
                                       .made = std::move(made)},
          .domains = data.domains,
          .tasks = data.info.tasks,
          .pool_samples = data.pool_samples,
          .class_voxels = data.class_voxels};
}

// Throws kConfig when the method has no form for images of so many axes, or needs another network.
void check_network(const MethodEntry& entry, const RunOptions& options) {
  const auto axes = std::ssize(options.protocol.patch_size);
  const std::string& needed = entry.networks.of(axes);
  if (needed == "none") {
    options.config.section("protocol")
        .fail("patch_size",
              fmt::format("the method {} has no form for {}", entry.name,
                          axes == 3 ? "volumes" : "slices"),
              axes == 3 ? "two sizes" : "three sizes",
              "a protocol and a data set of the other kind");
  }
  if (!entry.networks.is_only || needed == options.backbone) return;
  options.config.section("backbone")
      .fail("name", fmt::format("the method {} needs a network of its own", entry.name), needed,
            fmt::format("backbone={}", needed));
}

}  // namespace

RunModel RunModel::build(const RunOptions& options, const DataFacts& data, World& world,
                         Start start) {
  const std::string& precision = options.protocol.precision;
  RunModel model{.comm = &world.comm(), .device = world.device(), .dtype = options.dtype()};
  model.tasks = data.info.tasks;
  model.inference =
      InferenceOptions::read(options.config.section("inference"), options.protocol.patch_size,
                             data.info.axial_axis, std::ssize(data.info.classes));
  if (start == Start::kFresh) check_precision(precision, model.device, "protocol.precision");
  use_repeatable_gpu_kernels(/*tf32=*/precision == "tf32");
  model.initial_weights =
      std::make_shared<InitialWeights>(InitialWeights::read(options.config.section("backbone")));
  const MethodEntry& entry = MethodRegistry::instance().find(options.method);
  check_network(entry, options);
  model.method = entry.make(method_context(options, data, model, start));
  model.initial_weights->check_networks(*model.networks);
  return model;
}

ImagePredictor RunModel::predictor(const std::string& task) const {
  const auto place = std::find(tasks.begin(), tasks.end(), task);
  if (place == tasks.end() && !task.empty()) {
    const bool has_none = tasks == std::vector<std::string>{""};
    throw Error(ErrorKind::kConfig,
                {.what = fmt::format("the model has no task '{}'", task),
                 .expected = has_none ? "no task: it was trained on one data set"
                                      : fmt::format("one of: {}", fmt::join(tasks, ", ")),
                 .got = task});
  }
  const std::optional<int64_t> number =
      task.empty() ? std::nullopt : std::optional(place - tasks.begin());
  return [this, number](const at::Tensor& image) {
    // A case that takes longer than the deadline is progress, window by window.
    if (Heartbeat* heartbeat = comm->heartbeat()) heartbeat->advance();
    const at::Tensor input = image.to(device, dtype);
    Predictor& predictor = method->predictor();
    return (number ? predictor.predict_task(input, *number) : predictor.predict(input))
        .to(at::kCPU);
  };
}

at::Tensor RunModel::segment(const Volume& volume) const {
  return semiseg::segment(volume.image, predictor(volume.task), inference);
}

}  // namespace semiseg
