// SPDX-License-Identifier: Apache-2.0
// The discriminator of adversarial methods: it tells from a map (predictions, distances) and the
// image whether the image was labelled. Zhang et al., MICCAI 2017; HiLab-git/SSL4MIS and
// kleinzcy/SASSnet.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "framework/methods/method.h"

namespace semiseg {

struct DiscriminatorOptions {
  std::string name;  // registered backbone
  OptimiserOptions optimiser{.kind = "adam",
                             .learning_rate = 1e-4,
                             .betas = {0.9, 0.99},
                             .weight_decay = 0,
                             .schedule = "constant"};

  // Reads the keys discriminator and [discriminator_optimiser], and the options of that backbone
  // from the section of its name.
  static DiscriminatorOptions read(const Config& section, const NetworkShape& shape);
};

class DiscriminatorSide {
 public:
  DiscriminatorSide(const MethodContext& context, const DiscriminatorOptions& options,
                    int64_t map_channels);

  // Collective. Cross entropy that the unlabelled maps and images pass for labelled ones; the
  // discriminator is in evaluation mode. Gradients reach the maps.
  at::Tensor deceived(const at::Tensor& map_u, const at::Tensor& image_u, const Step& step);

  // Collective. Updates the discriminator on maps of the whole batch, which `map_of` computes
  // without gradient. Records loss.discriminator.
  void learn(const Batch& batch, Step& step,
             const std::function<at::Tensor(const at::Tensor& image)>& map_of);

  void state(StateVisitor& visitor);

 private:
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
};

}  // namespace semiseg
