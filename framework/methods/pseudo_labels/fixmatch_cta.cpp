// SPDX-License-Identifier: Apache-2.0
// FixMatch with a learned augmentation policy: Sohn et al., NeurIPS 2020, as HiLab-git/SSL4MIS
// train_fixmatch_cta has it. Once each epoch of the labelled samples a weak and a strong policy are
// drawn for all images (learned_policy.h); their rates follow the loss of the epoch.
//
//   x_w = weak policy (geometry) of the images, labels with them;  x_s = strong policy (grey values) of
//         x_w
//   ŷ   = argmax of the averaged teacher on x_w, no threshold, no gradient
//   L   = CE(z_w, y) + D(p_w, y) + λ(t) (CE(z_s, ŷ) + D(p_s, ŷ)),  the latter on unlabelled images
//   rate of the bins drawn ← 0.99 rate + 0.01 (1 − ½ · mean of ½ L over the epoch)
//
// The reference draws another policy when the label maps of a batch, those of unlabelled images
// included, are nearly empty after the weak one; no ground truth of unlabelled images is looked at
// here, and no batch is left out. The student is deployed. Slices of grey values in [0, 1] only.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/methods/parts/policy/grey_operations.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::fixmatch_cta {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  PolicyOptions policy;
  int64_t every = 0;

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    section.read("policy_depth", o.policy.depth, {1, 16},
                 "Number of operations of a policy. Raise it for stronger views.");
    section.read(
        "policy_threshold", o.policy.threshold, {0, 1},
        "Share of the largest rate below which a bin is not drawn. Lower it to keep strong "
        "operations longer.");
    section.read("policy_decay", o.policy.decay, {0, 1},
                 "Share of a rate that an epoch keeps. Lower it for short trainings.");
    section.read("policy_every", o.every, {0, 1e9},
                 "Number of iterations of a policy; 0: an epoch of the labelled samples. Raise it "
                 "where few are labelled.");
    return o;
  }
};

// Steps of one pass over the labelled samples; 1 where a run without its data is loaded to predict.
int64_t epoch_of(const MethodContext& context) {
  if (!context.pool_samples.contains("labelled")) return 1;
  return std::max<int64_t>(1, context.steps_of_epochs(1, "labelled", context.labelled));
}

class FixMatchCta : public SingleNetwork {
 public:
  explicit FixMatchCta(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options)),
        every_(options_.every > 0 ? options_.every : epoch_of(context)),
        teacher_(context.make_network({"teacher"})),
        weak_(weak_bins(), "weak", options_.policy),
        strong_(strong_bins(), "strong", options_.policy),
        sum_of_losses_(at::zeros({}, at::TensorOptions(context.shape.device).dtype(at::kDouble))) {
    teacher_->copy_from(*network_);
  }

  void step(const Batch& batch, Step& step) override {
    if (step.iteration % every_ == 0) begin_epoch(step);
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const at::Tensor image = batch.joined();
    const at::Tensor map =
        weak_map(weak_.policy(), image.size(2), image.size(3), batch.samples, *step.draws);
    const at::Tensor weak = moved(image, map), label = moved(labelled.label, map.slice(0, 0, b));
    const at::Tensor strong = apply_strong(strong_.policy(), weak);
    const at::Tensor pseudo = predict(weak, batch.samples, step).slice(0, b).argmax(1);
    const at::Tensor z_w =
        network_->forward(weak, step.train_pass("student", batch.samples)).logits;
    const at::Tensor z_s =
        network_->forward(strong, step.train_pass("student/strong", batch.samples)).logits;
    const at::Tensor supervised = with_dice(z_w.slice(0, 0, b), label, step),
                     unsupervised = with_dice(z_s.slice(0, b), pseudo, step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised", supervised);
    step.record("loss.unsupervised", unsupervised);
    step.record("consistency_weight", weight);
    const at::Tensor total = supervised + weight * unsupervised;
    sum_of_losses_.add_(total.detach().to(at::kDouble));
    finish(total, step);
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *network_, options_.ema, step.iteration);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
    weak_.state(visitor);
    strong_.state(visitor);
    visitor.tensor("sum_of_losses", sum_of_losses_);
  }

 private:
  // The one place where the step waits for the device: once each epoch.
  void begin_epoch(const Step& step) {
    if (step.iteration > 0) {
      const double mean = sum_of_losses_.item<double>() / static_cast<double>(every_);
      for (LearnedPolicy* policy : {&weak_, &strong_}) policy->update(1 - 0.5 * (0.5 * mean));
    }
    sum_of_losses_.zero_();
    for (LearnedPolicy* policy : {&weak_, &strong_}) policy->draw(*step.draws);
  }

  // In training mode, as the reference's averaged teachers.
  at::Tensor predict(const at::Tensor& image, const SampleIds& samples, const Step& step) {
    const at::NoGradGuard no_grad;
    return teacher_->forward(image, step.train_pass("teacher", samples)).logits;
  }

  static at::Tensor with_dice(const at::Tensor& logits, const at::Tensor& label, const Step& step) {
    return cross_entropy(logits, label, *step.comm) + dice_sq(logits.softmax(1), label, *step.comm);
  }

  Options options_;
  int64_t every_;
  std::unique_ptr<Backbone> teacher_;
  LearnedPolicy weak_, strong_;
  at::Tensor sum_of_losses_;  // [] float64, of the epoch so far
};

const bool registered = MethodRegistry::instance().add(
    {.name = "fixmatch_cta",
     .summary = "FixMatch whose views follow a learned augmentation policy",
     .family = "pseudo-labels",
     .paper = "Sohn et al., NeurIPS 2020",
     .networks = {.slices = "any", .volumes = "none"},
     .small = [](int64_t) { return "policy_every = 1\npolicy_decay = 0.5"; },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<FixMatchCta>(context); }});

}  // namespace
}  // namespace semiseg::fixmatch_cta
