// SPDX-License-Identifier: Apache-2.0
// Losses are those of the global batch, whichever rank holds its samples; the sums that they are
// made of.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <functional>

#include "framework/nn/losses/class_sums.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"
#include "framework/nn/losses/losses_consistency.h"
#include "launch/conformance/thread_communicator.h"
#include "launch/parity/parity_case.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

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

TEST(ClassSumsOfSamples, AreThoseOfEachSampleAlone) {
  const at::Tensor p = generate("p", {3, 2, 4, 5, 6}, 0, 1, at::kDouble);
  const at::Tensor label = generate("y", {3, 4, 5, 6}, 0, 2, at::kLong);
  const at::Tensor mask = generate("m", {3, 4, 5, 6}, 0, 2, at::kLong);
  const at::Tensor sums = class_sums_of_samples(p, label, mask, 1);
  EXPECT_EQ(sums.sizes(), (at::IntArrayRef{3, 3, 2}));
  for (int64_t n = 0; n < 3; ++n) {
    EXPECT_TRUE(at::equal(
        sums[n], class_sums(p.narrow(0, n, 1), label.narrow(0, n, 1), mask.narrow(0, n, 1), 1)));
  }
  EXPECT_TRUE(at::allclose(sums.sum(0), class_sums(p, label, mask, 1), 1e-13, 1e-13));
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

// A map that depends on the label alone.
at::Tensor other_map(const at::Tensor& z, const at::Tensor& y) {
  return (y.unsqueeze(1).expand_as(z).to(z.dtype()) + 0.5) / 3.0;
}

const std::vector<std::pair<const char*, RankLoss>> kRankLosses = {
    {"supervised", supervised_loss},
    {"masked",
     [](const auto& z, const auto& y, const auto& comm) {
       const at::Tensor mask = y != 1, p = z.softmax(1);
       return cross_entropy(z, y, mask, comm) + dice_masked_2d(p, y, mask, comm) +
              dice_masked_3d(p, y, mask, comm);
     }},
    {"weighted",
     [](const auto& z, const auto& y, const auto& comm) {
       const at::Tensor w = at::tensor({0.5, 1.0, 3.0}, at::kDouble);
       return dice_sq_weighted(z.softmax(1), y, w, comm) + focal_loss(z, y, w, 2, comm) +
              dc_and_ce(z, y, w, comm);
     }},
    {"nnunet",
     [](const auto& z, const auto& y, const auto& comm) {
       return nnunet_dc_ce(z, y, {.batch = true}, comm) + nnunet_dc_ce(z, y, {}, comm);
     }},
    {"consistency",
     [](const auto& z, const auto& y, const auto& comm) {
       const at::Tensor p = z.softmax(1), q = other_map(z, y);
       return mean_teacher_mse(p, q, comm) + softmax_kl(z, q, comm) + kl_probabilities(p, q, comm) +
              soft_cross_entropy(p, q, comm) + rdrop_kl(z, q, /*axis=*/1, comm);
     }},
    {"soft_dice",
     [](const auto& z, const auto& y, const auto& comm) {
       const at::Tensor p = z.softmax(1), q = other_map(z, y);
       return softmax_dice(p, q, comm) + dice_soft_target(p, q, comm) + dice_lin_both(p, q, comm);
     }},
    {"entropy",
     [](const auto& z, const auto&, const auto& comm) { return entropy(z.softmax(1), comm); }}};

INSTANTIATE_TEST_SUITE_P(Losses, SharedLoss, testing::ValuesIn(kRankLosses),
                         [](const auto& param) { return std::string(param.param.first); });

TEST(EmptyShare, OfASerialRunCostsNothing) {
  const at::Tensor logits = at::zeros({0, 3, 4, 4}), label = at::zeros({0, 4, 4}, at::kLong);
  EXPECT_EQ(cross_entropy(logits, label, *kSerial).item<double>(), 0);
  EXPECT_EQ(mean_teacher_mse(logits, logits, *kSerial).item<double>(), 0);
}

}  // namespace
}  // namespace semiseg
