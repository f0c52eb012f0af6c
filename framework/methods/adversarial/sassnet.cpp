// SPDX-License-Identifier: Apache-2.0
// Shape-aware adversarial learning: Li et al., MICCAI 2020, as kleinzcy/SASSnet train_gan_sdfloss
// has it. The network has a head s of signed distances and a segmentation p (vnet_sdf).
//
//   segmentor      L_S = D(p_l, y) + β MSE(s_l, T) + λ(t) · CE(D(s_u, x_u), 1); discriminator in
//                  evaluation mode
//   discriminator  L_D = CE(D(s, x), [1 for labelled, 0 for unlabelled]); segmentor in evaluation
//                  mode, no gradient
//
// β = 0.3; T is the signed distance of the ground truth, negative inside. The discriminator sees
// the distances and the image as channels [s, x]; it has its own Adam, constant rate. One
// foreground class; volumes only, as in the reference.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/distance_loss.h"
#include "framework/methods/parts/networks/discriminator_side.h"
#include "framework/methods/parts/networks/single_network.h"

namespace semiseg::sassnet {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.01, .rampup = 1, .rampup_steps = 40};
  double beta = 0.3;
  DiscriminatorOptions discriminator;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.beta = read_distance_weight(section);
    o.discriminator = DiscriminatorOptions::read(section, shape);
    return o;
  }
};

class ShapeAwareAdversary : public SingleNetwork {
 public:
  explicit ShapeAwareAdversary(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)),
        discriminator_(context, options_.discriminator, /*map_channels=*/1) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput out = forward_all(batch, step);
    const at::Tensor map = out["map"];
    const at::Tensor supervised =
        distance_loss(map, out["logit"].sigmoid(), labelled.label, options_.beta, step);
    const at::Tensor adversarial =
        discriminator_.deceived(map.slice(0, labelled.size()), batch["unlabelled"].image(), step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.adversarial", adversarial);
    step.record("consistency_weight", weight);
    finish(supervised + weight * adversarial, step);
    discriminator_.learn(batch, step, [this](const at::Tensor& image) {
      return network_->forward(image, Pass{})["map"];
    });
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    discriminator_.state(visitor);
  }

 private:
  Options options_;
  DiscriminatorSide discriminator_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "sassnet",
     .summary = "A discriminator judges the distances that a second head regresses",
     .family = "adversarial",
     .paper = "Li et al., MICCAI 2020",
     .networks = {.slices = "none", .volumes = "vnet_sdf"},
     .is_binary = true,
     .small = [](int64_t) { return "discriminator_3d = {width = 8}"; },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<ShapeAwareAdversary>(context);
         }});

}  // namespace
}  // namespace semiseg::sassnet
