// SPDX-License-Identifier: Apache-2.0
// The training loop with a method of one number, batches and states in memory: resume, best state,
// patience, the validation that a stopped start left, settle() before each save.
#include "framework/train/trainer.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "launch/conformance/memory_journal.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {

// w ← w + 1 a step of the first stage, w ← w − 1 of the second. `settled` counts settle().
class Counter : public Method, public Predictor {
 public:
  explicit Counter(std::vector<int64_t> iterations) {
    for (const int64_t length : iterations) {
      plan_.stages.push_back({.name = plan_.stages.empty() ? "up" : "down",
                              .iterations = length,
                              .streams = {{.name = "labelled", .pool = "labelled", .samples = 1}},
                              .start_from_best = !plan_.stages.empty()});
    }
  }
  Plan plan() const override { return plan_; }
  void begin_stage(int64_t stage) override { begun.push_back(stage); }
  void step(const Batch& batch, Step& step) override {
    w += step.stage == 0 ? 1 : -1;
    sum += static_cast<double>(batch["labelled"].samples[0]);
    step.record("loss.total", w.clone());
  }
  Predictor& predictor() override { return *this; }
  at::Tensor predict(const at::Tensor& image) override { return image; }
  std::vector<std::pair<std::string, double>> diagnostics() const override {
    return {{"counted", w.item<double>()}};
  }
  void settle(const Communicator&) override { ++settled; }
  void state(StateVisitor& visitor) override {
    visitor.tensor("w", w);
    visitor.scalar("sum", sum);
  }

  at::Tensor w = at::zeros({}, at::kDouble);
  double sum = 0;
  int settled = 0;
  std::vector<int64_t> begun;

 private:
  Plan plan_;
};

// The batch of step i of a stage holds the sample i.
class Numbered : public BatchSource {
 public:
  explicit Numbered(int64_t first) : next_(first) {}
  Batch next() override {
    Batch batch;
    batch.add_stream("labelled", {next_++}).label = at::zeros({1, 1}, at::kLong);
    return batch;
  }

 private:
  int64_t next_;
};

struct TrainerTest : testing::Test {
  // Runs until `stop_after` steps of this start, or to the end. `score` is that of a validation.
  bool run(Counter& method, int64_t stop_after = 1000, std::function<double()> score = {}) {
    Trainer trainer(
        {.method = method,
         .protocol = protocol,
         .comm = *comm,
         .draws = Draws(1),
         .batches = [](int64_t, int64_t first) { return std::make_unique<Numbered>(first); },
         .epoch_length = [](int64_t stage) { return stage == 0 ? 3 : 1; },
         .validate =
             score ? [=] { return ValueRow{{"dice", score()}}; } : std::function<ValueRow()>(),
         .journal = &journal,
         .displays = {&display},
         .stop_reason = [=](int64_t steps) -> std::optional<std::string> {
           if (steps < stop_after) return std::nullopt;
           return "enough";
         }});
    return trainer.run();
  }

  ProtocolOptions protocol{.validate_every = 2, .checkpoint_every = 3, .log_every = 1};
  std::unique_ptr<Communicator> comm = make_serial_communicator();
  MemoryJournal journal;
  MemoryDisplay display;
};

TEST_F(TrainerTest, AStoppedTrainingGoesOnAsIfItHadNotStopped) {
  Counter whole({5, 4});
  EXPECT_TRUE(run(whole));
  const StateMap expected = journal.newest.value();
  for (int64_t stop = 1; stop < 9; ++stop) {
    journal = {};
    display = {};
    Counter first({5, 4}), second({5, 4});
    EXPECT_FALSE(run(first, stop)) << stop;
    EXPECT_TRUE(run(second)) << stop;
    expect_equal_states(journal.newest.value(), expected);
    EXPECT_EQ(display.steps, 9) << "no step is made twice";
  }
}

TEST_F(TrainerTest, EveryStageBeginsOnceAndNotAgainAtAResume) {
  Counter first({3, 3}), second({3, 3});
  run(first, 4);
  EXPECT_EQ(first.begun, (std::vector<int64_t>{0, 1}));
  run(second);
  EXPECT_EQ(second.begun, std::vector<int64_t>());
}

TEST_F(TrainerTest, TheBestStateIsDeployed) {
  Counter method({8});
  // Scores 2, 4, 3, 2 after 2, 4, 6, 8 steps: the second is the best.
  EXPECT_TRUE(run(method, 1000, [&] {
    const auto w = method.w.item<double>();
    return w <= 4 ? w : 5 - w / 3;
  }));
  EXPECT_EQ(method.w.item<double>(), 4);
  EXPECT_EQ(display.scores.size(), 4u);
  EXPECT_EQ(journal.events.back(), "load best 4");
}

TEST_F(TrainerTest, TheRowOfAValidationCarriesNumbersOfTheMethodWhichDoNotSelect) {
  Counter method({4});
  run(method, 1000, [&] { return -method.w.item<double>(); });
  std::vector<MetricsRow> validations;
  for (const MetricsRow& row : journal.rows) {
    if (!row.split.empty()) validations.push_back(row);
  }
  ASSERT_EQ(validations.size(), 2u);
  EXPECT_EQ(validations[0].values, (ValueRow{{"dice", -2}, {"counted", 2}}));
  EXPECT_EQ(validations[1].values, (ValueRow{{"dice", -4}, {"counted", 4}}));
  EXPECT_EQ(method.w.item<double>(), 2);
}

TEST_F(TrainerTest, TheLastStateIsDeployedWhereTheProtocolSaysSo) {
  protocol.select = "last";
  Counter method({8});
  run(method, 1000, [&] { return -method.w.item<double>(); });
  EXPECT_EQ(method.w.item<double>(), 8);
}

TEST_F(TrainerTest, AStageBeginsFromTheBestStateOfTheStageBefore) {
  Counter method({6, 1});
  protocol.select = "last";
  // The best of the first stage is after 2 steps; one step down from there.
  run(method, 1000, [&] { return -method.w.item<double>(); });
  EXPECT_EQ(method.w.item<double>(), 1);
}

TEST_F(TrainerTest, PatienceEndsAStageWithoutANewBest) {
  protocol.patience = 2;
  Counter method({20});
  run(method, 1000, [&] { return -method.w.item<double>(); });
  EXPECT_EQ(display.steps, 6) << "validations after 2, 4 and 6 steps; two of them no better";
}

TEST_F(TrainerTest, PatienceMayBeCountedInEpochsOfTheStage) {
  protocol.patience_epochs = 2;
  Counter method({20, 20});
  run(method, 1000, [] { return 1.0; });
  // The best of each stage is after 2 steps. Six steps later the first ends, whose epochs have
  // three; two steps later the second, whose epochs have one.
  EXPECT_EQ(display.steps, 8 + 4);
}

TEST_F(TrainerTest, PatienceInEpochsIsTheSameAfterAResume) {
  protocol.patience_epochs = 2;
  for (int64_t stop = 1; stop < 8; ++stop) {
    journal = {};
    display = {};
    Counter first({20}), second({20});
    const auto score = [] { return 1.0; };
    EXPECT_FALSE(run(first, stop, score));
    EXPECT_TRUE(run(second, 1000, score));
    EXPECT_EQ(display.steps, 8) << stop;
  }
}

TEST_F(TrainerTest, AnEqualScoreIsNoNewBest) {
  Counter method({6});
  run(method, 1000, [] { return 1.0; });
  EXPECT_EQ(display.scores,
            (std::vector<std::pair<double, bool>>{{1, true}, {1, false}, {1, false}}));
}

TEST_F(TrainerTest, AScoreThatIsNoNumberIsWorseThanAnyOther) {
  Counter method({6});
  run(method, 1000, [&] {
    const auto w = method.w.item<double>();
    return w == 4 ? 0.1 : std::numeric_limits<double>::quiet_NaN();
  });
  EXPECT_EQ(method.w.item<double>(), 4);
}

TEST_F(TrainerTest, AValidationThatWasBrokenOffIsMadeUpAtTheResume) {
  Counter first({4}), second({4});
  bool is_broken_off = true;
  const auto score = [&] { return 1.0; };
  Trainer broken({.method = first,
                  .protocol = protocol,
                  .comm = *comm,
                  .draws = Draws(1),
                  .batches = [](int64_t, int64_t from) { return std::make_unique<Numbered>(from); },
                  .validate =
                      [&] {
                        return is_broken_off ? ValueRow{} : ValueRow{{"dice", 1.0}};
                      },
                  .journal = &journal,
                  .displays = {&display},
                  .stop_reason = [](int64_t steps) -> std::optional<std::string> {
                    if (steps < 2) return std::nullopt;
                    return "signal";
                  }});
  EXPECT_FALSE(broken.run());
  EXPECT_TRUE(display.scores.empty());
  EXPECT_EQ(broken.stop_reason(), "signal");
  EXPECT_TRUE(run(second, 1000, score));
  EXPECT_EQ(display.scores.size(), 2u) << "after 2 steps, made up, and after 4";
  EXPECT_EQ(display.steps, 4);
}

TEST_F(TrainerTest, AResumeBeginsAtTheNewestStateAndShowsTheBestSoFar) {
  Counter first({8}), second({8});
  const auto falling = [](Counter& method) {
    return [&method] { return -method.w.item<double>(); };
  };
  run(first, 5, falling(first));
  EXPECT_FALSE(display.best_at_begin);
  run(second, 1000, falling(second));
  EXPECT_EQ(display.best_at_begin, -2) << "of the validations after 2 and 4 steps";
  EXPECT_EQ(journal.events.front(), "begin 0");
  EXPECT_EQ(std::count(journal.events.begin(), journal.events.end(), "begin 5"), 1);
}

TEST_F(TrainerTest, TheJournalHasARowOfEveryStepAndValidation) {
  Counter method({2, 2});
  run(method, 1000, [] { return 0.5; });
  std::vector<std::string> rows;
  for (const MetricsRow& row : journal.rows)
    rows.push_back(row.stage + std::to_string(row.iteration) + row.split +
                   std::to_string(row.step));
  EXPECT_EQ(rows,
            (std::vector<std::string>{"up11", "up22", "up2val2", "down13", "down24", "down2val4"}));
}

TEST_F(TrainerTest, SettleComesBeforeEverySave) {
  Counter method({6});
  run(method, 1000, [&] { return method.w.item<double>(); });
  int saves = 0;
  for (const std::string& event : journal.events)
    saves += event.starts_with("save") || event.starts_with("best");
  EXPECT_EQ(method.settled, saves);
}

}  // namespace
}  // namespace semiseg
