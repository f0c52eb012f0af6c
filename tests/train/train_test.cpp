// SPDX-License-Identifier: Apache-2.0
// Tests what a step does with a loss, and which protocols are refused.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/train/protocol.h"
#include "framework/train/training_step.h"
#include "launch/conformance/thread_communicator.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

using Records = std::vector<std::pair<std::string, TrainingStep::Value>>;

NamedTensor parameter(const std::string& name, double value) {
  at::Tensor tensor = at::full({2}, value, at::kDouble);
  tensor.set_requires_grad(true);
  return {name, tensor};
}

const OptimiserOptions kPlain{
    .learning_rate = 0.5, .momentum = 0, .weight_decay = 0, .schedule = "constant"};

class TrainingStepTest : public testing::Test {
 protected:
  std::unique_ptr<Communicator> comm_ = make_serial_communicator();
  Draws draws_{0};
  GradientReduction reduction_{*comm_, {}};
  Records records_;
  GradientScaler scaler_{false};
  TrainingStep step_{*comm_, draws_, reduction_, scaler_, records_};
};

TEST_F(TrainingStepTest, MinimiseStepsDownTheGradientAndRecordsTheRate) {
  const NamedTensor w = parameter("w", 3);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  step_.minimise(*optimiser, w.value.square().sum());
  EXPECT_TRUE(at::equal(w.value.detach(), at::full({2}, 0.0, at::kDouble)));  // 3 - 0.5 · 2 · 3
  ASSERT_EQ(records_.size(), 1u);
  EXPECT_EQ(records_[0].first, "lr.net");
}

TEST_F(TrainingStepTest, ParametersOfOthersGetNoGradient) {
  const NamedTensor w = parameter("w", 1), other = parameter("other", 1);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  step_.minimise(*optimiser, (w.value * other.value).sum());
  EXPECT_FALSE(other.value.grad().defined());
}

TEST_F(TrainingStepTest, AGradientOfAnEarlierStepDoesNotCount) {
  const NamedTensor w = parameter("w", 0);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  for (int i = 0; i < 2; ++i) step_.minimise(*optimiser, w.value.sum());
  EXPECT_TRUE(at::equal(w.value.detach(), at::full({2}, -1.0, at::kDouble)));
}

TEST_F(TrainingStepTest, ClippingScalesTheWholeGradientToItsNorm) {
  const NamedTensor w = parameter("w", 0);
  OptimiserOptions options = kPlain;
  options.clip_norm = 1;
  const auto optimiser = make_optimiser("net", {w}, options);
  step_.minimise(*optimiser, (3 * w.value[0] + 4 * w.value[1]));
  EXPECT_NEAR(w.value[0].item<double>(), -0.5 * 0.6, 1e-15);
  EXPECT_NEAR(w.value[1].item<double>(), -0.5 * 0.8, 1e-15);
}

TEST_F(TrainingStepTest, AGradientThatIsNotFiniteNamesTheFirstBadTensorAndChangesNothing) {
  const NamedTensor good = parameter("encoder.weight", 1), bad = parameter("decoder.weight", 0);
  const auto optimiser = make_optimiser("student", {good, bad}, kPlain);
  try {
    step_.minimise(*optimiser, good.value.sum() + bad.value.sqrt().sum());  // d√x/dx at 0
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNumeric);
    EXPECT_NE(std::string(error.what()).find("student/decoder.weight"), std::string::npos)
        << error.what();
  }
  EXPECT_TRUE(at::equal(good.value.detach(), at::ones({2}, at::kDouble)));
}

TEST_F(TrainingStepTest, AccumulatedPartsCountAsIfTheirSumWereMinimised) {
  const NamedTensor w = parameter("w", 3), unseen = parameter("unseen", 1);
  const auto optimiser = make_optimiser("net", {w, unseen}, kPlain);
  step_.accumulate(*optimiser, w.value.square().sum());
  step_.accumulate(*optimiser, w.value.sum());
  EXPECT_TRUE(at::equal(w.value.detach(), at::full({2}, 3.0, at::kDouble))) << "no update yet";
  step_.minimise(*optimiser, 2 * w.value.sum() + 0 * unseen.value.sum());
  EXPECT_TRUE(
      at::equal(w.value.detach(), at::full({2}, -1.5, at::kDouble)));  // 3 - 0.5 (6 + 1 + 2)
}

TEST_F(TrainingStepTest, AccumulatedPartsCountOnce) {
  const NamedTensor w = parameter("w", 0);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  step_.accumulate(*optimiser, w.value.sum());
  step_.minimise(*optimiser, w.value.sum());
  step_.minimise(*optimiser, w.value.sum());
  EXPECT_TRUE(at::equal(w.value.detach(), at::full({2}, -1.5, at::kDouble)));  // 0.5 (1 + 1) + 0.5
}

TEST_F(TrainingStepTest, AccumulatingForOneOptimiserLeavesTheOther) {
  const NamedTensor w = parameter("w", 1), other = parameter("other", 1);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  const auto second = make_optimiser("second", {other}, kPlain);
  step_.accumulate(*optimiser, (w.value * other.value).sum());
  step_.minimise(*second, (w.value * other.value).sum());
  EXPECT_TRUE(at::equal(other.value.detach(), at::full({2}, 0.5, at::kDouble)));
  step_.minimise(*optimiser, w.value.sum());
  EXPECT_TRUE(at::equal(w.value.detach(), at::zeros({2}, at::kDouble)));  // 1 - 0.5 (1 + 1)
}

TEST_F(TrainingStepTest, APartThatIsNotFiniteIsRefused) {
  const NamedTensor w = parameter("w", 0);
  const auto optimiser = make_optimiser("net", {w}, kPlain);
  expect_error(ErrorKind::kNumeric, {"the loss of net"},
               [&] { step_.accumulate(*optimiser, w.value.log().sum()); });
}

TEST(TrainingStepRanks, GradientsAreSummedOverRanks) {
  run_ranks(3, [](const Communicator& comm) {
    const Draws draws(0);
    GradientReduction reduction(comm, {});
    GradientScaler scaler(false);
    Records records;
    TrainingStep step(comm, draws, reduction, scaler, records);
    const NamedTensor w = parameter("w", 0);
    const auto optimiser = make_optimiser("net", {w}, kPlain);
    step.minimise(*optimiser, comm.sum((w.value * (comm.rank() + 1.0)).sum()));
    EXPECT_TRUE(at::equal(w.value.detach(), at::full({2}, -3.0, at::kDouble)));  // 0.5 (1 + 2 + 3)
  });
}

TEST(Protocol, ReadsItsDefaultsFromAnEmptySection) {
  const ProtocolOptions o = ProtocolOptions::read(parse_config("").section("protocol"));
  EXPECT_EQ(o.iterations, 30000);
  EXPECT_EQ(o.batch, 24);
  EXPECT_EQ(o.select, "val");
}

TEST(Protocol, MoreLabelledSamplesThanTheBatchIsRefused) {
  const Config config = parse_config("[protocol]\nbatch = 4\nlabelled_batch = 6\n");
  EXPECT_THROW(ProtocolOptions::read(config.section("protocol")), Error);
}

TEST(Protocol, GradientsTravelUncompressedUnlessToldOtherwise) {
  EXPECT_EQ(ProtocolOptions::read(parse_config("").section("protocol")).reduction.compression,
            "none");
  const Config config =
      parse_config("[protocol.reduction]\nbucket_mb = 0.5\ncompression = \"bfloat16\"\n");
  const ReductionOptions o = ProtocolOptions::read(config.section("protocol")).reduction;
  EXPECT_EQ(o.compression, "bfloat16");
  EXPECT_EQ(o.bucket_mb, 0.5);
}

TEST(Protocol, APatchWithoutTwoSidesIsRefused) {
  const Config config = parse_config("[protocol]\npatch_size = [96]\n");
  EXPECT_THROW(ProtocolOptions::read(config.section("protocol")), Error);
}

}  // namespace
}  // namespace semiseg
