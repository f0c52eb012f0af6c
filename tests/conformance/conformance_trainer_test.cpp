// SPDX-License-Identifier: Apache-2.0
// Every registered method in the real trainer, fed by the real loader from two data sets with
// domains, tasks and every view that its streams ask for.
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "tests/support/memory_store.h"
#include "tests/support/method_case.h"
#include "tests/support/state_equality.h"
#include "tests/support/two_domains.h"

namespace semiseg {
namespace {

// All stages of a method with `setup`, at most two iterations each.
class ShortPlan : public Method {
 public:
  explicit ShortPlan(Method& method) : method_(method) {}
  Plan plan() const override {
    Plan plan = method_.plan();
    for (Stage& stage : plan.stages) stage.iterations = 2;
    return plan;
  }
  void begin_stage(int64_t stage) override { method_.begin_stage(stage); }
  void step(const Batch& batch, Step& step) override { method_.step(batch, step); }
  void after_step(Step& step) override { method_.after_step(step); }
  Predictor& predictor() override { return method_.predictor(); }
  void settle(const Communicator& comm) override { method_.settle(comm); }
  void state(StateVisitor& visitor) override { method_.state(visitor); }

 private:
  Method& method_;
};

class EveryMethodInTheTrainer : public testing::TestWithParam<MethodOnImages> {
 protected:
  // Trains until `stop_after` steps of this start; true: to the end.
  bool train(MethodUnderTest& tested, MemoryStore& store, int64_t stop_after) {
    const MethodSetup setup = GetParam().setup();
    ShortPlan method(*tested);
    const Views views =
        Views::read(parse_config("[second_crop]\ngeometry = 'own'\n[strong2]\nsteps = []"));
    const auto batches = [&](int64_t stage, int64_t first) {
      const Stage s = method.plan().stages[static_cast<size_t>(stage)];
      views.check(s.streams);
      return std::make_unique<Loader>(
          LoaderParts{.samples = std::make_shared<SampleCache>(source_, pools().samples, 64),
                      .plan = BatchPlan(pools(), s.streams, Draws(1), stage),
                      .slots = share(s.streams, s.colocated, 0, 1),
                      .transform = TransformOptions::read(parse_config(""), setup.patch_size),
                      .views = views,
                      .draws = Draws(1),
                      .stage = stage,
                      .first_step = first,
                      .steps = s.iterations,
                      .dtype = setup.dtype},
          LoaderOptions{.threads = 1});
    };
    Trainer trainer({.method = method,
                     .protocol = protocol_,
                     .comm = *comm_,
                     .draws = Draws(1),
                     .batches = batches,
                     .validate = {},
                     .observer = &store,
                     .store = &store,
                     .stop_reason = [=](int64_t steps) -> std::optional<std::string> {
                       if (steps < stop_after) return std::nullopt;
                       return "enough";
                     }});
    return trainer.run();
  }

  Pools pools() const {
    const auto dims = static_cast<int>(GetParam().axes);
    return pools_of(resolve_budget(source_.training_samples(dims), source_.cases(), "10"));
  }

  TwoDomains source_{GetParam().axes, GetParam().setup().classes};
  ProtocolOptions protocol_{.log_every = 1};
  std::unique_ptr<Communicator> comm_ = make_serial_communicator();
};

TEST_P(EveryMethodInTheTrainer, TrainsAllStagesAndGoesOnFromASavedState) {
  MethodUnderTest whole(GetParam().setup(), *comm_), first(GetParam().setup(), *comm_),
      second(GetParam().setup(), *comm_);
  MemoryStore one, two;
  EXPECT_TRUE(train(whole, one, 1000));
  EXPECT_FALSE(train(first, two, 1));
  EXPECT_TRUE(train(second, two, 1000));
  EXPECT_EQ(one.steps, two.steps);
  expect_equal_states(one.newest.value(), two.newest.value());
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethodInTheTrainer,
                         testing::ValuesIn(methods_on_images()),
                         [](const auto& info) { return info.param.title(); });

}  // namespace
}  // namespace semiseg
