// SPDX-License-Identifier: Apache-2.0
// Gradients of several ranks: the same sums as one rank has, whatever the order and place in which
// they become ready.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/train/training_step.h"
#include "tests/expect_error.h"
#include "tests/thread_communicator.h"

namespace semiseg {
namespace {

using Records = std::vector<std::pair<std::string, TrainingStep::Value>>;

const OptimiserOptions kPlain{
    .learning_rate = 1, .momentum = 0, .weight_decay = 0, .schedule = "constant"};
const OptimiserOptions kHeavy{.learning_rate = 0.1,
                              .momentum = 0.9,
                              .weight_decay = 0.1,
                              .schedule = "constant",
                              .clip_norm = 0.5};
// Every tensor of these tests is larger than that: one bucket for each.
const ReductionOptions kTiny{.bucket_mb = 1. / (1 << 20)};

at::Tensor numbers(const std::string& name, std::vector<int64_t> shape) {
  return Draws(7).normal(name, shape, {0}).squeeze(0).to(at::kDouble);
}

NamedTensor parameter(const std::string& name, std::vector<int64_t> shape) {
  at::Tensor value = numbers(name, std::move(shape));
  value.set_requires_grad(true);
  return {name, value};
}

// What one rank needs to train a few parameters.
struct Trained {
  Trained(const Communicator& communicator, std::vector<NamedTensor> parameters,
          const OptimiserOptions& options = kPlain,
          const ReductionOptions& reduction_options = kTiny, const std::string& name = "net")
      : comm(communicator),
        optimiser(make_optimiser(name, std::move(parameters), options)),
        reduction(comm, reduction_options) {}

  // One step of the loop: `body` calls minimise and accumulate.
  void step(const std::function<void(Step&)>& body) {
    Records records;
    TrainingStep step(comm, draws, reduction, records);
    body(step);
  }
  void minimise(const at::Tensor& loss) {
    step([&](Step& s) { s.minimise(*optimiser, loss); });
  }
  const at::Tensor& operator[](size_t i) const { return optimiser->parameters()[i].value; }
  std::string order() {
    const StateMap state = take_state([this](StateVisitor& v) { reduction.state(v); });
    return std::get<std::string>(state.at("gradient_order"));
  }

  const Communicator& comm;
  Draws draws{0};
  std::unique_ptr<Optimiser> optimiser;
  GradientReduction reduction;
};

// A perceptron with one parameter that the loss never reaches.
std::vector<NamedTensor> perceptron() {
  return {parameter("first.weight", {5, 8}), parameter("first.bias", {8}), parameter("unused", {3}),
          parameter("second.weight", {8, 2}), parameter("second.bias", {2})};
}

constexpr int64_t kSamples = 13;  // shares differ in size

// Of the samples [begin, end) of the global batch, as a part of the global mean.
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

// The gradient of what was computed last is ready first. Collective calls of the backward pass
// itself come between two gradients, and behind another one on each rank.
TEST_P(Ranks, AgreeOnRankZerosOrderWhenGradientsAreReadyInOthers) {
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

TEST_P(Ranks, BucketsLeaveDuringTheBackwardPass) {
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

TEST_P(Ranks, AKnownOrderServesFromTheFirstStep) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    const auto loss = [](const Trained& net) { return (net[1].square() + net[0]).sum(); };
    Trained net(comm, {parameter("early", {2}), parameter("late", {2})});
    net.minimise(loss(net));
    ASSERT_EQ(net.order(), "net 0 1\n");
    Trained resumed(comm, {parameter("early", {2}), parameter("late", {2})});
    put_state([&](StateVisitor& v) { resumed.reduction.state(v); },
              take_state([&](StateVisitor& v) { net.reduction.state(v); }));
    resumed.minimise(loss(resumed));
    EXPECT_EQ(resumed.reduction.last_times().launched_early, 2);
  });
}

TEST_P(Ranks, AnOrderOfOtherParametersIsForgotten) {
  run_ranks(GetParam(), [](const Communicator& comm) {
    Trained net(comm, {parameter("w", {2})});
    std::string order = "net 1 0\n";
    put_state([&](StateVisitor& v) { net.reduction.state(v); }, {{"gradient_order", order}});
    net.minimise(net[0].sum());
    EXPECT_EQ(net.order(), "net 0\n");
  });
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
