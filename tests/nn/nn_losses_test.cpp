// SPDX-License-Identifier: Apache-2.0
// Losses against numbers by hand; against the references' in parity_cases_test.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

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

// Three pixels, the last without a class, whatever it predicts. The others: p_y = 1/4 and 1/2.
//   CE = (ln 4 + ln 2) / 2;  sums of class 0: pg ¼, p² 1/16 + 1/4, g 1; of class 1: ½, 9/16 + 1/4, 1
TEST(IgnoredPixels, CountInNoLoss) {
  const at::Tensor label = at::tensor({0, 1, 255}, at::kLong).view({1, 3});
  for (const double other : {0.0, 40.0, -40.0}) {
    const at::Tensor logits =
        at::tensor({0.0, 0.0, 0.0, std::log(3.0), 0.0, other}, at::kDouble).view({1, 2, 3});
    const at::Tensor p = logits.softmax(1);
    EXPECT_NEAR(cross_entropy(logits, label, *kSerial).item<double>(), std::log(8.0) / 2, 1e-12);
    const double dice = 1 - ((0.5 + 1e-5) / (1.3125 + 1e-5) + (1 + 1e-5) / (1.8125 + 1e-5)) / 2;
    EXPECT_NEAR(dice_sq(p, label, *kSerial).item<double>(), dice, 1e-12);
    EXPECT_NEAR(supervised_loss(logits, label, *kSerial).item<double>(),
                (std::log(8.0) / 2 + dice) / 2, 1e-12);
    const double linear = 1 - (1 + 1e-8) / (2.25 + 1e-8);  // Σp ¾ + ½, Σg 1
    EXPECT_NEAR(dice_lin_fg(p, label, *kSerial).item<double>(), linear, 1e-12);
    EXPECT_NEAR(dice_masked_3d(p, label, {}, *kSerial).item<double>(),
                1 - ((0.5 + 1e-5) / (1.75 + 1e-5) + (1 + 1e-5) / (2.25 + 1e-5)) / 2, 1e-12);
    EXPECT_NEAR(focal_loss(logits, label, {}, 1, *kSerial).item<double>(),
                (0.75 * std::log(4.0) + 0.5 * std::log(2.0)) / 2, 1e-12);
  }
  const at::Tensor none = at::full({1, 3}, 255, at::kLong), logits = at::zeros({1, 2, 3});
  EXPECT_EQ(supervised_loss(logits, none, *kSerial).item<double>(), 0);
}

TEST(CrossEntropy, TakesOneVerdictForEachSample) {
  const at::Tensor logits = at::zeros({3, 2});
  EXPECT_NEAR(cross_entropy(logits, at::tensor({0, 1, 1}, at::kLong), *kSerial).item<double>(),
              std::log(2.0), 1e-6);
}

}  // namespace
}  // namespace semiseg
