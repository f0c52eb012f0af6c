// SPDX-License-Identifier: Apache-2.0
// Every loss against the references' values and gradients, and some against numbers by hand.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "framework/nn/losses.h"
#include "framework/nn/losses_compound.h"
#include "framework/nn/losses_consistency.h"
#include "framework/nn/losses_copy_paste.h"
#include "framework/nn/losses_entropy.h"
#include "framework/nn/losses_soft_dice.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

at::Tensor probabilities(const at::Tensor& logits) {
  return logits.size(1) == 1 ? logits.sigmoid() : logits.softmax(1);
}

// Sets one side's logits and, where the loss has one, the other's.
struct Sides {
  at::Tensor logits, target;
  at::Tensor p() const { return probabilities(logits); }
  at::Tensor q() const { return probabilities(target); }
};

using CaseLoss = std::function<at::Tensor(const ParityCase&, const Sides&)>;

CaseLoss of_label(at::Tensor (*loss)(const at::Tensor&, const at::Tensor&, const Communicator&),
                  bool takes_logits = false) {
  return [=](const ParityCase& c, const Sides& sides) {
    return loss(takes_logits ? sides.logits : sides.p(), c.tensor("in.label"), *kSerial);
  };
}

CaseLoss of_probabilities(at::Tensor (*loss)(const at::Tensor&, const at::Tensor&,
                                             const Communicator&)) {
  return
      [=](const ParityCase&, const Sides& sides) { return loss(sides.p(), sides.q(), *kSerial); };
}

CaseLoss of_mask(MaskedDice loss) {
  return [=](const ParityCase& c, const Sides& sides) {
    const at::Tensor mask = c.has("in.mask") ? c.tensor("in.mask") : at::Tensor();
    return loss(sides.p(), c.tensor("in.label"), mask, *kSerial);
  };
}

at::Tensor confident_dice(const ParityCase& c, const Sides& sides) {
  const at::Tensor is_sure = c.tensor("in.confidence") >= c.options["threshold"].get<double>();
  return dice_sq_confident(sides.p(), c.tensor("in.label"), is_sure, *kSerial);
}

CaseLoss mix(MaskedDice dice) {
  return [=](const ParityCase& c, const Sides& sides) {
    const bool swapped = c.options["image_is_unlabelled"];
    const double labelled = c.options["label_weight"], unlabelled = c.options["unlabelled_weight"];
    const MixLoss loss =
        bcp_mix(sides.logits, {c.tensor("in.label"), swapped ? unlabelled : labelled, {}},
                {c.tensor("in.patch_label"), swapped ? labelled : unlabelled, {}},
                c.tensor("in.mask"), dice, *kSerial);
    if (c.has("out.dice")) {
      EXPECT_TRUE(compare(c, "out.dice", loss.dice)) << c.file;
      EXPECT_TRUE(compare(c, "out.cross_entropy", loss.cross_entropy)) << c.file;
    }
    return (loss.dice + loss.cross_entropy) / 2;
  };
}

at::Tensor class_weights(const ParityCase& c) {
  if (!c.options.contains("weight")) return {};
  return at::tensor(c.options["weight"].get<std::vector<double>>(), at::kDouble);
}

at::Tensor weighted_dice(const ParityCase& c, const Sides& sides) {
  return dice_sq_weighted(sides.p(), c.tensor("in.label"), class_weights(c), *kSerial);
}

at::Tensor compound(const ParityCase& c, const Sides& sides) {
  return dc_and_ce(sides.logits, c.tensor("in.label"), class_weights(c), *kSerial);
}

at::Tensor nnunet(const ParityCase& c, const Sides& sides) {
  return nnunet_dc_ce(sides.logits, c.tensor("in.label"), c.options["batch_dice"], *kSerial);
}

// The reference's one number α is [α, 1 - α].
at::Tensor focal(const ParityCase& c, const Sides& sides) {
  at::Tensor weight;
  if (c.options.contains("alpha")) {
    const double alpha = c.options["alpha"];
    weight = at::tensor({alpha, 1 - alpha}, at::kDouble);
  }
  return focal_loss(sides.logits, c.tensor("in.label"), weight, c.options["gamma"], *kSerial);
}

double log_classes(const ParityCase& c) {
  return std::log(c.options.value("base_classes", std::exp(1.0)));
}

at::Tensor entropy_of(const ParityCase& c, const Sides& sides) {
  return entropy(sides.p(), *kSerial) / log_classes(c);
}

at::Tensor entropy_map_of(const ParityCase& c, const Sides& sides) {
  return entropy_map(sides.p()) / log_classes(c);
}

at::Tensor logits_kl(const ParityCase&, const Sides& sides) {
  return softmax_kl(sides.logits, sides.target, *kSerial);
}

at::Tensor rdrop(const ParityCase&, const Sides& sides) {
  return rdrop_kl(sides.logits, sides.target, /*axis=*/-1, *kSerial);
}

CaseLoss of_both(at::Tensor (*map)(const at::Tensor&, const at::Tensor&)) {
  return [=](const ParityCase&, const Sides& sides) { return map(sides.logits, sides.target); };
}

struct Reference {
  std::string name;
  size_t cases;
  CaseLoss loss;  // or map
};

class LossReference : public testing::TestWithParam<Reference> {};

TEST_P(LossReference, HasItsValueAndGradients) {
  const auto cases = load_cases("loss", GetParam().name + "-");
  EXPECT_EQ(cases.size(), GetParam().cases);
  for (const auto& c : cases) {
    Sides sides{c.tensor("in.logits").clone().set_requires_grad(true), {}};
    if (c.has("in.target_logits"))
      sides.target =
          c.tensor("in.target_logits").clone().set_requires_grad(c.has("grad.target_logits"));
    const at::Tensor value = GetParam().loss(c, sides);
    EXPECT_EQ(value.scalar_type(), sides.logits.scalar_type());
    const bool is_map = c.has("out.map");
    is_map ? value.backward(c.tensor("in.cotangent.map")) : value.backward();
    EXPECT_TRUE(compare(c, is_map ? "out.map" : "out.loss", value)) << c.file;
    EXPECT_TRUE(compare(c, "grad.logits", sides.logits.grad())) << c.file;
    if (c.has("grad.target_logits")) {
      EXPECT_TRUE(compare(c, "grad.target_logits", sides.target.grad())) << c.file;
    }
  }
}

const std::vector<Reference> kReferences = {
    {"bcp_mix_2d", 4, mix(dice_masked_2d)},
    {"bcp_mix_3d", 4, mix(dice_masked_3d)},
    {"cross_entropy", 3, of_label(cross_entropy, /*takes_logits=*/true)},
    {"dc_and_ce", 3, compound},
    {"dice_half", 5, of_label(dice_half)},
    {"dice_lin_both", 2, of_probabilities(dice_lin_both)},
    {"dice_lin_fg", 4, of_label(dice_lin_fg)},
    {"dice_magicnet", 5, of_mask(dice_masked_2d)},
    {"dice_masked_2d", 3, of_mask(dice_masked_2d)},
    {"dice_masked_3d", 4, of_mask(dice_masked_3d)},
    {"dice_soft_target", 2, of_probabilities(dice_soft_target)},
    {"dice_sq", 5, of_label(dice_sq)},
    {"dice_sq_confident", 2, confident_dice},
    {"dice_sq_fg", 5, of_label(dice_sq_fg)},
    {"dice_sq_weighted", 1, weighted_dice},
    {"dice_ssnet_2d", 5, of_mask(dice_masked_2d)},
    {"entropy", 4, entropy_of},
    {"entropy_map", 4, entropy_map_of},
    {"entropy_unnormalised", 3, entropy_of},
    {"focal", 2, focal},
    {"kl_probabilities", 3, of_probabilities(kl_probabilities)},
    {"mean_teacher_mse", 2, of_probabilities(mean_teacher_mse)},
    {"nnunet_dc_ce", 6, nnunet},
    {"rdrop_kl", 3, rdrop},
    {"soft_cross_entropy", 2, of_probabilities(soft_cross_entropy)},
    {"softmax_dice", 3, of_probabilities(softmax_dice)},
    {"softmax_kl", 4, logits_kl},
    {"softmax_kl_map", 2, of_both(softmax_kl_map)},
    {"softmax_mse", 4, of_both(softmax_mse)},
    {"supervised", 5, of_label(supervised_loss, /*takes_logits=*/true)},
    {"symmetric_mse", 3, of_probabilities(symmetric_mse)},
    {"uncertainty_map", 3, entropy_map_of}};

INSTANTIATE_TEST_SUITE_P(Losses, LossReference, testing::ValuesIn(kReferences),
                         [](const auto& param) { return param.param.name; });

TEST(LossReferences, AreAllThatThereAre) {
  size_t cases = 0;
  for (const auto& reference : kReferences) cases += reference.cases;
  EXPECT_EQ(load_cases("loss", "").size(), cases);
}

// p = (0.8, 0.4) for class 1 of two pixels, label (1, 0):
//   class 0: 1 - (2·0.6 + ε) / (0.2² + 0.6² + 1 + ε), class 1: 1 - (2·0.8 + ε) / (0.8² + 0.4² + 1 +
//   ε)
TEST(DiceSq, IsTheHandComputedNumber) {
  const at::Tensor p = at::tensor({0.2, 0.6, 0.8, 0.4}, at::kDouble).view({1, 2, 2});
  const at::Tensor label = at::tensor({1, 0}, at::kLong).view({1, 2});
  const double expected = 1 - ((1.2 + 1e-5) / (1.4 + 1e-5) + (1.6 + 1e-5) / (1.8 + 1e-5)) / 2;
  EXPECT_NEAR(dice_sq(p, label, *kSerial).item<double>(), expected, 1e-14);
}

// Two samples of two pixels. Sample 0: p = (1, 0) and label (1, 0), a ratio of 1 in both classes.
// Sample 1: p = (½, ½), label (1, 1): class 1 has 2/3, class 0 has 0.
TEST(DiceMasked3d, IsTheMeanOverSamplesAndClasses) {
  const at::Tensor foreground = at::tensor({1.0, 0.0, 0.5, 0.5}, at::kDouble).view({2, 1, 2});
  const at::Tensor p = at::cat({1 - foreground, foreground}, 1);
  const at::Tensor label = at::tensor({1, 0, 1, 1}, at::kLong).view({2, 2});
  EXPECT_NEAR(dice_masked_3d(p, label, {}, *kSerial).item<double>(), 1 - (1 + 1 + 0 + 2.0 / 3) / 4,
              1e-5);
  const at::Tensor mask = at::tensor({1, 1, 0, 0}, at::kLong).view({2, 2});
  EXPECT_NEAR(dice_masked_3d(p, label, mask, *kSerial).item<double>(), 0, 1e-5)
      << "a sample without pixels is a perfect one";
}

TEST(CrossEntropy, WithAMaskIsTheMeanOverTheMask) {
  const at::Tensor logits = at::tensor({0.0, 0.0, std::log(3.0), 5.0}, at::kDouble).view({1, 2, 2});
  const at::Tensor label = at::tensor({0, 1}, at::kByte).view({1, 2});
  const at::Tensor mask = at::tensor({1, 0}, at::kLong).view({1, 2});
  EXPECT_NEAR(cross_entropy(logits, label, mask, *kSerial).item<double>(), std::log(4.0), 1e-14);
  EXPECT_EQ(cross_entropy(logits, label, at::zeros_like(mask), *kSerial).item<double>(), 0);
}

TEST(CrossEntropy, TakesOneVerdictForEachSample) {
  const at::Tensor logits = at::zeros({3, 2});
  EXPECT_NEAR(cross_entropy(logits, at::tensor({0, 1, 1}, at::kLong), *kSerial).item<double>(),
              std::log(2.0), 1e-6);
}

}  // namespace
}  // namespace semiseg
