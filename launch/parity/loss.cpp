// SPDX-License-Identifier: Apache-2.0
// Cases of kind `loss`: value or map, and gradients.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <functional>

#include "framework/core/ignore_label.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_certain.h"
#include "framework/nn/losses/losses_compound.h"
#include "framework/nn/losses/losses_consistency.h"
#include "framework/nn/losses/losses_correction.h"
#include "framework/nn/losses/losses_translation.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

// The inputs of the loss of one case: one side's logits and, where the loss has one, the other's.
struct LossCase {
  const ParityCase& parity;
  Comparison& comparison;
  const Communicator& comm;
  at::Tensor logits, target;

  static at::Tensor probabilities(const at::Tensor& z) {
    return z.size(1) == 1 ? z.sigmoid() : z.softmax(1);
  }
  at::Tensor p() const { return probabilities(logits); }
  at::Tensor q() const { return probabilities(target); }
  at::Tensor label() const { return parity.tensor("in.label"); }
  at::Tensor mask() const {
    return parity.has("in.mask") ? parity.tensor("in.mask") : at::Tensor();
  }
  // With what the case's own ignore label marks as pixels that count in nothing.
  at::Tensor counted_label() const {
    const auto ignored = parity.options.value("ignore_label", nlohmann::json());
    if (ignored.is_null()) return label();
    return label().masked_fill(label() == ignored.get<int64_t>(), kIgnoreLabel);
  }
  const nlohmann::json& option(const char* name) const { return parity.options.at(name); }
};

using CaseLoss = std::function<at::Tensor(const LossCase&)>;

using LabelLoss = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const Communicator&);

CaseLoss of_label(LabelLoss loss) {
  return [=](const LossCase& c) { return loss(c.p(), c.label(), c.comm); };
}

CaseLoss of_logits_and_label(LabelLoss loss) {
  return [=](const LossCase& c) { return loss(c.logits, c.label(), c.comm); };
}

CaseLoss of_probabilities(LabelLoss loss) {
  return [=](const LossCase& c) { return loss(c.p(), c.q(), c.comm); };
}

CaseLoss of_mask(MaskedDice loss) {
  return [=](const LossCase& c) { return loss(c.p(), c.label(), c.mask(), c.comm); };
}

// The references' sigmoid of several channels is that of each channel by itself, as a sample.
at::Tensor channels_of(const LossCase& c, const at::Tensor& z) {
  return c.parity.options.value("sigmoid", false) ? z.flatten(0, 1).unsqueeze(1) : z;
}

CaseLoss of_both(at::Tensor (*map)(const at::Tensor&, const at::Tensor&)) {
  return [=](const LossCase& c) {
    return map(channels_of(c, c.logits), channels_of(c, c.target)).view(c.logits.sizes());
  };
}

at::Tensor is_sure_in(const LossCase& c) {
  return c.parity.tensor("in.confidence") >= c.option("threshold").get<double>();
}

at::Tensor confident_dice(const LossCase& c) {
  return dice_sq_confident(c.p(), c.label(), is_sure_in(c), c.comm,
                           c.parity.options.value("smooth", 1e-5));
}

at::Tensor confident_fg_dice(const LossCase& c) {
  return dice_sq_fg_confident(c.p(), c.label(), is_sure_in(c), c.comm,
                              c.parity.options.value("smooth", 1e-5));
}

at::Tensor confident_cross_entropy(const LossCase& c) {
  return cross_entropy(c.logits, c.label(), is_sure_in(c), c.comm);
}

CaseLoss of_disputed(at::Tensor (*loss)(const at::Tensor&, const DisputedLabels&,
                                        const Communicator&)) {
  return [=](const LossCase& c) {
    const bool is_unlabelled = c.option("image_is_unlabelled");
    const double w = c.option("unlabelled_weight");
    return loss(c.logits,
                {.image = c.label(),
                 .patch = c.parity.tensor("in.patch_label"),
                 .image_weight = is_unlabelled ? w : 1,
                 .patch_weight = is_unlabelled ? 1 : w,
                 .mask = c.mask(),
                 .discrepancy = c.parity.tensor("in.discrepancy")},
                c.comm);
  };
}

at::Tensor certain(const LossCase& c) {
  at::Tensor mask;
  if (c.parity.has("in.certain_mask")) mask = c.parity.tensor("in.certain_mask");
  const bool is_nested = c.option("head") == "nested_sigmoid";
  const CertainLoss loss =
      is_nested
          ? certain_nested(c.logits, nested_target(c.label(), c.logits.scalar_type()), mask, c.comm)
          : certain_softmax(c.logits, c.label(), mask.defined() ? mask.squeeze(1) : mask,
                            /*mask_background=*/false, c.comm);
  c.comparison.compare("out.dice", loss.dice);
  c.comparison.compare("out.cross_entropy", loss.cross_entropy);
  return loss.dice + loss.cross_entropy;
}

// Masked voxels get logits and label 0, and stay.
at::Tensor balanced(const LossCase& c) {
  const at::Tensor mask = c.parity.tensor("in.balance_mask");
  const at::Tensor label = c.label() * mask.squeeze(1).to(c.label().scalar_type());
  return dc_and_ce(c.logits * mask.to(c.logits.scalar_type()), label, {}, c.comm) + 1;
}

at::Tensor translated_cross(const LossCase& c) {
  const CrossThresholds thresholds{
      .positive = c.option("threshold"),
      .negative = c.option("negative_threshold"),
      .bitwise = c.parity.options.value("negative_one_hot", "") == "bitwise_not"};
  return thresholded_cross(c.logits, c.target, thresholds, c.comm);
}

at::Tensor translation(const LossCase& c) {
  return translation_kl_sum(c.logits, c.target, /*axis=*/2);
}

at::Tensor negative_entropy(const LossCase& c) {
  return negative_entropy_sum(c.logits) / static_cast<double>(c.logits.size(0));
}

CaseLoss mix(MaskedDice dice) {
  return [=](const LossCase& c) {
    const bool swapped = c.option("image_is_unlabelled");
    const double labelled = c.option("label_weight"), unlabelled = c.option("unlabelled_weight");
    const MixLoss loss =
        bcp_mix(c.logits, {c.label(), swapped ? unlabelled : labelled, {}},
                {c.parity.tensor("in.patch_label"), swapped ? labelled : unlabelled, {}}, c.mask(),
                dice, c.comm);
    if (c.parity.has("out.dice")) c.comparison.compare("out.dice", loss.dice);
    if (c.parity.has("out.cross_entropy"))
      c.comparison.compare("out.cross_entropy", loss.cross_entropy);
    return (loss.dice + loss.cross_entropy) / 2;
  };
}

// Numbers of a list, or undefined where the case has none.
at::Tensor weights(const LossCase& c, const char* name) {
  if (!c.parity.options.contains(name)) return {};
  return at::tensor(c.option(name).get<std::vector<double>>(), at::kDouble);
}

at::Tensor weighted_dice(const LossCase& c) {
  return dice_sq_weighted(c.p(), c.label(), weights(c, "weight"), c.comm);
}

// If no pixel has a weight, the reference's cross entropy is 0/0; ours is 0.
at::Tensor compound(const LossCase& c) {
  const at::Tensor weight = weights(c, "weight");
  const at::Tensor loss = dc_and_ce(c.logits, c.label(), weight, c.comm);
  const bool counts =
      !weight.defined() || weight.take(c.label().to(at::kLong)).sum().item<double>() > 0;
  return counts ? loss : loss + NAN * c.logits.sum();
}

at::Tensor nnunet(const LossCase& c) {
  const NnunetDice dice{.batch = c.option("batch_dice"),
                        .background = c.parity.options.value("do_bg", false)};
  return nnunet_dc_ce(c.logits, c.counted_label(), dice, c.comm);
}

// The reference's one number α is [α, 1 - α].
at::Tensor focal(const LossCase& c) {
  at::Tensor weight;
  if (c.parity.options.contains("alpha") && c.option("alpha").is_number()) {
    const double alpha = c.option("alpha");
    weight = at::tensor({alpha, 1 - alpha}, at::kDouble);
  } else {
    weight = weights(c, "alpha");
  }
  const bool is_mean = c.parity.options.value("size_average", true);
  return focal_loss(c.logits, c.label(), weight, c.option("gamma"), c.comm,
                    is_mean ? Reduction::kMean : Reduction::kSum);
}

double log_classes(const LossCase& c) {
  return std::log(c.parity.options.value("base_classes", std::exp(1.0)));
}

at::Tensor entropy_of(const LossCase& c) { return entropy(c.p(), c.comm) / log_classes(c); }

at::Tensor entropy_map_of(const LossCase& c) { return entropy_map(c.p()) / log_classes(c); }

at::Tensor logits_kl(const LossCase& c) {
  return softmax_kl(channels_of(c, c.logits), channels_of(c, c.target), c.comm);
}

at::Tensor rdrop(const LossCase& c) { return rdrop_kl(c.logits, c.target, /*axis=*/-1, c.comm); }

const std::map<std::string, CaseLoss> kLosses = {
    {"bcp_mix_2d", mix(dice_masked_2d)},
    {"bcp_mix_3d", mix(dice_masked_3d)},
    {"cross_entropy", of_logits_and_label(cross_entropy)},
    {"cross_entropy_confident", confident_cross_entropy},
    {"dc_and_ce", compound},
    {"dice_half", of_label(dice_half)},
    {"dice_lin_both", of_probabilities(dice_lin_both)},
    {"dice_lin_fg", of_label(dice_lin_fg)},
    {"dice_magicnet", of_mask(dice_masked_2d)},
    {"dice_masked_2d", of_mask(dice_masked_2d)},
    {"dice_masked_3d", of_mask(dice_masked_3d)},
    {"dice_soft_target", of_probabilities(dice_soft_target)},
    {"dice_sq", of_label(dice_sq)},
    {"dice_sq_confident", confident_dice},
    {"dice_sq_fg", of_label(dice_sq_fg)},
    {"dice_sq_fg_confident", confident_fg_dice},
    {"dice_sq_weighted", weighted_dice},
    {"dice_ssnet_2d", of_mask(dice_masked_2d)},
    {"entropy", entropy_of},
    {"entropy_map", entropy_map_of},
    {"entropy_unnormalised", entropy_of},
    {"focal", focal},
    {"kl_probabilities", of_probabilities(kl_probabilities)},
    {"mean_teacher_mse", of_probabilities(mean_teacher_mse)},
    {"midss_masked", certain},
    {"midss_supervised", certain},
    {"negative_entropy", negative_entropy},
    {"nnunet_dc_ce", nnunet},
    {"rdrop_kl", rdrop},
    {"sdcl_correct", of_disputed(correct_disputed)},
    {"sdcl_entropy", of_disputed(blur_disputed)},
    {"skcdf_balanced", balanced},
    {"soft_cross_entropy", of_probabilities(soft_cross_entropy)},
    {"softmax_dice", of_probabilities(softmax_dice)},
    {"softmax_kl", logits_kl},
    {"softmax_kl_map", of_both(softmax_kl_map)},
    {"softmax_mse", of_both(softmax_mse)},
    {"supervised", of_logits_and_label(supervised_loss)},
    {"symmetric_mse", of_probabilities(symmetric_mse)},
    {"tracoco_cbc", translated_cross},
    {"tracoco_crc", translated_cross},
    {"translation_kl", translation},
    {"uncertainty_map", entropy_map_of}};

// Where a reference divides nothing by nothing, 0 stands for its NaN.
void compare_value(const ParityCase& parity, at::Tensor value, Comparison& comparison) {
  if (parity.options.value("nonfinite", false) && value.item<double>() == 0)
    value = at::full_like(value, NAN);
  comparison.compare("out.loss", value);
}

void compare_gradient(const ParityCase& parity, const at::Tensor& logits, Comparison& comparison) {
  if (parity.has("grad.logits")) return comparison.compare("grad.logits", logits.grad());
  comparison.require(!logits.grad().defined() || logits.grad().eq(0).all().item<bool>(),
                     "a gradient where the reference has none");
}

}  // namespace

void run_loss(const ParityCase& parity, Comparison& comparison) {
  const CaseLoss& loss = known(kLosses, "loss", parity.name);
  const auto comm = make_serial_communicator();
  LossCase c{
      parity, comparison, *comm, parity.tensor("in.logits").clone().set_requires_grad(true), {}};
  if (parity.has("in.target_logits")) {
    const bool has_gradient = parity.has("grad.target_logits");
    c.target = parity.tensor("in.target_logits").clone().set_requires_grad(has_gradient);
  }
  const at::Tensor value = loss(c);
  comparison.require(value.scalar_type() == c.logits.scalar_type(),
                     "the loss has another type than the logits");
  const bool is_map = parity.has("out.map");
  is_map ? value.backward(parity.tensor("in.cotangent.map")) : value.backward();
  is_map ? comparison.compare("out.map", value) : compare_value(parity, value, comparison);
  compare_gradient(parity, c.logits, comparison);
  if (parity.has("grad.target_logits")) comparison.compare("grad.target_logits", c.target.grad());
}

}  // namespace semiseg
