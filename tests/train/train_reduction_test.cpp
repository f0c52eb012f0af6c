// SPDX-License-Identifier: Apache-2.0
// Gradients of several ranks: the same sums as one rank has, whatever the order and place in which
// they become ready.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/train/trained.h"

namespace semiseg {
namespace {

// A perceptron with one parameter that the loss never reaches.
std::vector<NamedTensor> perceptron() {
  return {parameter("first.weight", {5, 8}), parameter("first.bias", {8}), parameter("unused", {3}),
          parameter("second.weight", {8, 2}), parameter("second.bias", {2})};
}

constexpr int64_t kSamples = 13;  // shares differ in size

// Returns the loss of the samples [begin, end) of the global batch, as a part of the global mean.
at::Tensor loss_of(const Trained& net, int64_t begin, int64_t end) {
  const at::Tensor x = numbers("x", {kSamples, 5}).slice(0, begin, end);
  const at::Tensor y = numbers("y", {kSamples, 2}).slice(0, begin, end);
  const at::Tensor hidden = (x.matmul(net[0]) + net[1]).tanh();
  const at::Tensor error = hidden.matmul(net[3]) + net[4] - y;
  return net.comm.sum(error.square().sum()) / static_cast<double>(kSamples);
}

int64_t share_begin(const Communicator& comm, int rank) { return kSamples * rank / comm.size(); }

at::Tensor loss_of_share(const Trained& net) {
  return loss_of(net, share_begin(net.comm, net.comm.rank()),
                 share_begin(net.comm, net.comm.rank() + 1));
}

void expect_equal_parameters(const Trained& net, const Trained& expected) {
  for (const auto& [i, name] : {std::pair{0, "first.weight"},
                                {1, "first.bias"},
                                {2, "unused"},
                                {3, "second.weight"},
                                {4, "second.bias"}}) {
    const auto index = static_cast<size_t>(i);
    EXPECT_TRUE(at::allclose(net[index], expected[index], 1e-12, 1e-13)) << name;
  }
}

class Ranks : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(TwoToFour, Ranks, testing::Values(2, 3, 4));

TEST_P(Ranks, TrainLikeOneRankOnTheWholeBatch) {
  const auto serial = make_serial_communicator();
  Trained alone(*serial, perceptron(), kHeavy);
  for (int i = 0; i < 4; ++i) alone.minimise(loss_of(alone, 0, kSamples));
  run_ranks(GetParam(), [&](const Communicator& comm) {
    Trained net(comm, perceptron(), kHeavy);
    for (int i = 0; i < 4; ++i) net.minimise(loss_of_share(net));
    expect_equal_parameters(net, alone);
  });
}

TEST_P(Ranks, AccumulatedPartsGiveTheGradientOfTheirSum) {
  const auto serial = make_serial_communicator();
  Trained alone(*serial, perceptron(), kHeavy);
  for (int i = 0; i < 3; ++i) alone.minimise(loss_of(alone, 0, kSamples));
  run_ranks(GetParam(), [&](const Communicator& comm) {
    Trained net(comm, perceptron(), kHeavy);
    for (int i = 0; i < 3; ++i) {
      net.step([&](Step& step) {
        const int64_t begin = share_begin(comm, comm.rank()),
                      end = share_begin(comm, comm.rank() + 1);
        step.accumulate(*net.optimiser, loss_of(net, begin, begin + 1));
        step.accumulate(*net.optimiser, loss_of(net, begin + 1, begin + 2));
        step.minimise(*net.optimiser, loss_of(net, begin + 2, end));
      });
    }
    expect_equal_parameters(net, alone);
  });
}

TEST_P(Ranks, AGradientThatOneRankLacksCountsAsZerosThere) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("all", {2}), parameter("one", {2})});
    const at::Tensor before = net[1].detach().clone();
    for (int i = 1; i <= 3; ++i) {
      const at::Tensor loss = net[0].sum();
      net.minimise(comm.rank() == 1 ? loss + 2 * net[1].sum() : loss);
      EXPECT_TRUE(at::allclose(net[1], before - 2 * i, 0, 1e-14));
    }
  });
}

TEST_P(Ranks, APartThatOnlyOneRankAccumulatedCounts) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("all", {2}), parameter("one", {2})});
    const at::Tensor before = net[1].detach().clone();
    net.step([&](Step& step) {
      if (comm.rank() == 0) step.accumulate(*net.optimiser, 3 * net[1].sum());
      step.minimise(*net.optimiser, net[0].sum());
    });
    EXPECT_TRUE(at::allclose(net[1], before - 3, 0, 1e-14));
  });
}

TEST_P(Ranks, ALossWithoutAGraphCountsAsZeros) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    const at::Tensor before = net[0].detach().clone();
    net.minimise(comm.rank() == 0 ? net[0].sum() : at::zeros({}, at::kDouble));
    EXPECT_TRUE(at::allclose(net[0], before - 1, 0, 1e-14));
  });
}

// Weight decay and momentum would move it.
TEST_P(Ranks, AParameterThatNoRankReachesIsLeftAlone) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, perceptron(), kHeavy);
    const at::Tensor before = net[2].detach().clone();
    for (int i = 0; i < 3; ++i) net.minimise(loss_of_share(net));
    EXPECT_TRUE(at::equal(net[2], before));
    EXPECT_FALSE(net[2].grad().defined());
  });
}

TEST_P(Ranks, UnusedParametersAreNamedOnce) {
  testing::internal::CaptureStderr();
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, perceptron());
    for (int i = 0; i < 3; ++i) net.minimise(loss_of_share(net));
  });
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string line = "no gradient reached 1 of 5 parameters of net: unused";
  const size_t first = log.find(line);
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find(line, first + 1), std::string::npos) << log;
}

TEST_P(Ranks, OptimisersOfOneStepAreReducedApart) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    const NamedTensor other = parameter("other", {2});
    const auto second = make_optimiser("second", {other}, kPlain);
    const at::Tensor w = net[0].detach().clone(), v = other.value.detach().clone();
    for (int i = 1; i <= 2; ++i) {
      net.step([&](Step& step) {
        step.minimise(*net.optimiser, (net[0] + 5 * other.value).sum());
        EXPECT_EQ(other.value.grad().defined(), i > 1) << "only the one of the step before";
        step.minimise(*second, (5 * net[0] + 2 * other.value).sum());
      });
      EXPECT_TRUE(at::allclose(net[0], w - i * comm.size(), 0, 1e-13));
      EXPECT_TRUE(at::allclose(other.value, v - 2 * i * comm.size(), 0, 1e-13));
    }
  });
}

TEST_P(Ranks, ANameMayPassToOtherParameters) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    net.minimise(net[0].sum());
    const NamedTensor next = parameter("next", {3});
    const at::Tensor before = next.value.detach().clone();
    net.optimiser = make_optimiser("net", {next}, kPlain);
    net.minimise(net[0].sum());
    EXPECT_TRUE(at::allclose(next.value, before - comm.size(), 0, 1e-13));
  });
}

TEST_P(Ranks, ThrowAlikeWhenOneOfThemHasAGradientThatIsNotFinite) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("good", {2}), parameter("bad", {1}), parameter("worse", {1})});
    for (size_t i : {1, 2}) net[i].detach().zero_();
    const at::Tensor loss = net[0].sum();  // d√x/dx at 0
    expect_error(ErrorKind::kNumeric, {"the gradient of net/bad"}, [&] {
      net.minimise(comm.rank() == 1 ? loss + net[1].sqrt().sum() + net[2].sqrt().sum() : loss);
    });
  });
}

TEST_P(Ranks, ClipTheNormOfTheWholeSum) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    OptimiserOptions options = kPlain;
    options.clip_norm = 1;
    Trained net(comm, {parameter("a", {1}), parameter("b", {1})}, options);
    const at::Tensor a = net[0].detach().clone(), b = net[1].detach().clone();
    net.minimise((3 * net[0] + 4 * net[1]).sum());
    EXPECT_TRUE(at::allclose(net[0], a - 0.6, 0, 1e-14));
    EXPECT_TRUE(at::allclose(net[1], b - 0.8, 0, 1e-14));
  });
}

TEST_P(Ranks, Bfloat16StaysWithinItsBound) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {1000}), parameter("unused", {2})}, kPlain,
                {.compression = "bfloat16"});
    const auto slope = [](int rank) { return numbers("slope " + std::to_string(rank), {1000}); };
    net.minimise((net[0] * slope(comm.rank())).sum());
    at::Tensor sum = at::zeros({1000}, at::kDouble), magnitude = at::zeros({1000}, at::kDouble);
    for (int rank = 0; rank < comm.size(); ++rank) {
      sum += slope(rank);
      magnitude += slope(rank).abs();
    }
    const double bound = std::pow(1 + 1. / 256, comm.size()) - 1;
    const at::Tensor error = (net[0].grad() - sum).abs();
    EXPECT_EQ(net[0].grad().scalar_type(), at::kDouble);
    EXPECT_TRUE((error <= bound * magnitude).all().item<bool>());
    EXPECT_GT(error.max().item<double>(), 1e-4) << "it travelled compressed";
    EXPECT_EQ(net.reduction.last_times().bytes, 2 * (1000 + 2 + 2));
    EXPECT_FALSE(net[1].grad().defined());
  });
}

TEST(GradientReduction, OneRankReducesNothing) {
  const auto comm = make_serial_communicator();
  Trained net(*comm, {parameter("w", {2})});
  net.minimise(net[0].sum());
  EXPECT_EQ(net.reduction.last_times().buckets, 0);
  EXPECT_EQ(net.order(), "");
}

TEST(GradientReduction, AFailedPassLeavesHooksAtRest) {
  run_ranks(2, [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    net.minimise(net[0].sum());
    EXPECT_THROW(net.reduction.run(*net.optimiser, [] { throw std::runtime_error("full"); }),
                 std::runtime_error);
    net[0].mutable_grad().reset();
    net[0].sum().backward();
    EXPECT_TRUE(at::equal(net[0].grad(), at::ones({2}, at::kDouble)));
  });
}

// A duplicate that shared its order with the original would wait for ever.
TEST(ThreadCommunicator, ADuplicateIsOrderedByItself) {
  run_ranks(2, [](const Communicator& comm) {
    const auto other = comm.duplicate();
    at::Tensor a = at::ones({1}), b = at::full({1}, 2.0);
    std::unique_ptr<PendingReduction> pending;
    if (comm.rank() == 0) pending = other->start_all_reduce(a, "a");
    comm.all_reduce(b, "b");
    if (comm.rank() == 1) pending = other->start_all_reduce(a, "a");
    pending->wait();
    EXPECT_EQ(a.item<double>(), 2);
    EXPECT_EQ(b.item<double>(), 4);
  });
}

}  // namespace
}  // namespace semiseg
