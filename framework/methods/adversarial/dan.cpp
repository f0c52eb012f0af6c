// SPDX-License-Identifier: Apache-2.0
// Deep adversarial network: Zhang et al., MICCAI 2017, as HiLab-git/SSL4MIS
// train_adversarial_network_2D and _3D have it.
//
//   segmentor      L_S = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · CE(D(p_u, x_u), 1)     D in evaluation
//   mode discriminator  L_D = CE(D(p, x), [1 for labelled, 0 for unlabelled])            S in
//   evaluation mode, no gradient
//
// The discriminator looks at probabilities and image, stacked as channels [p, x]. It has its own
// Adam, constant rate.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/discriminator_side.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::dan {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  DiscriminatorOptions discriminator;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.discriminator = DiscriminatorOptions::read(section, shape);
    return o;
  }
};

class DeepAdversarialNetwork : public SingleNetwork {
 public:
  explicit DeepAdversarialNetwork(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)),
        discriminator_(context, options_.discriminator, context.shape.classes) {}

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    const at::Tensor logits = forward_all(batch, step).logits;
    const at::Tensor supervised =
        supervised_loss(logits.slice(0, 0, b), labelled.label, *step.comm);
    const at::Tensor adversarial =
        discriminator_.deceived(logits.slice(0, b).softmax(1), unlabelled.image(), step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised", supervised);
    step.record("loss.consistency", adversarial);
    step.record("consistency_weight", weight);
    finish(supervised + weight * adversarial, step);
    discriminator_.learn(batch, step, [this](const at::Tensor& image) {
      return network_->forward(image, Pass{}).logits.softmax(1);
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
    {.name = "dan",
     .summary = "A discriminator pushes unlabelled predictions towards labelled ones",
     .family = "adversarial",
     .paper = "Zhang et al., MICCAI 2017",
     .small =
         [](int64_t axes) {
           return axes == 3 ? "discriminator_3d = {width = 8}" : "discriminator_2d = {width = 8}";
         },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<DeepAdversarialNetwork>(context);
         }});

}  // namespace
}  // namespace semiseg::dan
