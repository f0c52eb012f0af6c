// SPDX-License-Identifier: Apache-2.0
// CrossMatch: Zhao et al., IEEE JBHI 2024, as AiEson/CrossMatch has it at commit 59772e0: UniMatch
// with two strengths of feature perturbation, low and high, that the plain prediction teaches
// (distillation). x labelled, u weak, s1 and s2 strong views of unlabelled images; a box of each
// strong view is taken from the mix u', s1', s2', and its pseudo-label with it.
//
//   P_p      channels of every encoder level dropped with p = ¼ (low), ¾ (high)
//   passes   u' alone; [x, u'] with P of u' (no gradient both); [x, u] with P of u; [s1, s2] with P
//            of s2
//   T(z, ŷ, c) = D of softmax z over pixels with c ≥ τ
//   L_x = ½ (CE + D)(z_x, y);  L_1 = T(z_s1, (ŷ, c)¹);  L_2 = T(z_s2, (ŷ, c)²)
//   K_teach = ¼ [T(z_low, ŷ, c) + T(z_high, ŷ, c) + T(z_s2,low, (ŷ, c)²) + T(z_s2,high, (ŷ, c)²)]
//   K_self  = ½ [T(z_s2,low, low²) + T(z_s2,high, high²)]
//   L = ½ (L_x + ¼ L_1 + ¼ L_2 + w K),  K = (1 − η) K_teach + η K_self,  η = 0.3
//
//                slices                                   volumes of two classes
//   D            all classes, smooth 1e-4                 foreground, smooth 1e-5
//   w            ½                                        1
//   τ            0.95                                     (¾ + ¼ R(k − 1, horizon)) ln 2; at k = 0 ¾
//
// The reference trains volumes with AdamW 1e-3 and a rate over 17 000 updates, and slices with
// Nesterov momentum: options of the protocol. The evaluation-mode pass of the first iteration of an
// epoch is mix_pass = "eval" for all of them, or not at all.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <numbers>

#include "framework/config/option_list.h"
#include "framework/methods/parts/mixing/cutmix_views.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/schedule.h"

namespace semiseg::crossmatch {
namespace {

struct Options {
  CutmixOptions cutmix;
  double threshold = 0.95, low = 0.25, high = 0.75, eta = 0.3, distillation = 0.5, smooth = 1e-4;
  std::string schedule = "constant", dice = "all classes", mix_pass = "train";
  int64_t horizon = 0;  // of the ramp; 0: the stage

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 3) {
      o.threshold = 0.75;
      o.distillation = 1;
      o.smooth = 1e-5;
      o.schedule = "ramp times ln 2";
      if (shape.classes == 2) o.dice = "foreground";
    }
    o.cutmix = read_cutmix(section);
    section.read("conf_thresh", o.threshold, {0, 1},
                 "Confidence from which a pseudo-label counts. Lower it when few pixels count.");
    section.read("conf_schedule", o.schedule, {"constant", "ramp", "ramp times ln 2"},
                 "Threshold over the training: that confidence, or from the second step on a ramp "
                 "from 0.75 to 1, which the reference multiplies by ln 2 in volumes.");
    section.read("conf_horizon", o.horizon, {0, 1e9},
                 "Length of that ramp in iterations; 0: the training's. 17000 in the reference.");
    section.read("perturbation_low", o.low, {0.01, 0.99},
                 "Probability that a channel is dropped by the low perturbation.");
    section.read("perturbation_high", o.high, {0.01, 0.99},
                 "Probability that a channel is dropped by the high perturbation.");
    section.read("eta", o.eta, {0, 1},
                 "Share of the perturbed branches' own labels in the distillation. Lower it when "
                 "they are poor.");
    section.read("distillation_weight", o.distillation, {0, 100},
                 "Weight of the distillation. Lower it when perturbed features teach too much.");
    section.read("dice", o.dice, {"all classes", "foreground"},
                 "Classes of the Dice losses. The default is that of the reference.");
    section.read("dice_smooth", o.smooth, {1e-12, 1},
                 "Smoothing of the Dice losses. The default is that of the reference.");
    section.read("mix_pass", o.mix_pass, {"train", "eval"},
                 "Mode of the passes on images to mix in. In training mode they move the running "
                 "statistics, as in the reference at its last commit; the paper's is eval.");
    return o;
  }
};

class CrossMatch : public SingleNetwork {
 public:
  explicit CrossMatch(const MethodContext& context)
      : SingleNetwork(context, streams_with_mix(context), groups_with_mix(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"],
                 &mix = batch["mix"];
    const int64_t b = labelled.size();
    const double threshold = threshold_at(step);
    const Labels of_mix = predict_mix(labelled, mix, step);
    const at::Tensor first = boxes("cutmix_box.1", unlabelled, step),
                     second = boxes("cutmix_box.2", unlabelled, step);
    const NetworkOutput weak = perturbed(labelled.image(), labelled.samples, unlabelled.image(),
                                         unlabelled.samples, "weak", NetworkMode::kTrain, step);
    const NetworkOutput strong = perturbed(
        pasted(unlabelled.image("strong"), mix.image("strong"), first), unlabelled.samples,
        pasted(unlabelled.image("strong2"), mix.image("strong2"), second),
        second_view(unlabelled.samples), "strong", NetworkMode::kTrain, step);
    const int64_t u = unlabelled.size();
    const PseudoLabel plain = pseudo_label(weak.logits.slice(0, b)),
                      low = pseudo_label(weak["low"]), high = pseudo_label(weak["high"]);
    const PseudoLabel plain2 = pasted(plain, of_mix.plain, second);
    const auto term = [&](const std::string& name, const at::Tensor& logits,
                          const PseudoLabel& target) {
      const at::Tensor value = confident(logits, target, threshold, step);
      step.record("loss." + name, value);
      return value;
    };
    const at::Tensor supervised =
        0.5 * (cross_entropy(weak.logits.slice(0, 0, b), labelled.label, *step.comm) +
               dice(weak.logits.slice(0, 0, b), labelled.label, {}, step));
    step.record("loss.supervised", supervised);
    const at::Tensor one =
        term("strong1", strong.logits.slice(0, 0, u), pasted(plain, of_mix.plain, first));
    const at::Tensor two = term("strong2", strong.logits.slice(0, u), plain2);
    const at::Tensor teach =
        (term("low_weak", weak["low"], plain) + term("high_weak", weak["high"], plain) +
         term("low_strong2", strong["low"], plain2) +
         term("high_strong2", strong["high"], plain2)) /
        4;
    const at::Tensor self = (term("low_low", strong["low"], pasted(low, of_mix.low, second)) +
                             term("high_high", strong["high"], pasted(high, of_mix.high, second))) /
                            2;
    const at::Tensor distillation = (1 - options_.eta) * teach + options_.eta * self;
    step.record("loss.distillation", distillation);
    finish((supervised + 0.25 * one + 0.25 * two + options_.distillation * distillation) / 2, step);
  }

 private:
  struct Labels {
    PseudoLabel plain, low, high;
  };

  double threshold_at(Step& step) const {
    const auto of = [&](int64_t k) {
      if (options_.schedule == "constant" || k == 0) return options_.threshold;
      const double length =
          static_cast<double>(options_.horizon > 0 ? options_.horizon : step.stage_iterations);
      const double ramp = 0.75 + 0.25 * sigmoid_rampup(static_cast<double>(k - 1), length);
      return options_.schedule == "ramp" ? ramp : ramp * std::numbers::ln2;
    };
    step.record("conf_thresh_next", of(step.iteration + 1));
    return of(step.iteration);
  }

  // One pass on images a and b, whose decoder also sees the features of b with low and high
  // perturbation; the heads low and high are those of b.
  NetworkOutput perturbed(const at::Tensor& a, const SampleIds& a_ids, const at::Tensor& b,
                          const SampleIds& b_ids, const std::string& name, NetworkMode mode,
                          const Step& step) {
    SampleIds ids = a_ids;
    ids.insert(ids.end(), b_ids.begin(), b_ids.end());
    Pass pass = step.train_pass("student/" + name, ids);
    pass.mode = mode;
    const std::string draw = "feature_dropout." + name;
    pass.feature_dropouts = {
        {.head = "low", .p = options_.low, .draw = draw + ".low", .first = a.size(0)},
        {.head = "high", .p = options_.high, .draw = draw + ".high", .first = a.size(0)}};
    return network_->forward(at::cat({a, b}), pass);
  }

  Labels predict_mix(const Stream& labelled, const Stream& mix, const Step& step) {
    const at::NoGradGuard no_grad;
    const NetworkMode mode =
        options_.mix_pass == "train" ? NetworkMode::kTrain : NetworkMode::kEval;
    Pass pass = step.train_pass("student/mix_alone", mix.samples);
    pass.mode = mode;
    const PseudoLabel plain = pseudo_label(network_->forward(mix.image(), pass).logits);
    const NetworkOutput both =
        perturbed(labelled.image(), labelled.samples, mix.image(), mix.samples, "mix", mode, step);
    return {plain, pseudo_label(both["low"]), pseudo_label(both["high"])};
  }

  at::Tensor boxes(const std::string& draw, const Stream& unlabelled, const Step& step) const {
    return draw_boxes(options_.cutmix, draw, unlabelled.samples,
                      unlabelled.image().sizes().slice(2), step);
  }

  at::Tensor dice(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask,
                  const Step& step) const {
    const auto loss = options_.dice == "foreground" ? dice_sq_fg_confident : dice_sq_confident;
    return loss(logits.softmax(1), label, mask, *step.comm, options_.smooth);
  }

  at::Tensor confident(const at::Tensor& logits, const PseudoLabel& target, double threshold,
                       const Step& step) const {
    return dice(logits, target.label, target.confidence >= threshold, step);
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "crossmatch",
     .summary = "UniMatch with two strengths of feature perturbation and distillation",
     .family = "pseudo-labels",
     .paper = "Zhao et al., IEEE JBHI 2024",
     .small =
         [](int64_t) {
           return "conf_thresh = 0.3\nconf_schedule = 'constant'\ncutmix_probability = 1.0";
         },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<CrossMatch>(context); }});

}  // namespace
}  // namespace semiseg::crossmatch
