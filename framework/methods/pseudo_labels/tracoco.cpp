// SPDX-License-Identifier: Apache-2.0
// TraCoCo, translation consistent co-training: Liu et al., arXiv 2203.14523, as yyliu01/TraCoCo has
// it. Two networks see two crops x and x' of every sample (views weak and second_crop), whose
// overlap is known, with uniform noise; each learns from the other's logits t.
//
//   z = f_i(x + n), z' = f_i(x' + n'), all samples;  t = f_j(x), no gradient, training mode
//   slices: t ← t · onehot(label), label = largest component of each class and slice of argmax t
//   copy-paste of x and t over the batch in copy_paste_nets (permuted_paste.h, first two axes)
//   c = f_i(x mixed + n''), of which the unlabelled part counts
//   L_x = ½ (CE + D)(z_l, y)
//   L_t = Σ over samples of KL(r' ‖ r) on the overlap, r = softmax of clamped logits over the first
//         axis
//   L_e = mean over maps of Σ_c p ln p on the overlap
//   L_c = thresholded cross term of c and t (losses_translation.h); with more than two classes
//         ½ (L_c + D(softmax c, argmax t))
//   L_i = L_x + λ (L_c + w_t L_t + w_e L_e);  λ = w R(k + 1, ramp)
//
//                volumes of two classes (LA)      others (ACDC)
//   noise        0.2                              0.05
//   w_t, w_e     0.3, 0.1                         0.1, 0.01
//   D            foreground                       all classes
//   mixing       network 2                        both
//
// No sample with an overlap: L_e is 0 here, 0/0 in the reference. Both losses are computed before
// either network steps. The reference's rate is poly_index = "next" of the protocol. Network 1 is
// deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/config/option_list.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/mixing/crop_overlap.h"
#include "framework/methods/parts/mixing/permuted_paste.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/methods/parts/tracoco_options.h"
#include "framework/nn/kernels/label_maps.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_translation.h"
#include "framework/nn/schedule.h"

namespace semiseg::tracoco {
namespace {

std::vector<StreamPlan> two_crops(const MethodContext& context) {
  std::vector<StreamPlan> streams = labelled_and_unlabelled(context, {kWeakView, "second_crop"});
  streams[0].views = {kWeakView, "second_crop"};
  return streams;
}

// The copy-paste mixes the whole batch.
std::vector<std::vector<int64_t>> one_group(int64_t batch) {
  std::vector<std::vector<int64_t>> groups(1);
  for (int64_t i = 0; i < batch; ++i) groups[0].push_back(i);
  return groups;
}

class TraCoCo : public NetworkPair {
 public:
  explicit TraCoCo(const MethodContext& context)
      : NetworkPair(context, two_crops(context), one_group(context.batch)),
        options_(TraCoCoOptions::read(context.options, context.shape)),
        dice_(read_labelled_dice(context.options, context.shape.classes,
                                 context.shape.classes == 2 ? "dice_sq_fg" : "dice_sq")) {}

  void step(const Batch& batch, Step& step) override {
    const double weight = options_.weight * sigmoid_rampup(static_cast<double>(step.iteration + 1),
                                                           options_.ramp_of(step.stage_iterations));
    step.record("consistency_weight", weight);
    at::Tensor totals[2];
    for (int i = 0; i < 2; ++i) totals[i] = loss_of(i, batch, weight, step);
    step.record("loss.total", totals[0] + totals[1]);
    for (size_t i = 0; i < 2; ++i) step.minimise(*optimisers_[i], totals[i]);
  }

 private:
  at::Tensor loss_of(int i, const Batch& batch, double weight, Step& step) {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const at::Tensor image = batch.joined(), shifted = batch.joined("second_crop");
    const auto pass = [&](const at::Tensor& x, const std::string& name) {
      return forward(i, noisy(x, i, name, batch.samples, step), batch.samples, step, "/" + name)
          .logits;
    };
    const at::Tensor z = pass(image, "image"), z_shifted = pass(shifted, "image_shifted");
    at::Tensor target = teach(1 - i, image, batch.samples, step);
    at::Tensor mixed = image;
    if (options_.mixes(i)) {
      const PermutedPaste paste =
          draw_paste(std::string(".") + kNames[static_cast<size_t>(i)], batch.samples,
                     image.sizes().slice(2), /*axes=*/2, step);
      mixed = paste.of(image);
      target = paste.of(target);
    }
    const at::Tensor cross_logits = pass(mixed, "cross");
    const at::Tensor supervised = supervised_of(i, z.slice(0, 0, b), labelled.label, step);
    const at::Tensor cross = cross_of(i, cross_logits.slice(0, b), target.slice(0, b), step);
    const at::Tensor translation = translation_of(i, z, z_shifted, batch, step);
    const at::Tensor total = supervised + weight * (cross + translation);
    record_of(i, "loss.total", total, step);
    return total;
  }

  at::Tensor noisy(const at::Tensor& x, int i, const std::string& name, const SampleIds& samples,
                   const Step& step) const {
    const std::string draw =
        std::string("input_noise.") + kNames[static_cast<size_t>(i)] + "." + name;
    const at::Tensor noise =
        step.draws->between(draw, x.sizes().slice(1), -options_.noise, options_.noise, samples);
    const at::Tensor y = x + noise.to(x.options());
    return options_.clamps ? y.clamp(0, 1) : y;
  }

  // Logits of the other network on images without noise.
  at::Tensor teach(int j, const at::Tensor& image, const SampleIds& samples, const Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor logits = forward(j, image, samples, step, "/teaches").logits;
    if (!options_.filters || logits.size(0) == 0) return logits;
    const at::Tensor label = largest_component(logits.argmax(1), options_.connectivity);
    if (label.max().item<int64_t>() == label.min().item<int64_t>()) return logits;
    return logits * at::zeros_like(logits).scatter_(1, label.unsqueeze(1), 1);
  }

  at::Tensor supervised_of(int i, const at::Tensor& z, const at::Tensor& label, Step& step) const {
    const at::Tensor ce = cross_entropy(z, label, *step.comm),
                     dice = dice_(z.softmax(1), label, *step.comm);
    record_of(i, "loss.supervised_ce", ce, step);
    record_of(i, "loss.supervised_dice", dice, step);
    return 0.5 * (ce + dice);
  }

  at::Tensor cross_of(int i, const at::Tensor& z, const at::Tensor& target, Step& step) const {
    const at::Tensor cross = thresholded_cross(z, target, options_.thresholds, *step.comm);
    record_of(i, "loss.cross", cross, step);
    if (!options_.adds_dice) return cross;
    const at::Tensor dice = dice_sq(z.softmax(1), target.argmax(1), *step.comm);
    record_of(i, "loss.cross_dice", dice, step);
    return 0.5 * (cross + dice);
  }

  // w_t L_t + w_e L_e.
  at::Tensor translation_of(int i, const at::Tensor& z, const at::Tensor& shifted,
                            const Batch& batch, Step& step) const {
    at::Tensor divergence = at::zeros({}, z.options()), entropy = divergence;
    double maps = 0;
    const int64_t axis = options_.over_classes ? 1 : 2;
    const std::vector<CropOverlap> overlaps = overlaps_of(batch, z.sizes().slice(2));
    for (int64_t n = 0; n < z.size(0); ++n) {
      const CropOverlap& overlap = overlaps[static_cast<size_t>(n)];
      if (overlap.is_empty()) continue;
      const at::Tensor a = overlap.in_first(z.narrow(0, n, 1)),
                       b = overlap.in_second(shifted.narrow(0, n, 1));
      divergence = divergence + translation_kl_sum(a, b, axis);
      entropy = entropy + negative_entropy_sum(a) + negative_entropy_sum(b);
      maps += 2;
    }
    const at::Tensor global =
        step.comm->sum(divergence.to(at::kDouble).unsqueeze(0)).squeeze(0).to(z.scalar_type());
    const at::Tensor both = options_.translation_weight * global +
                            options_.entropy_weight * global_mean(entropy, maps, *step.comm);
    record_of(i, "loss.translation", global, step);
    record_of(i, "loss.translation_and_entropy", both, step);
    return both;
  }

  TraCoCoOptions options_;
  LabelledDice dice_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "tracoco",
     .summary = "Two networks agree on shifted crops and teach each other",
     .family = "pseudo-labels",
     .paper = "Liu et al., arXiv 2203.14523",
     .small = [](int64_t) { return "threshold = 0.35"; },
     .read_options =
         [](const Config& section, const NetworkShape& shape) {
           TraCoCoOptions::read(section, shape);
           read_labelled_dice(section, shape.classes);
         },
     .make = [](const MethodContext& context) { return std::make_unique<TraCoCo>(context); }});

}  // namespace
}  // namespace semiseg::tracoco
