// SPDX-License-Identifier: Apache-2.0
// Cross-consistency training: Ouali et al., CVPR 2020, as HiLab-git/SSL4MIS
// train_cross_consistency_training_2D has it. The network has a main decoder and auxiliary ones on
// perturbed features (unet_cct).
//
//   L = mean over decoders ½ (CE(z_k, y) + D(p_k, y)) + λ(t) · mean over auxiliary ones
//       mean (p_main − p_k)²
//
// The consistency is that of unlabelled samples; both sides have a gradient unless `detach_main`.
// The main decoder is deployed. The reference has slices only.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::cct {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;
  bool detach_main = false;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("detach_main", o.detach_main,
                 "Stops the gradient of the consistency to the main decoder, as in the paper. The "
                 "reference lets it pass.");
    return o;
  }
};

class CrossConsistency : public SingleNetwork {
 public:
  explicit CrossConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput out = forward_all(batch, step);
    const auto heads = auxiliary_heads(out, "cct", "unet_cct");
    const at::Tensor supervised =
        labelled_loss_of_heads(out.logits, heads, labelled.label, options_.dice, step);
    const at::Tensor consistency = consistency_of(out.logits, heads, labelled.size(), step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + weight * consistency, step);
  }

 private:
  at::Tensor consistency_of(const at::Tensor& logits, const std::vector<NamedTensor>& heads,
                            int64_t b, Step& step) const {
    at::Tensor p = logits.slice(0, b).softmax(1), sum;
    if (options_.detach_main) p = p.detach();
    for (const NamedTensor& head : heads) {
      const at::Tensor one = symmetric_mse(p, head.value.slice(0, b).softmax(1), *step.comm);
      step.record("loss.consistency_" + head.name, one);
      sum = sum.defined() ? sum + one : one;
    }
    return sum / static_cast<double>(heads.size());
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "cct",
     .summary = "Decoders on perturbed features agree with the main one",
     .family = "consistency",
     .paper = "Ouali et al., CVPR 2020",
     .networks = {.slices = "unet_cct", .volumes = "none"},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<CrossConsistency>(context);
     }});

}  // namespace
}  // namespace semiseg::cct
