// SPDX-License-Identifier: Apache-2.0
// UniMatch: Yang et al., CVPR 2023, as LiheYoung/UniMatch more-scenarios/medical has it. Every
// unlabelled image has a weak view u and two strong views s1, s2; a box of each strong view is
// taken from another unlabelled image, the mix, and its pseudo-label with it.
//
//   ŷ, c     argmax and maximum of softmax(z_u), no gradient; those of the mix from a pass in
//            evaluation mode
//   T(z, ŷ, c) = D of softmax z over pixels with c ≥ τ
//   L_x = ½ (CE(z_x, y) + D(p_x, y)),  L_1 = T(z_s1, (ŷ, c) with box 1),  L_2 likewise
//   L_fp = T(z_fp, ŷ, c),  z_fp decoded from features of u with channels dropped (p = ½)
//   L = ½ (L_x + ¼ L_1 + ¼ L_2 + ½ L_fp)
//
// Passes: mix (evaluation, no gradient); labelled and weak together, whose decoder sees the plain
// and the perturbed features as one batch; both strong views together. D is the Dice over all
// classes with squared denominators. No teacher, so it is no base for transferable augmentation.
// Without the reference's equal parts, half of the unlabelled part of the batch is the mix.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/mixing/cutmix_views.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::unimatch {
namespace {

struct Options {
  LabelledDice dice = nullptr;
  CutmixOptions cutmix;
  double threshold = 0.95, perturbation = 0.5;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.cutmix = read_cutmix(section);
    section.read(
        "conf_thresh", o.threshold, {0, 1},
        "Confidence from which a pseudo-label counts. Lower it when mask_ratio stays low.");
    section.read("perturbation", o.perturbation, {0.01, 0.99},
                 "Probability that a channel of the encoder's features is dropped for the "
                 "perturbed logits. Raise it for a stronger consistency.");
    return o;
  }
};

class UniMatch : public SingleNetwork {
 public:
  explicit UniMatch(const MethodContext& context)
      : SingleNetwork(context, streams_with_mix(context), groups_with_mix(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"],
                 &mix = batch["mix"];
    const int64_t b = labelled.size();
    const PseudoLabel of_mix = predict_mix(mix);
    SampleIds ids = labelled.samples;
    ids.insert(ids.end(), unlabelled.samples.begin(), unlabelled.samples.end());
    Pass pass = step.train_pass("student", ids);
    pass.feature_dropouts = {
        {.head = "perturbed", .p = options_.perturbation, .draw = "feature_dropout"}};
    const NetworkOutput weak =
        network_->forward(at::cat({labelled.image(), unlabelled.image()}), pass);
    const at::Tensor perturbed = weak["perturbed"].slice(0, b);
    const PseudoLabel plain = pseudo_label(weak.logits.slice(0, b));

    const at::Tensor first = boxes("cutmix_box.1", unlabelled, step),
                     second = boxes("cutmix_box.2", unlabelled, step);
    const auto strong = strong_logits(unlabelled, mix, first, second, step);
    const at::Tensor supervised =
        labelled_loss(weak.logits.slice(0, 0, b), labelled.label, options_.dice, step);
    const at::Tensor one = confident(strong[0], pasted(plain, of_mix, first), step),
                     two = confident(strong[1], pasted(plain, of_mix, second), step),
                     features = confident(perturbed, plain, step);
    step.record("loss.strong1", one);
    step.record("loss.strong2", two);
    step.record("loss.feature_perturbed", features);
    const at::Tensor is_sure = plain.confidence >= options_.threshold;
    step.record("loss.mask_ratio", global_mean(is_sure.to(perturbed.scalar_type()).sum(),
                                               static_cast<double>(is_sure.numel()), *step.comm));
    finish((supervised + 0.25 * one + 0.25 * two + 0.5 * features) / 2, step);
  }

 private:
  PseudoLabel predict_mix(const Stream& mix) {
    const at::NoGradGuard no_grad;
    return pseudo_label(network_->forward(mix.image(), Pass{.heads = {"deployed"}}).logits);
  }

  at::Tensor boxes(const std::string& draw, const Stream& unlabelled, const Step& step) const {
    return draw_boxes(options_.cutmix, draw, unlabelled.samples,
                      unlabelled.image().sizes().slice(2), step);
  }

  std::vector<at::Tensor> strong_logits(const Stream& unlabelled, const Stream& mix,
                                        const at::Tensor& first, const at::Tensor& second,
                                        const Step& step) {
    const at::Tensor one = pasted(unlabelled.image("strong"), mix.image("strong"), first),
                     two = pasted(unlabelled.image("strong2"), mix.image("strong2"), second);
    SampleIds ids = unlabelled.samples;
    const SampleIds others = second_view(unlabelled.samples);
    ids.insert(ids.end(), others.begin(), others.end());
    const at::Tensor logits =
        network_->forward(at::cat({one, two}), step.train_pass("student/strong", ids)).logits;
    return {logits.slice(0, 0, one.size(0)), logits.slice(0, one.size(0))};
  }

  at::Tensor confident(const at::Tensor& logits, const PseudoLabel& target,
                       const Step& step) const {
    return dice_sq_confident(logits.softmax(1), target.label,
                             target.confidence >= options_.threshold, *step.comm);
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "unimatch",
     .summary = "Weak views teach two strong views and perturbed features",
     .family = "pseudo-labels",
     .paper = "Yang et al., CVPR 2023",
     .small = [](int64_t) { return "conf_thresh = 0.3\ncutmix_probability = 1.0"; },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<UniMatch>(context); }});

}  // namespace
}  // namespace semiseg::unimatch
