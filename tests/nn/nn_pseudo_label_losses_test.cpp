// SPDX-License-Identifier: Apache-2.0
// Losses on pseudo-labels against numbers by hand, and as those of the global batch.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "framework/nn/kernels/amplitude_mix.h"
#include "framework/nn/losses/losses_certain.h"
#include "framework/nn/losses/losses_correction.h"
#include "framework/nn/losses/losses_translation.h"
#include "launch/conformance/thread_communicator.h"
#include "launch/parity/parity_case.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

// Logits [1,2,pixels] of two classes with these probabilities of class 1.
at::Tensor logits_of(const std::vector<double>& foreground) {
  const at::Tensor p = at::tensor(foreground, at::kDouble);
  return at::stack({(1 - p).log(), p.log()}).unsqueeze(0);
}

at::Tensor labels_of(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong).unsqueeze(0);
}

// A pixel outside the box that weighs ½, p = (0.8, 0.2).
TEST(DisputedLosses, AreTheHandComputedNumbers) {
  const at::Tensor z = logits_of({0.2});
  const auto labels = [](int64_t label) {
    return DisputedLabels{.image = labels_of({label}),
                          .patch = labels_of({0}),
                          .image_weight = 0.5,
                          .mask = labels_of({1}),
                          .discrepancy = labels_of({1})};
  };
  EXPECT_NEAR(correct_disputed(z, labels(1), *kSerial).item<double>(), 0.32, 1e-12);
  EXPECT_NEAR(blur_disputed(z, labels(1), *kSerial).item<double>(), 0.45814537, 1e-8);
  EXPECT_NEAR(correct_disputed(z, labels(0), *kSerial).item<double>(), 0.02, 1e-12);
  EXPECT_EQ(blur_disputed(z, labels(0), *kSerial).item<double>(), 0) << "a right pixel";
}

TEST(DisputedLosses, AreZeroWhereStudentsAgree) {
  const DisputedLabels labels{.image = labels_of({1, 1}),
                              .patch = labels_of({0, 0}),
                              .mask = labels_of({1, 0}),
                              .discrepancy = labels_of({0, 0})};
  const at::Tensor z = logits_of({0.2, 0.9}).set_requires_grad(true);
  const at::Tensor sum = correct_disputed(z, labels, *kSerial) + blur_disputed(z, labels, *kSerial);
  sum.backward();
  EXPECT_EQ(sum.item<double>(), 0);
  EXPECT_EQ(z.grad().abs().max().item<double>(), 0);
}

TEST(ThresholdedCross, IsTheHandComputedNumber) {
  const auto pixel = [](const std::vector<double>& z) {
    return at::tensor(z, at::kDouble).view({1, -1, 1});
  };
  const auto cross = [&](const std::vector<double>& z, const std::vector<double>& t,
                         bool bitwise = true) {
    return thresholded_cross(pixel(z), pixel(t), {.bitwise = bitwise}, *kSerial).item<double>();
  };
  EXPECT_NEAR(cross({0.5, -0.5}, {3, 0}), 0.313262, 1e-6);
  EXPECT_NEAR(cross({0.5, -0.5}, {2, 0}), 0.275920, 1e-6) << "only the first part";
  EXPECT_EQ(cross({0.5, -0.5}, {0.3, 0}), 0);
  EXPECT_NEAR(cross({1, 0, 0, -1}, {3, 0, 0, 0}), 0.545106 + 0.022113, 2e-6);
  EXPECT_NEAR(cross({1, 0, 0, -1}, {3, 0, 0, 0}, false), 0.545106 + 0.005554, 2e-6);
}

// Rows are classes, columns the first axis.
TEST(Translation, IsTheHandComputedNumberOverSpaceAndClasses) {
  const at::Tensor a = at::tensor({0.8, -3.0, 0.2, 2.0}, at::kDouble).view({1, 2, 2}),
                   b = at::tensor({0.5, 0.5, 0.3, 0.1}, at::kDouble).view({1, 2, 2});
  EXPECT_NEAR(translation_kl_sum(a, b, 2).item<double>(), 0.050187, 1e-6);
  EXPECT_NEAR(translation_kl_sum(a, b, 1).item<double>(), 0.064456, 1e-6);
  EXPECT_NEAR(negative_entropy_sum(a).item<double>(), -0.616149, 1e-6);
  EXPECT_NEAR(negative_entropy_sum(b).item<double>(), -0.680856, 1e-6);
}

TEST(CertainLosses, AreTheHandComputedNumbers) {
  const at::Tensor z = at::tensor({2.0, 0.0, 0.0, 1.0}, at::kDouble).view({1, 2, 2});
  const at::Tensor label = labels_of({0, 1});
  const auto expect = [&](const std::vector<int64_t>& mask, double dice, double ce) {
    const CertainLoss loss = certain_softmax(z, label, labels_of(mask), false, *kSerial);
    EXPECT_NEAR(loss.dice.item<double>(), dice, 1e-8);
    EXPECT_NEAR(loss.cross_entropy.item<double>(), ce, 1e-8);
  };
  expect({1, 1}, 0.05135248, 0.22009485);
  expect({1, 0}, 0.52341250, 0.06346401);
  expect({0, 0}, 0.02341250, 0);  // the background still counts

  const at::Tensor nested = at::tensor({2.0, -1.0, 0.5, 1.0}, at::kDouble).view({1, 2, 2}),
                   target = at::tensor({1.0, 0.0, 1.0, 1.0}, at::kDouble).view({1, 2, 2});
  const CertainLoss all = certain_nested(nested, target, {}, *kSerial);
  EXPECT_NEAR(all.dice.item<double>(), 0.06318722, 1e-8);
  EXPECT_NEAR(all.cross_entropy.item<double>(), 0.30688209, 1e-8);
}

// 0, 10, …, 150 in the style of a constant 100.
TEST(AmplitudeMix, MovesLowFrequenciesAlone) {
  const at::Tensor image = at::arange(0, 160, 10, at::kDouble).view({1, 1, 4, 4}),
                   style = at::full_like(image, 100), half = at::full({1}, 0.5, at::kDouble);
  EXPECT_TRUE(at::allclose(amplitude_mix(image, style, half, 0.0), image + 12.5, 0, 1e-9));
  const at::Tensor mixed = amplitude_mix(image, style, half, 0.25);
  EXPECT_TRUE(at::allclose(mixed[0][0][0], at::tensor({37.5, 47.5, 47.5, 57.5}, at::kDouble)));
  EXPECT_TRUE(at::allclose(mixed[0][0][3], at::tensor({117.5, 127.5, 127.5, 137.5}, at::kDouble)));
  EXPECT_TRUE(at::allclose(amplitude_mix(image, style, 0 * half, 0.25), image, 0, 1e-9));
}

struct GlobalLoss {
  const char* name;
  std::function<at::Tensor(const at::Tensor& z, int64_t first, const Communicator& comm)> of;
};

at::Tensor share(const char* key, int64_t first, const at::Tensor& z, int64_t high) {
  return generate(key, {4, 6, 5}, 0, static_cast<double>(high), at::kLong)
      .slice(0, first, first + z.size(0));
}

class PseudoLabelLoss : public testing::TestWithParam<GlobalLoss> {};

TEST_P(PseudoLabelLoss, IsThatOfTheGlobalBatch) {
  const auto logits = [](int64_t first, int64_t end) {
    return generate("z", {4, 3, 6, 5}, -2, 2, at::kDouble)
        .slice(0, first, end)
        .clone()
        .set_requires_grad(true);
  };
  const at::Tensor whole = logits(0, 4);
  const at::Tensor expected = GetParam().of(whole, 0, *kSerial);
  expected.backward();
  run_ranks(2, [&](const Communicator& comm) {
    const int64_t first = comm.rank() == 0 ? 0 : 1, end = comm.rank() == 0 ? 1 : 4;
    const at::Tensor z = logits(first, end);
    const at::Tensor loss = GetParam().of(z, first, comm);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-12);
    EXPECT_TRUE(at::allclose(z.grad(), whole.grad().slice(0, first, end), 1e-10, 1e-14));
  });
}

DisputedLabels disputed(const at::Tensor& z, int64_t first) {
  return {.image = share("y", first, z, 3),
          .patch = share("o", first, z, 3),
          .image_weight = 0.5,
          .mask = share("m", first, z, 2),
          .discrepancy = share("d", first, z, 2)};
}

INSTANTIATE_TEST_SUITE_P(
    Each, PseudoLabelLoss,
    testing::Values(GlobalLoss{"correct",
                               [](const at::Tensor& z, int64_t first, const Communicator& comm) {
                                 return correct_disputed(z, disputed(z, first), comm);
                               }},
                    GlobalLoss{"blur",
                               [](const at::Tensor& z, int64_t first, const Communicator& comm) {
                                 return blur_disputed(z, disputed(z, first), comm);
                               }},
                    GlobalLoss{"certain",
                               [](const at::Tensor& z, int64_t first, const Communicator& comm) {
                                 const CertainLoss loss =
                                     certain_softmax(z, share("y", first, z, 3),
                                                     share("m", first, z, 2), false, comm);
                                 return loss.dice + loss.cross_entropy;
                               }},
                    GlobalLoss{"cross",
                               [](const at::Tensor& z, int64_t first, const Communicator& comm) {
                                 const at::Tensor target =
                                     generate("t", {4, 3, 6, 5}, -3, 3, at::kDouble)
                                         .slice(0, first, first + z.size(0));
                                 return thresholded_cross(z, target, {}, comm);
                               }}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace semiseg
