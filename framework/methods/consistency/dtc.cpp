// SPDX-License-Identifier: Apache-2.0
// Dual-task consistency: Luo et al., AAAI 2021, as HiLab-git/DTC train_la_dtc has it. The network
// has a head s of signed distances and a segmentation p (vnet_sdf).
//
//   T   = signed distance of the ground truth, negative inside, in [−1, 1]
//   p_T = σ(−k s), k = 1500: the segmentation that the distances stand for
//   L = D(p_l, y) + β MSE(s_l, T) + λ(t) · mean (p_T − p)²,  β = 0.3
//
// D is the Dice of the foreground with squared denominators. The consistency is that of all
// samples, both branches have a gradient. One foreground class; volumes only, as in the reference.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/distance_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::dtc {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 1, .rampup = 1, .rampup_steps = 40};
  double beta = 0.3, slope = 1500;

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.beta = read_distance_weight(section);
    section.read("slope", o.slope, {1, 1e6},
                 "Steepness k of the map from distances to probabilities. The gradient reaches "
                 "distances of about 8/k: lower it to teach more of them.");
    return o;
  }
};

class DualTaskConsistency : public SingleNetwork {
 public:
  explicit DualTaskConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput out = forward_all(batch, step);
    const at::Tensor map = out["map"], p = out["logit"].sigmoid();
    const at::Tensor supervised = distance_loss(map, p, labelled.label, options_.beta, step);
    const at::Tensor consistency = symmetric_mse((-options_.slope * map).sigmoid(), p, *step.comm);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + weight * consistency, step);
  }

 private:
  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "dtc",
     .summary = "A segmentation agrees with the distances that a second head regresses",
     .family = "consistency",
     .paper = "Luo et al., AAAI 2021",
     .networks = {.slices = "none", .volumes = "vnet_sdf"},
     .is_binary = true,
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<DualTaskConsistency>(context);
     }});

}  // namespace
}  // namespace semiseg::dtc
