// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run_model.h"

#include <utility>

#include "framework/core/device.h"
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
                                       .made = std::move(made)},
          .domains = data.domains,
          .tasks = data.tasks,
          .pool_samples = data.pool_samples,
          .class_voxels = data.class_voxels};
}

}  // namespace

RunModel RunModel::build(const RunOptions& options, const DataFacts& data, World& world,
                         Start start) {
  const std::string& precision = options.protocol.precision;
  RunModel model{.comm = &world.comm(), .device = world.device(), .dtype = options.dtype()};
  model.inference =
      InferenceOptions::read(options.config.section("inference"), options.protocol.patch_size,
                             data.info.axial_axis, std::ssize(data.info.classes));
  if (start == Start::kFresh) check_precision(precision, model.device, "protocol.precision");
  use_repeatable_gpu_kernels(/*tf32=*/precision == "tf32");
  model.initial_weights =
      std::make_shared<InitialWeights>(InitialWeights::read(options.config.section("backbone")));
  model.method = MethodRegistry::instance()
                     .find(options.method)
                     .make(method_context(options, data, model, start));
  model.initial_weights->check_networks(*model.networks);
  return model;
}

ImagePredictor RunModel::predictor() const {
  return [this](const at::Tensor& image) {
    // A case that takes longer than the deadline is progress, window by window.
    if (Heartbeat* heartbeat = comm->heartbeat()) heartbeat->advance();
    return method->predictor().predict(image.to(device, dtype)).to(at::kCPU);
  };
}

at::Tensor RunModel::segment(const Volume& volume) const {
  return semiseg::segment(volume.image, predictor(), inference);
}

}  // namespace semiseg
