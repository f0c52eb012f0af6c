// SPDX-License-Identifier: Apache-2.0
// Budgets of time: costs of steps, the iterations that follow from them, and sweeps that keep both.
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "cluster/budget/step_costs.h"
#include "framework/config/compose.h"
#include "framework/record/run/run_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

StepCost two_stages() {
  return {.kind = "0123456789abcdef",
          .method = "bcp",
          .backbone = "unet",
          .dataset = "acdc",
          .patch = {256, 256},
          .batch = 24,
          .host = "n1",
          .device = "cpu",
          .threads = 2,
          .stages = {{"pretrain", 0.25, 0.1}, {"self_train", 0.75, 0.30004}}};
}

TEST(StepCost, StagesCountByTheirShare) {
  EXPECT_EQ(two_stages().seconds(), 0.25) << "with three digits";
  EXPECT_EQ(iterations_in(600, two_stages()), 2400);
  StepCost tenth = two_stages();
  tenth.stages = {{"train", 1, 0.1}};
  EXPECT_EQ(iterations_in(30, tenth), 300) << "0.1 has no exact double";
  EXPECT_EQ(to_text(two_stages()), "bcp, unet, acdc, batch 24 of 256 × 256: 0.25 s a step");
}

TEST(StepCost, ABudgetOfAFewStepsIsRefused) {
  EXPECT_EQ(iterations_in(25, two_stages()), kLeastIterations);
  expect_error(ErrorKind::kConfig,
               {"too short to train", "bcp, unet", "at least 100 iterations: 25 s",
                "24.9 s: 99 iterations", "sweep.budget"},
               [] { iterations_in(24.9, two_stages()); });
}

TEST(StepCost, TheFileKeepsTheFirstOfAKindAndLeavesOutATornLine) {
  const TemporaryFolder folder;
  const fs::path file = folder / "new/costs.jsonl";
  EXPECT_TRUE(read_costs(file).empty());
  append_cost(file, two_stages());
  StepCost later = two_stages();
  later.stages.front().seconds = 7;
  append_cost(file, later);
  later.kind = "f";
  append_cost(file, later);
  write_file(file, read_file(file) + R"({"kind": "g", "me)");
  const auto costs = read_costs(file);
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_EQ(cost_json(costs.at("0123456789abcdef")), cost_json(two_stages()));
  later.kind = "h";
  append_cost(file, later);
  EXPECT_EQ(read_costs(file).size(), 3U) << "the torn line ends before the next one";
}

class Budgets : public SmallRuns {
 protected:
  static ProgramResult semiseg(const std::string& arguments) {
    return run_program(arguments, folder_.string());
  }
  static void expect_said(const ProgramResult& result, int code,
                          const std::vector<std::string>& words) {
    EXPECT_EQ(result.exit_code, code) << result.output;
    for (const std::string& word : words)
      EXPECT_NE(result.output.find(word), std::string::npos) << word << " is not in:\n"
                                                             << result.output;
  }
  // The figures of another machine: half a second a step of one method, a quarter of the others.
  static void set_costs(const fs::path& file, const std::string& slow) {
    std::string text;
    for (auto [kind, cost] : read_costs(file)) {
      for (StageCost& stage : cost.stages) stage.seconds = cost.method == slow ? 0.5 : 0.25;
      text += cost_json(cost) + "\n";
    }
    write_file(file, text);
  }
  static std::map<std::string, int64_t> iterations_of_runs(const std::string& root) {
    std::map<std::string, int64_t> all;
    for (const auto& run : fs::directory_iterator(folder_ / root)) {
      EXPECT_EQ(read_run_state(run.path()).value().status, RunStatus::kDone);
      const Config config = parse_config(read_file(run.path() / "config.toml"));
      int64_t iterations = 0;
      config.section("protocol")
          .read("iterations", iterations, {1, 1e9}, "Number of iterations of the run.");
      const std::string rows = read_file(run.path() / "metrics.jsonl");
      EXPECT_NE(rows.find("\"step\":" + std::to_string(iterations) + ","), std::string::npos);
      all[config.section("method").required("name", "method")] = iterations;
    }
    return all;
  }
};

// One test, because each part goes on from the one before.
TEST_F(Budgets, EveryMethodTrainsForTheSameTimeAndTheFiguresStay) {
  const std::string points = kSmall +
                             " protocol.batch=4 protocol.labelled_batch=2 method=supervised,bcp "
                             "'seed=range(2)' run.root=runs ";
  expect_said(semiseg("sweep measure " + points + "sweep.costs=costs.jsonl"), 0,
              {"supervised, unet", "bcp, unet", "s a step"});
  const auto costs = read_costs(folder_ / "costs.jsonl");
  ASSERT_EQ(costs.size(), 2U) << "seeds cost the same";
  for (const auto& [kind, cost] : costs) {
    ASSERT_EQ(cost.stages.size(), cost.method == "bcp" ? 2U : 1U);
    double shares = 0;
    for (const StageCost& stage : cost.stages) {
      EXPECT_GT(stage.seconds, 0);
      shares += stage.share;
    }
    EXPECT_NEAR(shares, 1, 1e-12);
  }
  set_costs(folder_ / "costs.jsonl", "bcp");
  const std::string command = "sweep " + std::regex_replace(points, std::regex("range.2."), "3") +
                              "protocol.validate_every=0 sweep.costs=costs.jsonl sweep.root=root "
                              "sweep.budget=50s";
  expect_said(semiseg(command), 0,
              {"bcp, unet", "100 iterations in 50 s", "200 iterations in 50 s", "2 runs: 2 done"});
  EXPECT_EQ(iterations_of_runs("runs"),
            (std::map<std::string, int64_t>{{"bcp", 100}, {"supervised", 200}}));
  // Other figures, or none, make no other runs of the same sweep.
  set_costs(folder_ / "costs.jsonl", "supervised");
  expect_said(semiseg(command), 0, {"2 runs: 2 done"});
  fs::remove(folder_ / "costs.jsonl");
  expect_said(semiseg(command), 0, {"2 runs: 2 done"});
  EXPECT_EQ(iterations_of_runs("runs").size(), 2U);
  const fs::path sweep = fs::directory_iterator(folder_ / "root")->path();
  expect_said(semiseg("sweep status " + sweep.string()), 0, {"0.5 s a step", "100 iterations"});
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "root"), fs::directory_iterator()), 1);
}

// The task of the launcher measures, its log and figures stay, and a refused sweep launches nothing.
TEST_F(Budgets, WhatIsNotKnownIsMeasuredOnceBeforeAnythingStarts) {
  const std::string command = "sweep " + kSmall +
                              " method=supervised seed=0,1 run.root=none sweep.dir=short "
                              "sweep.budget=0.001s";
  expect_said(semiseg(command), 2,
              {"measuring the cost of a step of 1 kinds", "too short to train"});
  const fs::path costs = folder_ / "short/costs/costs.jsonl";
  const std::string figures = read_file(costs);
  EXPECT_NE(figures.find("\"method\":\"supervised\""), std::string::npos) << figures;
  const ProgramResult again = semiseg(command);
  expect_said(again, 2, {"too short to train"});
  EXPECT_EQ(again.output.find("measuring"), std::string::npos) << again.output;
  EXPECT_EQ(read_file(costs), figures);
  expect_said(semiseg(command + " --dry-run"), 0, {"seed=0\nseed=1\n", "is measured first"});
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(Budgets, ATerminateSignalStopsTheMeasurement) {
  const ProgramResult result =
      semiseg("sweep " + kSmall +
              " method=bcp run.root=none sweep.dir=stopped sweep.budget=1h & pid=$!; "
              "until [ -e stopped/costs/0.log ]; do kill -0 $pid || break; sleep 0.05; done; "
              "kill -TERM $pid; wait $pid");
  expect_said(result, 5, {"stopped before anything was launched"});
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(Budgets, WrongBudgetsAreRefused) {
  const std::string command = "sweep " + kSmall + " method=supervised run.root=none ";
  expect_said(semiseg(command + "sweep.budget=soon"), 2, {"sweep.budget", "10min"});
  expect_said(semiseg(command + "sweep.budget=1h protocol.iterations=5"), 2,
              {"protocol.iterations and sweep.budget", "one of them"});
  expect_said(semiseg(command + "labelled=99 sweep.dir=bad sweep.budget=1h"), 2,
              {"could not be measured", "nothing was launched", "number of labelled patients"});
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

}  // namespace
}  // namespace semiseg::cluster
