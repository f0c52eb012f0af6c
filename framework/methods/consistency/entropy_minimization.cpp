// SPDX-License-Identifier: Apache-2.0
// Entropy minimisation: Grandvalet & Bengio, NeurIPS 2004 (Vu et al., CVPR 2019, in segmentation),
// as HiLab-git/SSL4MIS train_entropy_minimization_2D and _3D have it.
//
//   L = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · mean −Σ_c p ln(p + 1e-6) / ln K
//
// The reference takes the mean over labelled and unlabelled samples; `entropy_on` restricts it to
// the unlabelled ones. Axes: b labelled and u unlabelled samples, K classes.
#include <ATen/TensorOperators.h>

#include <cmath>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::entropy_minimization {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;
  std::string entropy_on = "all";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("entropy_on", o.entropy_on, {"all", "unlabelled"},
                 "Samples whose entropy is minimised. The reference takes all; unlabelled leaves "
                 "the labelled ones to the ground truth.");
    return o;
  }
};

class EntropyMinimization : public SingleNetwork {
 public:
  explicit EntropyMinimization(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const at::Tensor logits = forward_all(batch, step).logits;
    const at::Tensor supervised =
        labelled_loss(logits.slice(0, 0, labelled.size()), labelled.label, options_.dice, step);
    const bool all = options_.entropy_on == "all";
    const at::Tensor p = logits.slice(0, all ? 0 : labelled.size()).softmax(1);
    const at::Tensor disorder = entropy(p, *step.comm) / std::log(static_cast<double>(p.size(1)));
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", disorder);
    step.record("consistency_weight", weight);
    finish(supervised + weight * disorder, step);
  }

 private:
  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "entropy_minimization",
     .summary = "Unlabelled predictions become sure by minimising their entropy",
     .family = "consistency",
     .paper = "Vu et al., CVPR 2019",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<EntropyMinimization>(context);
     }});

}  // namespace
}  // namespace semiseg::entropy_minimization
