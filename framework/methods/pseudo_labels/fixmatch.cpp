// SPDX-License-Identifier: Apache-2.0
// FixMatch: Sohn et al., NeurIPS 2020, as HiLab-git/SSL4MIS train_fixmatch_standard_augs has it.
//
//   p_w, p_s   softmax of the network on weak and strong views of all samples
//   n_c = (p_c − min p) / max p at each pixel of p_w;  ŷ = argmax of p_w where n_c > τ, else 0
//   L_x = CE(z_w, y) + D(p_w, y) on labelled samples
//   a   = mean over samples and classes of 1 − H / ln(HW), H the entropy of channel c of p_s as a
//         distribution over pixels
//   L_n = a · CE(1 − p_s as logits, argmin p_w), all samples
//   L   = L_x + λ(t) (CE(z_s, ŷ) + D(p_s, ŷ) + a L_n),  first two on unlabelled samples
//
// mask = "minmax" is this, and drops no pixel: the winning class is nearly always kept. mask =
// "ignore" leaves pixels out whose largest probability is below τ, as the paper does. The reference
// updates an averaged teacher that nothing uses; it is part of the state here, too. The student is
// deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "framework/config/option_list.h"
#include "framework/core/ignore_label.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::fixmatch {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  double threshold = 0.8;
  std::string mask = "minmax";
  bool negative = true;

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    section.read("conf_thresh", o.threshold, {0, 1},
                 "Confidence above which a pseudo-label counts. Lower it when few pixels count.");
    section.read("fixmatch_mask", o.mask, {"minmax", "ignore"},
                 "Use of the threshold: on probabilities scaled by the pixel's own range, which "
                 "drops no pixel (the reference), or on the largest probability, which leaves "
                 "unsure pixels out (the paper).");
    section.read("negative_learning", o.negative,
                 "Adds the loss on the least probable class. Switch it off for plain FixMatch.");
    return o;
  }
};

std::vector<StreamPlan> weak_and_strong(const MethodContext& context) {
  std::vector<StreamPlan> streams = labelled_and_unlabelled(context, {kWeakView, "strong"});
  streams[0].views = {kWeakView, "strong"};
  return streams;
}

class FixMatch : public SingleNetwork {
 public:
  explicit FixMatch(const MethodContext& context)
      : SingleNetwork(context, weak_and_strong(context)),
        options_(Options::read(context.options)),
        teacher_(context.make_network({"teacher"})) {
    teacher_->copy_from(*network_);
  }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const at::Tensor weak = forward_all(batch, step).logits;
    const at::Tensor strong =
        network_->forward(batch.joined("strong"), step.train_pass("student/strong", batch.samples))
            .logits;
    const at::Tensor p_w = weak.softmax(1), p_s = strong.softmax(1);
    const at::Tensor supervised = cross_entropy(weak.slice(0, 0, b), labelled.label, *step.comm) +
                                  dice_sq(p_w.slice(0, 0, b), labelled.label, *step.comm);
    const at::Tensor pseudo = pseudo_label(p_w.slice(0, b).detach());
    at::Tensor unsupervised = cross_entropy(strong.slice(0, b), pseudo, *step.comm) +
                              dice_sq(p_s.slice(0, b), pseudo, *step.comm);
    if (options_.negative) unsupervised = unsupervised + negative_loss(p_w.detach(), p_s, step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised", supervised);
    step.record("loss.unsupervised", unsupervised);
    step.record("consistency_weight", weight);
    finish(supervised + weight * unsupervised, step);
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *network_, options_.ema, step.iteration);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
  }

 private:
  at::Tensor pseudo_label(const at::Tensor& p) const {
    const at::Tensor largest = p.amax(1, /*keepdim=*/true);
    if (options_.mask == "ignore")
      return p.argmax(1).masked_fill(largest.squeeze(1) < options_.threshold, kIgnoreLabel);
    const at::Tensor scaled = (p - p.amin(1, /*keepdim=*/true)) / largest;
    return (p * (scaled > options_.threshold).to(p.scalar_type())).argmax(1);
  }

  // a L_n = a² CE.
  static at::Tensor negative_loss(const at::Tensor& p_w, const at::Tensor& p_s, Step& step) {
    const at::Tensor flat = p_s.flatten(2);
    const at::Tensor share = flat / flat.sum(2, /*keepdim=*/true);
    const at::Tensor disorder =
        -(share * share.log()).sum(2) / std::log(static_cast<double>(flat.size(2)));
    const at::Tensor weight =
        global_mean((1 - disorder).sum(), static_cast<double>(disorder.numel()), *step.comm);
    const at::Tensor complementary = weight * cross_entropy(1 - p_s, p_w.argmin(1), *step.comm);
    step.record("loss.adaptive_weight", weight);
    step.record("loss.complementary", complementary);
    return weight * complementary;
  }

  Options options_;
  std::unique_ptr<Backbone> teacher_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "fixmatch",
     .summary = "Hard labels of weak views teach strong views",
     .family = "pseudo-labels",
     .paper = "Sohn et al., NeurIPS 2020",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<FixMatch>(context); }});

}  // namespace
}  // namespace semiseg::fixmatch
