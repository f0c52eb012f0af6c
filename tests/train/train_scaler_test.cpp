// SPDX-License-Identifier: Apache-2.0
// The loss scale of float16: exact where nothing overflows, and what happens where something does.
#include "framework/train/gradients/scaler.h"

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"
#include "tests/train/trained.h"

namespace semiseg {
namespace {

// Its gradient of `slope` passes through float16, which ends at 65504: 1.5 is finite there up to a
// scale of 2^15.
constexpr double kSteep = 1.5;
at::Tensor through_float16(const at::Tensor& w, double slope) {
  return slope * w.to(at::kHalf).to(at::kFloat).sum();
}

NamedTensor single(double value) {
  at::Tensor tensor = at::full({2}, value, at::kFloat);
  tensor.set_requires_grad(true);
  return {"w", tensor};
}

TEST(GradientScaler, IsAPowerOfTwoThatChangesNoBit) {
  const auto comm = make_serial_communicator();
  Trained plain(*comm, {parameter("a", {3, 4})}, kHeavy),
      scaled(*comm, {parameter("a", {3, 4})}, kHeavy);
  scaled.scaler = GradientScaler(true);
  for (int i = 0; i < 4; ++i) {
    plain.minimise(plain[0].sin().sum());
    scaled.minimise(scaled[0].sin().sum());
  }
  EXPECT_TRUE(at::equal(plain[0], scaled[0]));
}

TEST(GradientScaler, LeavesOutUpdatesAndHalvesUntilTheGradientIsFinite) {
  const auto comm = make_serial_communicator();
  Trained trained(*comm, {single(0)});
  trained.scaler = GradientScaler(true);
  trained.minimise(through_float16(trained[0], kSteep));
  EXPECT_EQ(trained.scaler.scale(), 32768);
  EXPECT_TRUE(at::equal(trained[0].detach(), at::zeros({2}))) << "left out";
  trained.minimise(through_float16(trained[0], kSteep));
  EXPECT_EQ(trained.scaler.scale(), 32768);
  EXPECT_TRUE(at::equal(trained[0].detach(), at::full({2}, -kSteep, at::kFloat)));
}

TEST(GradientScaler, ALossThatOverflowsIsLeftOutAsItsGradientWouldBe) {
  const auto comm = make_serial_communicator();
  Trained trained(*comm, {single(1)});
  trained.scaler = GradientScaler(true);
  trained.minimise(trained[0].sum() * std::numeric_limits<float>::infinity());
  EXPECT_EQ(trained.scaler.scale(), 32768);
  EXPECT_TRUE(at::equal(trained[0].detach(), at::ones({2}))) << "left out";
}

TEST(GradientScaler, AStepWithoutAGradientChangesNothing) {
  const auto comm = make_serial_communicator();
  Trained trained(*comm, {single(1)});
  trained.scaler = GradientScaler(true);
  trained.minimise(single(2).value.sum());
  EXPECT_TRUE(at::equal(trained[0].detach(), at::ones({2})));
}

// An update of another optimiser is left out between two parts of this one's gradient.
TEST(GradientScaler, KeepsItsScaleToTheEndOfTheStep) {
  const auto comm = make_serial_communicator();
  Trained trained(*comm, {parameter("a", {2})}, kPlain), other(*comm, {single(0)});
  const at::Tensor before = trained[0].detach().clone();
  trained.scaler = GradientScaler(true);
  trained.step([&](Step& step) {
    step.accumulate(*trained.optimiser, trained[0].sum());
    step.minimise(*other.optimiser, through_float16(other[0], kSteep));
    step.minimise(*trained.optimiser, trained[0].sum());
  });
  EXPECT_TRUE(at::equal(trained[0].detach(), before - 2)) << "each part counts once";
  EXPECT_TRUE(at::equal(other[0].detach(), at::zeros({2}))) << "left out";
  EXPECT_EQ(trained.scaler.scale(), 32768);
}

TEST(GradientScaler, RanksLeaveOutTheSameUpdate) {
  run_ranks(3, [](const Communicator& comm) {
    Trained trained(comm, {single(0)});
    trained.scaler = GradientScaler(true);
    trained.minimise(comm.sum(through_float16(trained[0], comm.rank() == 1 ? kSteep : 0.5)));
    EXPECT_EQ(trained.scaler.scale(), 32768);
    EXPECT_TRUE(at::equal(trained[0].detach(), at::zeros({2})));
  });
}

TEST(GradientScaler, DoublesAfterTwoThousandFiniteUpdatesInARow) {
  GradientScaler scaler(true);
  const auto accept = [&](bool is_finite) {
    const bool result = scaler.accept(is_finite);
    scaler.end_step();
    return result;
  };
  for (int i = 0; i < 1999; ++i) EXPECT_TRUE(accept(true));
  EXPECT_FALSE(accept(false));
  for (int i = 0; i < 1999; ++i) EXPECT_TRUE(accept(true));
  EXPECT_EQ(scaler.scale(), 32768);
  EXPECT_TRUE(accept(true));
  EXPECT_EQ(scaler.scale(), 65536);
}

TEST(GradientScaler, WhatIsNotFiniteAtScaleOneIsAnError) {
  const auto comm = make_serial_communicator();
  Trained trained(*comm, {single(0)});
  trained.scaler = GradientScaler(true);
  for (int i = 0; i < 16; ++i) trained.minimise(trained[0].sqrt().sum());  // d√x/dx at 0
  EXPECT_EQ(trained.scaler.scale(), 1);
  expect_error(ErrorKind::kNumeric, {"the gradient of net/w"},
               [&] { trained.minimise(trained[0].sqrt().sum()); });
}

TEST(GradientScaler, StateIsItsScaleAndNothingWhenOff) {
  GradientScaler scaler(true), other(true), off(false);
  EXPECT_FALSE(scaler.accept(false));
  scaler.end_step();
  EXPECT_TRUE(scaler.accept(true));
  const StateMap state = take_state([&](StateVisitor& v) { scaler.state(v); });
  put_state([&](StateVisitor& v) { other.state(v); }, state);
  EXPECT_EQ(other.scale(), 32768);
  expect_equal_states(take_state([&](StateVisitor& v) { other.state(v); }), state);
  EXPECT_TRUE(take_state([&](StateVisitor& v) { off.state(v); }).empty());
}

}  // namespace
}  // namespace semiseg
