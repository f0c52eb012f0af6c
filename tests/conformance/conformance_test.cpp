// SPDX-License-Identifier: Apache-2.0
// Tests what every registered method must do. A new method gets these tests by being registered.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "framework/core/error.h"
#include "framework/data/batch_plan.h"
#include "launch/parity/parity_case.h"
#include "tests/conformance/unlabelled_use.h"
#include "tests/support/method_case.h"
#include "tests/support/state_equality.h"
#include "tests/support/thread_communicator.h"

namespace semiseg {
namespace {

using Records = std::vector<std::pair<std::string, double>>;

// Iterations 0 and 1 of each stage on one rank.
Records train(MethodUnderTest& method, const MethodSetup& setup, int64_t first = 0,
              int64_t count = 2) {
  Records all;
  const Plan plan = method->plan();
  for (int64_t stage = 0; stage < std::ssize(plan.stages); ++stage) {
    if (first == 0) method->begin_stage(stage);
    for (int64_t i = first; i < first + count; ++i) {
      const Stage& s = plan.stages[static_cast<size_t>(stage)];
      const Batch batch = random_batch(setup, s, 10 * stage + i);
      for (auto& record : method.step(batch, stage, i, Draws(setup.seed).at(stage, i)))
        all.push_back(std::move(record));
    }
  }
  return all;
}

StateMap state_of(MethodUnderTest& method) {
  return take_state([&](StateVisitor& visitor) { method->state(visitor); });
}

class EveryMethod : public testing::TestWithParam<MethodOnImages> {
 protected:
  std::unique_ptr<Communicator> comm_ = make_serial_communicator();
};

TEST_P(EveryMethod, PlansStagesThatFillTheBatchAndTheTraining) {
  const MethodSetup setup = GetParam().setup();
  MethodUnderTest method(setup, *comm_);
  int64_t total = 0;
  std::set<std::string> names;
  for (const Stage& stage : method->plan().stages) {
    EXPECT_GT(stage.iterations, 0);
    std::set<std::string> streams;
    int64_t labelled = 0;
    for (const StreamPlan& stream : stage.streams) {
      EXPECT_TRUE(streams.insert(stream.name).second) << "two streams are called " << stream.name;
      if (stream.pool == "labelled") labelled += stream.samples;
    }
    EXPECT_GE(labelled, 1);
    EXPECT_LE(batch_size(stage.streams), setup.batch);
    EXPECT_TRUE(names.insert(stage.name).second) << "two stages are called " << stage.name;
    total += stage.iterations;
    std::multiset<int64_t> slots;
    for (const auto& group : stage.colocated) slots.insert(group.begin(), group.end());
    if (stage.colocated.empty()) continue;
    EXPECT_EQ(std::ssize(slots), batch_size(stage.streams)) << "groups hold every slot once";
    EXPECT_EQ(std::set<int64_t>(slots.begin(), slots.end()).size(), slots.size());
  }
  EXPECT_EQ(total, setup.iterations) << "equal conditions: all methods train equally long";
}

TEST_P(EveryMethod, RecordsFiniteLossesAndARateForEachUpdate) {
  MethodUnderTest method(GetParam().setup(), *comm_);
  bool has_total = false, has_rate = false;
  for (const auto& [name, value] : train(method, GetParam().setup())) {
    EXPECT_TRUE(std::isfinite(value)) << name;
    has_total = has_total || name.starts_with("loss.total");
    has_rate = has_rate || name.starts_with("lr.");
  }
  EXPECT_TRUE(has_total);
  EXPECT_TRUE(has_rate);
}

TEST_P(EveryMethod, TheSameSeedGivesTheSameBits) {
  MethodUnderTest first(GetParam().setup(), *comm_), second(GetParam().setup(), *comm_);
  EXPECT_EQ(train(first, GetParam().setup()), train(second, GetParam().setup()));
  expect_equal_states(state_of(first), state_of(second));
}

TEST_P(EveryMethod, AnotherSeedGivesOtherWeights) {
  MethodSetup other = GetParam().setup();
  other.seed = 4;
  MethodUnderTest first(GetParam().setup(), *comm_), second(other, *comm_);
  const at::Tensor probe = random_images(other, 1, 99);
  EXPECT_FALSE(at::equal(first->predictor().predict(probe), second->predictor().predict(probe)));
}

TEST_P(EveryMethod, GoesOnFromItsStateAsIfItHadNeverStopped) {
  const MethodSetup setup = GetParam().setup();
  MethodUnderTest whole(setup, *comm_), stopped(setup, *comm_), resumed(setup, *comm_);
  train(whole, setup);
  train(stopped, setup);
  put_state([&](StateVisitor& visitor) { resumed->state(visitor); }, state_of(stopped));
  EXPECT_EQ(train(whole, setup, 2), train(resumed, setup, 2));
  expect_equal_states(state_of(whole), state_of(resumed));
}

TEST_P(EveryMethod, PredictsLogitsOfEveryClassWithoutTouchingItsState) {
  const MethodSetup setup = GetParam().setup();
  MethodUnderTest method(setup, *comm_);
  train(method, setup);
  const StateMap before = state_of(method);
  std::vector<int64_t> shape = {2, 1, 48};  // another size than that of training
  shape.insert(shape.end(), setup.patch_size.begin() + 1, setup.patch_size.end());
  const at::Tensor logits = method->predictor().predict(generate("x", shape, 0, 1, at::kDouble));
  shape[1] = setup.classes;
  EXPECT_EQ(logits.sizes(), shape);
  EXPECT_FALSE(logits.requires_grad());
  expect_equal_states(before, state_of(method));
}

TEST_P(EveryMethod, UnlabelledImagesTeachTheDeployedNetwork) {
  const UnlabelledUse use = unlabelled_use(GetParam().setup());
  if (use.stages == 0) {
    EXPECT_EQ(GetParam().name, "supervised") << "a semi-supervised method uses unlabelled images";
    return;
  }
  EXPECT_TRUE(use.images) << "no loss depends on the unlabelled images";
  EXPECT_EQ(use.unused_views, std::vector<std::string>()) << "no loss depends on these views";
}

TEST_P(EveryMethod, ALossThatIsNotFiniteNamesItselfAndStops) {
  const MethodSetup setup = GetParam().setup();
  MethodUnderTest method(setup, *comm_);
  const Stage stage = method->plan().stages.front();
  Batch batch = random_batch(setup, stage, 0);
  batch.streams[0].image().flatten()[99] = std::numeric_limits<double>::quiet_NaN();
  try {
    method->begin_stage(0);
    method.step(batch, 0, 0, Draws(1).at(0, 0));
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNumeric);
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
}

TEST_P(EveryMethod, TwoAndThreeRanksComputeWhatOneDoes) {
  MethodSetup setup = GetParam().setup();
  setup.batch = 12;
  setup.labelled = 6;
  MethodUnderTest alone(setup, *comm_);
  const Records expected = train(alone, setup);
  const StateMap weights = state_of(alone);
  for (const int size : {2, 3}) {
    std::vector<StateMap> states(static_cast<size_t>(size));
    std::vector<Records> records(static_cast<size_t>(size));
    run_ranks(size, [&](const Communicator& comm) {
      MethodUnderTest method(setup, comm);
      const auto rank = static_cast<size_t>(comm.rank());
      const Plan plan = method->plan();
      for (int64_t stage = 0; stage < std::ssize(plan.stages); ++stage) {
        method->begin_stage(stage);
        const Stage& s = plan.stages[static_cast<size_t>(stage)];
        const auto slots = share(s.streams, s.colocated, comm.rank(), comm.size());
        for (int64_t i = 0; i < 2; ++i) {
          const Batch whole = random_batch(setup, s, 10 * stage + i);
          for (auto& record :
               method.step(share_of(whole, slots), stage, i, Draws(setup.seed).at(stage, i))) {
            records[rank].push_back(std::move(record));
          }
        }
      }
      states[rank] = state_of(method);
    });
    ASSERT_EQ(records[0].size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(records[0][i].first, expected[i].first);
      const double scale = std::max(1e-3, std::abs(expected[i].second));
      EXPECT_NEAR(records[0][i].second, expected[i].second, 1e-10 * scale)
          << size << " ranks, " << expected[i].first;
    }
    for (int rank = 1; rank < size; ++rank)
      expect_equal_states(states[0], states[static_cast<size_t>(rank)]);
    for (const auto& [name, value] : weights) {
      const auto* tensor = std::get_if<at::Tensor>(&value);
      if (!tensor) continue;
      EXPECT_TRUE(at::allclose(std::get<at::Tensor>(states[0].at(name)), *tensor, 1e-9, 1e-10))
          << size << " ranks, " << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethod, testing::ValuesIn(methods_on_images()),
                         [](const auto& info) { return info.param.title(); });

}  // namespace
}  // namespace semiseg
