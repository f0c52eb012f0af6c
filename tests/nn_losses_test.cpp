// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "framework/nn/class_sums.h"
#include "framework/nn/losses.h"
#include "framework/nn/losses_copy_paste.h"
#include "tests/parity.h"
#include "tests/thread_communicator.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

at::Tensor probabilities(const at::Tensor& logits) {
  return logits.size(1) == 1 ? logits.sigmoid() : logits.softmax(1);
}

using DiceLoss = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const Communicator&);

std::function<at::Tensor(const ParityCase&, const at::Tensor&)> of_probabilities(DiceLoss loss) {
  return [loss](const ParityCase& c, const at::Tensor& logits) {
    return loss(probabilities(logits), c.tensor("in.label"), *kSerial);
  };
}

at::Tensor masked_dice(const ParityCase& c, const at::Tensor& logits) {
  return dice_masked_2d(logits.softmax(1), c.tensor("in.label"), c.tensor("in.mask"), *kSerial);
}

at::Tensor mean_squares(const ParityCase& c, const at::Tensor& logits) {
  return mean_teacher_mse(logits.softmax(1), c.tensor("in.target_logits").softmax(1), *kSerial);
}

at::Tensor mix(const ParityCase& c, const at::Tensor& logits) {
  const bool swapped = c.options["image_is_unlabelled"];
  const double labelled = c.options["label_weight"], unlabelled = c.options["unlabelled_weight"];
  const MixLoss loss =
      bcp_mix_2d(logits, {c.tensor("in.label"), swapped ? unlabelled : labelled, {}},
                 {c.tensor("in.patch_label"), swapped ? labelled : unlabelled, {}},
                 c.tensor("in.mask"), *kSerial);
  EXPECT_TRUE(compare(c, "out.dice", loss.dice)) << c.file;
  EXPECT_TRUE(compare(c, "out.cross_entropy", loss.cross_entropy)) << c.file;
  return (loss.dice + loss.cross_entropy) / 2;
}

at::Tensor plain_cross_entropy_of(const ParityCase& c, const at::Tensor& logits) {
  return cross_entropy(logits, c.tensor("in.label"), *kSerial);
}

at::Tensor supervised_of(const ParityCase& c, const at::Tensor& logits) {
  return supervised_loss(logits, c.tensor("in.label"), *kSerial);
}

struct Reference {
  std::string name;
  size_t cases;
  std::function<at::Tensor(const ParityCase&, const at::Tensor&)> loss;
};

class LossReference : public testing::TestWithParam<Reference> {};

TEST_P(LossReference, HasItsValueAndGradient) {
  const auto cases = load_cases("loss", GetParam().name + "-");
  EXPECT_EQ(cases.size(), GetParam().cases);
  for (const auto& c : cases) {
    const at::Tensor logits = c.tensor("in.logits").clone().set_requires_grad(true);
    const at::Tensor loss = GetParam().loss(c, logits);
    EXPECT_EQ(loss.scalar_type(), logits.scalar_type());
    loss.backward();
    EXPECT_TRUE(compare(c, "out.loss", loss)) << c.file;
    EXPECT_TRUE(compare(c, "grad.logits", logits.grad())) << c.file;
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, LossReference,
                         testing::Values(Reference{"cross_entropy", 3, plain_cross_entropy_of},
                                         Reference{"supervised", 5, supervised_of},
                                         Reference{"dice_sq", 5, of_probabilities(dice_sq)},
                                         Reference{"dice_sq_fg", 5, of_probabilities(dice_sq_fg)},
                                         Reference{"dice_lin_fg", 4, of_probabilities(dice_lin_fg)},
                                         Reference{"dice_half", 5, of_probabilities(dice_half)},
                                         Reference{"dice_masked_2d", 3, masked_dice},
                                         Reference{"bcp_mix_2d", 4, mix},
                                         Reference{"mean_teacher_mse", 2, mean_squares}),
                         [](const auto& param) { return param.param.name; });

TEST(SoftmaxMse, IsTheReferencesMapWithGradientsToBothSides) {
  for (const auto& c : load_cases("loss", "softmax_mse-")) {
    const at::Tensor logits = c.tensor("in.logits").clone().set_requires_grad(true);
    const at::Tensor target = c.tensor("in.target_logits").clone().set_requires_grad(true);
    const at::Tensor map = softmax_mse(logits, target);
    map.backward(c.tensor("in.cotangent.map"));
    EXPECT_TRUE(compare(c, "out.map", map)) << c.file;
    EXPECT_TRUE(compare(c, "grad.logits", logits.grad())) << c.file;
    EXPECT_TRUE(compare(c, "grad.target_logits", target.grad())) << c.file;
  }
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

class ClassSums : public testing::TestWithParam<std::tuple<int64_t, bool>> {};

TEST_P(ClassSums, KernelEqualsItsTwinInValueAndGradient) {
  const auto [power, is_masked] = GetParam();
  const at::Tensor logits =
      generate("p", {2, 3, 70, 90}, -3, 3, at::kDouble);  // more than one block
  const at::Tensor label =
      generate("y", {2, 70, 90}, 0, 4, at::kLong);  // 3 belongs to no channel, nor does 0
  const at::Tensor mask = is_masked ? generate("m", {2, 70, 90}, 0, 2, at::kLong) : at::Tensor();
  const at::Tensor cotangent = generate("g", {3, 3}, -1, 1, at::kDouble);
  std::vector<at::Tensor> values, gradients;
  for (const auto& sums : {class_sums, class_sums_composed}) {
    const at::Tensor p = logits.softmax(1).set_requires_grad(true);
    values.push_back(sums(p, label, mask, power, /*first_class=*/1));
    values.back().backward(cotangent);
    gradients.push_back(p.grad());
  }
  EXPECT_TRUE(at::allclose(values[0], values[1], 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(gradients[0], gradients[1], 1e-12, 1e-14));
}
INSTANTIATE_TEST_SUITE_P(Powers, ClassSums,
                         testing::Combine(testing::Values(1, 2), testing::Bool()));

TEST(ClassSumsKernel, TakesChannelsLastProbabilities) {
  const at::Tensor p = generate("p", {2, 3, 8, 9}, 0, 1, at::kFloat);
  const at::Tensor label = generate("y", {2, 8, 9}, 0, 3, at::kLong);
  EXPECT_TRUE(at::equal(class_sums(p.contiguous(at::MemoryFormat::ChannelsLast), label, {}, 2),
                        class_sums(p, label, {}, 2)));
}

// Value and gradient of every loss when three ranks hold 1, 0 and 3 of the four samples.
using RankLoss = std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& label,
                                          const Communicator&)>;

class SharedLoss : public testing::TestWithParam<std::pair<const char*, RankLoss>> {};

TEST_P(SharedLoss, IsTheLossOfTheGlobalBatch) {
  const RankLoss& loss = GetParam().second;
  const at::Tensor logits = generate("z", {4, 3, 5, 7}, -3, 3, at::kDouble);
  const at::Tensor label = generate("y", {4, 5, 7}, 0, 3, at::kLong);
  const at::Tensor whole_logits = logits.clone().set_requires_grad(true);
  const at::Tensor whole = loss(whole_logits, label, *kSerial);
  whole.backward();
  const std::vector<int64_t> shares = {1, 0, 3};
  const auto parts = logits.split_with_sizes(shares), labels = label.split_with_sizes(shares);
  std::vector<at::Tensor> values(3), gradients(3);
  run_ranks(3, [&](const Communicator& comm) {
    const auto rank = static_cast<size_t>(comm.rank());
    const at::Tensor z = parts[rank].clone().set_requires_grad(true);
    const at::Tensor value = loss(z, labels[rank], comm);
    value.backward();
    values[rank] = value.detach();
    gradients[rank] = z.grad();
  });
  for (const auto& value : values) EXPECT_NEAR(value.item<double>(), whole.item<double>(), 1e-13);
  EXPECT_TRUE(at::allclose(at::cat(gradients), whole_logits.grad(), 1e-12, 1e-15));
}

INSTANTIATE_TEST_SUITE_P(Losses, SharedLoss,
                         testing::Values(std::pair<const char*, RankLoss>{"supervised",
                                                                          supervised_loss},
                                         std::pair<const char*, RankLoss>{
                                             "masked",
                                             [](const auto& z, const auto& y, const auto& comm) {
                                               const at::Tensor mask = y != 1;
                                               return cross_entropy(z, y, mask, comm) +
                                                      dice_masked_2d(z.softmax(1), y, mask, comm);
                                             }},
                                         std::pair<const char*, RankLoss>{
                                             "mean_teacher_mse",
                                             [](const auto& z, const auto& y, const auto& comm) {
                                               const at::Tensor q =
                                                   y.unsqueeze(1).expand_as(z).to(z.dtype()) / 3.0;
                                               return mean_teacher_mse(z.softmax(1), q, comm);
                                             }}),
                         [](const auto& param) { return std::string(param.param.first); });

TEST(EmptyShare, OfASerialRunCostsNothing) {
  const at::Tensor logits = at::zeros({0, 3, 4, 4}), label = at::zeros({0, 4, 4}, at::kLong);
  EXPECT_EQ(cross_entropy(logits, label, *kSerial).item<double>(), 0);
  EXPECT_EQ(mean_teacher_mse(logits, logits, *kSerial).item<double>(), 0);
}

}  // namespace
}  // namespace semiseg
