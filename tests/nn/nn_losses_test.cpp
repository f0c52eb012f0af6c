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

TEST(CrossEntropy, TakesOneVerdictForEachSample) {
  const at::Tensor logits = at::zeros({3, 2});
  EXPECT_NEAR(cross_entropy(logits, at::tensor({0, 1, 1}, at::kLong), *kSerial).item<double>(),
              std::log(2.0), 1e-6);
}

}  // namespace
}  // namespace semiseg
