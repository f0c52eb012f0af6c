// SPDX-License-Identifier: Apache-2.0
// Tests which gradients share a message, in which order, and when the messages are sent.
#include <gtest/gtest.h>

#include "tests/support/recording_communicator.h"
#include "tests/train/trained.h"

namespace semiseg {
namespace {

class RanksOrder : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(TwoToFour, RanksOrder, testing::Values(2, 3, 4));

// The gradient of what was computed last is ready first. Collective calls of the backward pass
// itself come between two gradients, and behind another one on each rank.
TEST_P(RanksOrder, AgreeOnRankZerosOrderWhenGradientsAreReadyInOthers) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("a", {2}), parameter("b", {2}), parameter("c", {2})});
    std::vector<at::Tensor> expected;
    for (size_t i = 0; i < 3; ++i) expected.push_back(net[i].detach().clone());
    for (int repeat = 0; repeat < 3; ++repeat) {
      at::Tensor x = at::ones({2}, at::kDouble);
      for (size_t i = 0; i < 3; ++i) {
        x = x + net[(i + static_cast<size_t>(comm.rank())) % 3];
        x.register_hook([&comm](const at::Tensor& gradient) {
          at::Tensor total = gradient.clone();
          comm.all_reduce(total, "inside the backward");
          return total / comm.size();
        });
      }
      net.minimise(x.sum());
      EXPECT_EQ(net.order(), "net 2 1 0\n");
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(at::allclose(net[i], expected[i].sub_(comm.size()), 0, 1e-13));
      }
    }
  });
}

TEST_P(RanksOrder, BucketsLeaveDuringTheBackwardPass) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("late", {2}), parameter("early", {2}), parameter("middle", {2})});
    const auto loss = [&] { return ((1 + net[0]).square() * net[2] + net[1]).sum(); };
    for (int i = 0; i < 2; ++i) net.minimise(loss());
    const ReductionTimes& times = net.reduction.last_times();
    EXPECT_EQ(times.buckets, 3);
    EXPECT_EQ(times.launched_early, 3);
    EXPECT_EQ(times.bytes, (3 * 2 + 3) * 8);  // elements, and a flag for each parameter
    EXPECT_GE(times.exposed_seconds, 0);
  });
}

TEST_P(RanksOrder, AKnownOrderServesFromTheFirstStep) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    const auto loss = [](const Trained& net) { return (net[1].square() + net[0]).sum(); };
    Trained net(comm, {parameter("early", {2}), parameter("late", {2})});
    net.minimise(loss(net));
    ASSERT_EQ(net.order(), "net 0 1\n");
    Trained resumed(comm, {parameter("early", {2}), parameter("late", {2})});
    put_state([&](StateVisitor& v) { resumed.reduction.state(v); },
              take_state([&](StateVisitor& v) { net.reduction.state(v); }));
    resumed.minimise(loss(resumed));
    EXPECT_EQ(resumed.reduction.last_times().launched_early, 0) << "which ones come is not known";
    EXPECT_EQ(resumed.order(), "net 0 1\n");
    resumed.minimise(loss(resumed));
    EXPECT_EQ(resumed.reduction.last_times().launched_early, 2);
  });
}

// NCCL needs the calls of all communicators of a device in one order on all ranks. The backward of
// every rank has collective calls of its own; rank 1 alone lacks the gradient of "some".
TEST_P(RanksOrder, RanksLaunchOnTwoCommunicatorsInOneOrderWhateverGradientsTheyLack) {
  std::vector<std::vector<std::string>> calls(static_cast<size_t>(GetParam()));
  run_ranks(GetParam(), [&](const Communicator& ranks) {
    const RecordingCommunicator comm(ranks);
    Trained net(comm, {parameter("first", {2}), parameter("some", {2}), parameter("last", {2})});
    for (int i = 0; i < 3; ++i) {
      at::Tensor x = net[0].square();
      for (const size_t next : {1u, 2u}) {
        if (next == 2 || comm.rank() != 1) x = x * net[next];
        x.register_hook([&comm](const at::Tensor& gradient) {
          at::Tensor total = gradient.clone();
          comm.all_reduce(total, "inside the backward");
          return total;
        });
      }
      net.minimise(x.sum());
    }
    EXPECT_EQ(net.reduction.last_times().launched_early, 1)
        << "up to the first that some rank lacks";
    for (const CollectiveCall& call : comm.calls())
      calls[static_cast<size_t>(comm.rank())].push_back(call.text());
  });
  for (const auto& rank : calls) EXPECT_EQ(rank, calls[0]);
}

// Other gradients than before may come in the first step of a stage.
TEST_P(RanksOrder, AStageBeginsWithAllBucketsAfterTheBackward) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2}), parameter("v", {2})});
    const auto early = [&] {
      net.minimise((net[0] + net[1]).square().sum());
      return net.reduction.last_times().launched_early;
    };
    EXPECT_EQ(early(), 0);
    EXPECT_EQ(early(), 2);
    net.iteration = 0;
    EXPECT_EQ(early(), 0);
  });
}

// 2^-7 is the spacing of bfloat16 at 1: sums of ones are exact up to 256.
TEST(GradientBuckets, CountOfRanksIsTrustedAsFarAsItsDtypeCounts) {
  const std::vector<NamedTensor> parameters = {parameter("w", {2}), parameter("v", {2})};
  for (const char* compression : {"none", "bfloat16"}) {
    GradientBuckets buckets(parameters, {0, 1}, {.compression = compression});
    buckets.put_defined({1, 0});
    EXPECT_EQ(buckets.defined_everywhere(1), (std::vector<uint8_t>{1, 0}));
    EXPECT_EQ(buckets.defined_everywhere(2), (std::vector<uint8_t>{0, 0}));
    buckets.message(0).mul_(512);
    const uint8_t is_exact = std::string(compression) == "none";
    EXPECT_EQ(buckets.defined_everywhere(512), (std::vector<uint8_t>{is_exact, 0}));
  }
}

TEST_P(RanksOrder, AnOrderOfOtherParametersIsForgotten) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    std::string order = "net 1 0\n";
    put_state([&](StateVisitor& v) { net.reduction.state(v); }, {{"gradient_order", order}});
    net.minimise(net[0].sum());
    EXPECT_EQ(net.order(), "net 0\n");
  });
}

using Buckets = std::vector<std::vector<size_t>>;

NamedTensor zeros(int64_t length, at::ScalarType dtype = at::kFloat) {
  return {"", at::zeros({length}, dtype)};
}

TEST(PlanBuckets, FillsInOrderOfReadinessWithASmallOneAtTheEnd) {
  const std::vector<NamedTensor> parameters = {zeros(16), zeros(16),   zeros(128), zeros(64),
                                               zeros(64), zeros(1000), zeros(100)};
  const ReductionOptions options{.bucket_mb = 1024. / (1 << 20)};  // 256 floats, 32 at the end
  EXPECT_EQ(plan_buckets(parameters, {6, 5, 4, 3, 2, 1, 0}, options),
            (Buckets{{6}, {5}, {4, 3, 2}, {1, 0}}));
}

TEST(PlanBuckets, KeepsDtypesApartInOrderOfCompletion) {
  const std::vector<NamedTensor> parameters = {zeros(4, at::kFloat), zeros(4, at::kDouble),
                                               zeros(4, at::kFloat), zeros(4, at::kDouble)};
  EXPECT_EQ(plan_buckets(parameters, {3, 2, 1, 0}, {}), (Buckets{{3, 1}, {2, 0}}));
}

TEST(PlanBuckets, CountsWhatTravels) {
  const std::vector<NamedTensor> parameters = {zeros(64), zeros(256), zeros(256)};
  ReductionOptions options{.bucket_mb = 1024. / (1 << 20), .compression = "bfloat16"};
  EXPECT_EQ(plan_buckets(parameters, {2, 1, 0}, options), (Buckets{{2, 1}, {0}}));
}

TEST(PlanBuckets, NothingNeedsNoBucket) { EXPECT_TRUE(plan_buckets({}, {}, {}).empty()); }

}  // namespace
}  // namespace semiseg
