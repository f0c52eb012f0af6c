// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/discriminator_side.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

at::Tensor origin(int64_t size, int64_t value, const at::Tensor& like) {
  return at::full({size}, value, like.options().dtype(at::kLong));
}

NetworkShape shape_of(const MethodContext& context, int64_t map_channels) {
  return {.channels = map_channels + context.shape.channels,
          .classes = 2,
          .patch_size = context.shape.patch_size,
          .dtype = context.shape.dtype,
          .device = context.shape.device};
}

}  // namespace

DiscriminatorOptions DiscriminatorOptions::read(const Config& section, const NetworkShape& shape) {
  DiscriminatorOptions o;
  o.name = shape.patch_size.size() == 3 ? "discriminator_3d" : "discriminator_2d";
  section.read(
      "discriminator", o.name,
      "Backbone that tells the predictions of labelled and unlabelled images apart; the default "
      "fits the dimensions of the patch. Its options are in [method.<its name>].");
  o.optimiser = OptimiserOptions::read(section.section("discriminator_optimiser"), o.optimiser);
  BackboneRegistry::instance().find(o.name).read_options(section.section(o.name), shape);
  return o;
}

DiscriminatorSide::DiscriminatorSide(const MethodContext& context,
                                     const DiscriminatorOptions& options, int64_t map_channels)
    : network_(context.make_network({.net = "discriminator",
                                     .backbone = options.name,
                                     .shape = shape_of(context, map_channels)})),
      optimiser_(make_optimiser("discriminator", network_->parameters(), options.optimiser)) {}

at::Tensor DiscriminatorSide::deceived(const at::Tensor& map_u, const at::Tensor& image_u,
                                       const Step& step) {
  const at::Tensor verdict = network_->forward(at::cat({map_u, image_u}, 1), Pass{}).logits;
  return cross_entropy(verdict, origin(image_u.size(0), 1, image_u), *step.comm);
}

void DiscriminatorSide::learn(const Batch& batch, Step& step,
                              const std::function<at::Tensor(const at::Tensor& image)>& map_of) {
  const int64_t b = batch["labelled"].size(), size = std::ssize(batch.samples);
  const at::Tensor image = batch.joined();
  at::Tensor map;
  {
    const at::NoGradGuard no_grad;
    map = map_of(image);
  }
  const at::Tensor verdict =
      network_->forward(at::cat({map, image}, 1), step.train_pass("discriminator", batch.samples))
          .logits;
  const at::Tensor target = at::cat({origin(b, 1, map), origin(size - b, 0, map)});
  const at::Tensor loss = cross_entropy(verdict, target, *step.comm);
  step.record("loss.discriminator", loss);
  step.minimise(*optimiser_, loss);
}

void DiscriminatorSide::state(StateVisitor& visitor) {
  visitor.scope("discriminator", [this](StateVisitor& v) { network_->state(v); });
  optimiser_->state(visitor);
}

}  // namespace semiseg
