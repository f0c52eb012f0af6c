// SPDX-License-Identifier: Apache-2.0
// Mutual consistency: Wu et al., MICCAI 2021 (MC-Net) and MedIA 2022 (MC-Net+), as ycwu1997/MC-Net
// train_mcnet_2d and _3d have it. The network has decoders that differ in their upsampling
// (mcnet_2d_…, mcnet_3d_…).
//
//   s(p) = p^(1/T) / (p^(1/T) + (1 − p)^(1/T)) for each channel, T = 0.1
//   L = w Σ_d D(p_d, y) + λ(t + 1) Σ_{i≠j} mean (p_i − s(p_j))²
//
//                slices                                             volumes
//   w            1                                                  ½
//   D            1 − Σpg / (Σp² + Σg² + 1e-10): the factor 2 is     linear, of the foreground
//                missing; dice_factor = 2 has it
//   λ            0.1, ramp over the training                        1, ramp over 2/5 of it
//
// The consistency is that of all samples, both sides have a gradient, and the weight is that of the
// iteration after its increment. The references train at a constant rate: set
// protocol.optimiser.schedule=constant to repeat them. The first decoder is deployed.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::mc_net {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  double temperature = 0.1, supervised_weight = 1;
  int64_t dice_factor = 1;
  bool linear = false;  // of the foreground of two classes

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 3) {
      o.consistency = {.weight = 1, .rampup = 0.4, .rampup_steps = 40};
      o.supervised_weight = 0.5;
      o.linear = shape.classes == 2;
    }
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("temperature", o.temperature, {0.01, 10},
                 "Temperature T of the sharpening. Raise it towards 1 for softer targets.");
    section.read("supervised_weight", o.supervised_weight, {0, 100},
                 "Weight of the Dice losses of labelled samples. The default is that of the "
                 "reference for slices and volumes.");
    section.read("mc2d_dice_factor", o.dice_factor, {1, 2},
                 "Factor of the overlap in the Dice loss of slices, and of volumes with more than "
                 "two classes: 1 as in the reference, whose best value is one half for each class; "
                 "2 for the usual Dice loss.");
    return o;
  }
};

class MutualConsistency : public SingleNetwork {
 public:
  explicit MutualConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput out = forward_all(batch, step);
    std::vector<at::Tensor> p = {out.logits.softmax(1)};
    for (const NamedTensor& head : auxiliary_heads(out, "mc_net", "mcnet_2d_v2 or mcnet_3d_v2"))
      p.push_back(head.value.softmax(1));
    at::Tensor dice, consistency;
    const auto add = [](at::Tensor& sum, const at::Tensor& value) {
      sum = sum.defined() ? sum + value : value;
    };
    for (size_t i = 0; i < p.size(); ++i) {
      add(dice, overlap(p[i].slice(0, 0, labelled.size()), labelled.label, *step.comm));
      for (size_t j = 0; j < p.size(); ++j) {
        if (i != j) add(consistency, symmetric_mse(p[i], sharpened(p[j]), *step.comm));
      }
    }
    const double weight =
        consistency_weight(options_.consistency, step.iteration + 1, step.stage_iterations);
    step.record("loss.supervised_dice", dice);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(options_.supervised_weight * dice + weight * consistency, step);
  }

 private:
  at::Tensor overlap(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) const {
    if (options_.linear) return dice_lin_fg(p, label, comm);
    return options_.dice_factor == 1 ? dice_half(p, label, comm)
                                     : dice_masked_2d(p, label, {}, comm);
  }

  at::Tensor sharpened(const at::Tensor& p) const {
    const double power = 1 / options_.temperature;
    const at::Tensor high = p.pow(power), low = (1 - p).pow(power);
    return high / (high + low);
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "mc_net",
     .summary = "Decoders with different upsampling sharpen each other's predictions",
     .family = "consistency",
     .paper = "Wu et al., MICCAI 2021",
     .networks = {.slices = "mcnet_2d_v2", .volumes = "mcnet_3d_v2"},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<MutualConsistency>(context);
     }});

}  // namespace
}  // namespace semiseg::mc_net
