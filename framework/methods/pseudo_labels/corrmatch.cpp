// SPDX-License-Identifier: Apache-2.0
// CorrMatch: Sun et al., CVPR 2024, as BBBBchan/CorrMatch has it, on medical slices: UniMatch with
// one strong view, pseudo-labels that spread along the correlation of an image's pixels, and a
// threshold that follows the network. u weak, s strong view of an unlabelled image; a box of s is
// taken from another unlabelled image, the mix, and its pseudo-label and soft prediction with it.
//
//   A        = softmax(keyᵀ query / √K) of the network's correlation head;  z' = stop(z) A
//   ŷ, c     argmax and maximum of softmax(z_u), no gradient; with box: those of the mix inside it
//   τ        ← m τ + (1 − m) mean over classes in ŷ of the largest c of that class,  τ = 0.85 first
//   ŷ*, M    ŷ with box after spreading over `regions` random rows of A, and the pixels that count:
//            c ≥ τ, or covered by a region that was accepted (correlation.h)
//   T(z, ŷ, M) = ½ (Σ M CE / N + D of softmax z over M),  N the number of all pixels
//   L_x = ½ (CE + D)(z_x, y),  L_xc the same of z'_x
//   L_s = T(z_s, ŷ*, M),  L_fp = T(z_fp, ŷ, c ≥ τ),  L_c = ½ (T(z'_s, ŷ*, M) + T(z'_u, ŷ, c ≥ τ))
//   L_kl = Σ [c ≥ τ] KL(p_u ‖ p_s) / N, p_u and c with box
//   L = ½ (½ L_x + ½ L_xc + ¼ L_s + ¼ L_kl + ¼ L_fp + ¼ L_c)
//
// The reference has natural images, a DeepLabV3+ and CE alone. Here the network is the U-Net with
// that head on its deepest level (unet_corr), pseudo-labels have D, the Dice with squared
// denominators, beside the CE as the labels have, and streams, boxes, strong view and z_fp (decoded
// from features with dropped channels, p = ½) are UniMatch's. Regions see the labels before any
// region changed them; in the reference one after the other. Slices only, as the reference.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/correlation.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/losses/sure_loss.h"
#include "framework/methods/parts/mixing/cutmix_views.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::corrmatch {
namespace {

struct Options {
  LabelledDice dice = nullptr;
  CutmixOptions cutmix;
  double threshold = 0.85, momentum = 0.999, perturbation = 0.5;
  int64_t regions = 128;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.cutmix = read_cutmix(section);
    section.read("conf_thresh", o.threshold, {0, 1},
                 "Confidence from which a pseudo-label counts, at the start; later it follows the "
                 "network. Lower it when mask_ratio stays low.");
    section.read("thresh_momentum", o.momentum, {0, 1},
                 "Share of the threshold that a step keeps; 1: it is constant. Lower it for short "
                 "trainings.");
    section.read("perturbation", o.perturbation, {0.01, 0.99},
                 "Probability that a channel of the encoder's features is dropped for the "
                 "perturbed logits. Raise it for a stronger consistency.");
    section.read("regions", o.regions, {1, 4096},
                 "Number of pixels of the correlation head whose regions may spread a label; they "
                 "are drawn anew each step. Lower it when a step takes too long.");
    return o;
  }
};

std::vector<StreamPlan> streams_with_one_strong_view(const MethodContext& context) {
  std::vector<StreamPlan> streams = streams_with_mix(context);
  for (size_t i = 1; i < streams.size(); ++i) streams[i].views = {kWeakView, "strong"};
  return streams;
}

class CorrMatch : public SingleNetwork {
 public:
  explicit CorrMatch(const MethodContext& context)
      : SingleNetwork(context, streams_with_one_strong_view(context), groups_with_mix(context)),
        options_(Options::read(context.options, context.shape)),
        classes_(context.shape.classes),
        threshold_(at::full({}, options_.threshold,
                            at::TensorOptions(context.shape.device).dtype(at::kDouble))) {}

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"],
                 &mix = batch["mix"];
    const int64_t b = labelled.size();
    const at::Tensor z_mix = predict(mix.image());
    const NetworkOutput weak = weak_pass(labelled, unlabelled, step);
    const at::Tensor z_u = weak.logits.slice(0, b).detach();
    const PseudoLabel plain = pseudo_label(z_u);
    update_threshold(plain, *step.comm);
    const at::Tensor is_sure = plain.confidence >= threshold_;

    const at::Tensor box =
        draw_boxes(options_.cutmix, "cutmix_box.1", unlabelled.samples, z_u.sizes().slice(2), step)
            .to(z_u.device());
    const NetworkOutput strong =
        network_->forward(pasted(unlabelled.image("strong"), mix.image("strong"), box),
                          step.train_pass("student/strong", unlabelled.samples));
    const PseudoLabel boxed = pasted(plain, pseudo_label(z_mix), box);
    const at::Tensor boxed_sure = boxed.confidence >= threshold_;
    const at::Tensor correlation = correlation_map(weak["key"], weak["query"]);
    const at::IntArrayRef head = weak["key"].sizes().slice(2);
    const SpreadLabels spread =
        spread_labels({boxed.label, boxed_sure}, box, correlation.slice(0, b),
                      region_pixels(head, step).to(box.device()), head, classes_, threshold_);
    const at::Tensor carried = carried_logits(weak.logits, correlation, head),
                     carried_strong = carried_logits(
                         strong.logits, correlation_map(strong["key"], strong["query"]), head);

    const at::Tensor of_labels =
        labelled_loss(weak.logits.slice(0, 0, b), labelled.label, options_.dice, step);
    const auto term = [&](const char* name, const at::Tensor& value) {
      step.record(name, value);
      return value;
    };
    const at::Tensor of_labels_carried = term(
        "loss.correlation_supervised", with_dice(carried.slice(0, 0, b), labelled.label, step));
    const at::Tensor strong_term =
        term("loss.strong", sure_loss(strong.logits, spread.label, spread.counts, *step.comm));
    const at::Tensor features_term =
        term("loss.feature_perturbed",
             sure_loss(weak["perturbed"].slice(0, b), plain.label, is_sure, *step.comm));
    const at::Tensor carried_term =
        term("loss.correlation",
             0.5 * (sure_loss(carried_strong, spread.label, spread.counts, *step.comm) +
                    sure_loss(carried.slice(0, b), plain.label, is_sure, *step.comm)));
    const at::Tensor soft_term =
        term("loss.soft", divergence(strong.logits, pasted(z_u, z_mix, box), boxed_sure, step));
    step.record("threshold", threshold_);
    step.record("loss.mask_ratio", share_of_pixels(boxed_sure, *step.comm));
    step.record("loss.spread_ratio", share_of_pixels(spread.counts, *step.comm));
    finish((0.5 * of_labels + 0.5 * of_labels_carried + 0.25 * strong_term + 0.25 * soft_term +
            0.25 * features_term + 0.25 * carried_term) /
               2,
           step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.tensor("threshold", threshold_);
  }

 private:
  at::Tensor predict(const at::Tensor& image) {
    const at::NoGradGuard no_grad;
    return network_->forward(image, Pass{.heads = {"deployed"}}).logits;
  }

  NetworkOutput weak_pass(const Stream& labelled, const Stream& unlabelled, const Step& step) {
    SampleIds ids = labelled.samples;
    ids.insert(ids.end(), unlabelled.samples.begin(), unlabelled.samples.end());
    Pass pass = step.train_pass("student", ids);
    pass.feature_dropouts = {
        {.head = "perturbed", .p = options_.perturbation, .draw = "feature_dropout"}};
    return network_->forward(at::cat({labelled.image(), unlabelled.image()}), pass);
  }

  // Collective: the largest confidence of each class in the global batch; 0 where no pixel has it.
  void update_threshold(const PseudoLabel& labels, const Communicator& comm) {
    const at::Tensor confidence = labels.confidence.flatten(), label = labels.label.flatten();
    std::vector<at::Tensor> largest;
    for (int64_t c = 0; c < classes_; ++c) {
      const at::Tensor of_class = confidence * (label == c);
      largest.push_back(at::cat({of_class, at::zeros({1}, of_class.options())}).amax());
    }
    const at::Tensor of_ranks =
        comm.gather(at::stack(largest).to(at::kDouble).unsqueeze(0), "corrmatch/confidence");
    const at::Tensor all = of_ranks.amax(0);
    const at::Tensor mean = all.sum() / (all > 0).sum();
    threshold_.mul_(options_.momentum).add_(mean * (1 - options_.momentum));
  }

  at::Tensor region_pixels(at::IntArrayRef head, const Step& step) const {
    return step.draws->integers("corr_regions", {options_.regions}, 0, head[0] * head[1]);
  }

  at::Tensor with_dice(const at::Tensor& logits, const at::Tensor& label, const Step& step) const {
    return 0.5 * (cross_entropy(logits, label, *step.comm) +
                  options_.dice(logits.softmax(1), label, *step.comm));
  }

  static at::Tensor divergence(const at::Tensor& logits, const at::Tensor& target,
                               const at::Tensor& counts, const Step& step) {
    const at::Tensor map = softmax_kl_map(logits, target).sum(1);
    return global_mean((map * counts).sum(), static_cast<double>(counts.numel()), *step.comm);
  }

  Options options_;
  int64_t classes_;
  at::Tensor threshold_;  // [] float64
};

const bool registered = MethodRegistry::instance().add(
    {.name = "corrmatch",
     .summary = "Pseudo-labels spread along the correlation of an image's pixels",
     .family = "pseudo-labels",
     .paper = "Sun et al., CVPR 2024",
     .networks = {.slices = "unet_corr", .volumes = "none"},
     .small =
         [](int64_t) {
           return "conf_thresh = 0.3\ncutmix_probability = 1.0\nregions = 4\n"
                  "thresh_momentum = 0.9";
         },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<CorrMatch>(context); }});

}  // namespace
}  // namespace semiseg::corrmatch
