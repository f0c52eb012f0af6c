// SPDX-License-Identifier: Apache-2.0
// R-Drop: Wu et al., NeurIPS 2021, as HiLab-git/SSL4MIS train_regularized_dropout_2D and _3D have
// it: two networks, where the paper runs one network twice.
//
//   L   = L_sup(net1) + L_sup(net2) + λ(t) L_KL,   L_sup = ½ (CE(z_l, y) + D(p_l, y))
//   L_KL = ½ (mean KL(softmax z2 ‖ softmax z1) + mean KL(softmax z1 ‖ softmax z2))   of unlabelled
//
// Both sides have a gradient. In the reference the softmax of L_KL runs over the last axis of the
// image; rdrop_axis = "class" takes the classes, sums over them and means over pixels. Network 1 is
// deployed.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::r_drop {
namespace {

struct Options {
  ConsistencyOptions consistency;
  std::string axis = "width";

  static Options read(const Config& section) {
    Options o{.consistency = ConsistencyOptions::read(section, {.weight = 4.0})};
    section.read(
        "rdrop_axis", o.axis, {"width", "class"},
        "Axis of the softmax in the divergence: the last of the image as in the reference, "
        "or the classes as in the paper.");
    return o;
  }
};

class RDrop : public NetworkPair {
 public:
  explicit RDrop(const MethodContext& context)
      : NetworkPair(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    at::Tensor logits[2], supervised[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = forward(i, batch.joined(), batch.samples, step).logits;
      supervised[i] = supervised_loss(logits[i].slice(0, 0, b), labelled.label, *step.comm);
      record_of(i, "loss.supervised", supervised[i], step);
    }
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    at::Tensor divergence;
    for (int i = 0; i < 2; ++i) {
      // One side at a time: the gradients are those of the whole loss.
      const at::Tensor other = logits[1 - i].slice(0, b).detach();
      divergence = divergence_of(logits[i].slice(0, b), other, *step.comm);
      if (i == 0) {
        step.record("loss.consistency", divergence);
        step.record("consistency_weight", weight);
        step.record("loss.total", supervised[0] + supervised[1] + weight * divergence);
      }
      step.minimise(*optimisers_[static_cast<size_t>(i)], supervised[i] + weight * divergence);
    }
  }

 private:
  at::Tensor divergence_of(const at::Tensor& z, const at::Tensor& other,
                           const Communicator& comm) const {
    if (options_.axis == "width") return rdrop_kl(z, other, /*axis=*/-1, comm);
    return rdrop_kl(z, other, /*axis=*/1, comm) * static_cast<double>(z.size(1));
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "r_drop",
     .summary = "Two networks keep a small divergence between their predictions",
     .family = "consistency",
     .paper = "Wu et al., NeurIPS 2021",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<RDrop>(context); }});

}  // namespace
}  // namespace semiseg::r_drop
