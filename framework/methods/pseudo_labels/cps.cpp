// SPDX-License-Identifier: Apache-2.0
// Cross pseudo supervision: Chen et al., CVPR 2021, as HiLab-git/SSL4MIS
// train_cross_pseudo_supervision_2D has it.
//
//   L_i = ½ (CE(z_i, y) + D(p_i, y)) + λ(t) · CE(z_i(x_u), argmax z_j(x_u)),  i ≠ j ∈ {1, 2}
//
// Two networks with their own initial weights and optimisers. The pseudo-labels carry no gradient,
// so the two losses share no parameter and are minimised one after the other. Network 1 is
// deployed. In 3-D the reference starts its networks by other rules (Kaiming, Xavier); here both
// start as the backbone does.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::cps {
namespace {

struct Options {
  ConsistencyOptions consistency;

  static Options read(const Config& section) {
    return {.consistency = ConsistencyOptions::read(section, {.weight = 0.1})};
  }
};

class CrossPseudoSupervision : public NetworkPair {
 public:
  explicit CrossPseudoSupervision(const MethodContext& context)
      : NetworkPair(context, labelled_and_unlabelled(context)),
        consistency_(Options::read(context.options).consistency) {}

  void step(const Batch& batch, Step& step) override {
    const int64_t b = batch["labelled"].size();
    at::Tensor logits[2], pseudo[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = forward(i, batch.joined(), batch.samples, step).logits;
      pseudo[i] = logits[i].slice(0, b).detach().argmax(1);
    }
    const double weight = consistency_weight(consistency_, step.iteration, step.stage_iterations);
    step.record("consistency_weight", weight);
    for (int i = 0; i < 2; ++i) {
      const at::Tensor supervised =
          supervised_loss(logits[i].slice(0, 0, b), batch["labelled"].label, *step.comm);
      const at::Tensor cross = cross_entropy(logits[i].slice(0, b), pseudo[1 - i], *step.comm);
      const at::Tensor total = supervised + weight * cross;
      record_of(i, "loss.supervised", supervised, step);
      record_of(i, "loss.pseudo", cross, step);
      record_of(i, "loss.total", total, step);
      step.minimise(*optimisers_[static_cast<size_t>(i)], total);
    }
  }

 private:
  ConsistencyOptions consistency_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "cps",
     .summary = "Two networks teach each other with hard pseudo-labels",
     .family = "pseudo-labels",
     .paper = "Chen et al., CVPR 2021",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<CrossPseudoSupervision>(context);
     }});

}  // namespace
}  // namespace semiseg::cps
