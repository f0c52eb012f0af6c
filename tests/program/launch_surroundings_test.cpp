// SPDX-License-Identifier: Apache-2.0
// Tests the surroundings of a run: its batch job, a broken pipe, damaged files.
#include <nlohmann/json.hpp>

#include "tests/support/small_run.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

class Surroundings : public SmallRuns {};

TEST_F(Surroundings, TheJobAndTheNumberOfRanksAreWrittenDown) {
  const ProgramResult result =
      train("job", "method=supervised", mpirun(2) + " env SLURM_JOB_ID=4711");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(nlohmann::json::parse(text("job", "provenance.json")).at("ranks"), 2);
  EXPECT_NE(text("job", "state.json").find("4711"), std::string::npos) << text("job", "state.json");
  EXPECT_FALSE(fs::exists(folder_ / "job" / "heartbeat")) << "it goes with the start";
}

// As after Ctrl-C in `semiseg train … | tee log`: the reader of the output is gone first.
TEST_F(Surroundings, ABrokenPipeEndsNoTraining) {
  const ProgramResult result = train("piped",
                                     "method=supervised 2>&1 | head -n 1; for i in $(seq 100); do "
                                     "grep -q done piped/state.json && break; sleep 0.1; done #");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(nlohmann::json::parse(text("piped", "state.json")).at("status"), "done");
}

// After the last step come a validation and the evaluation: none of them is waited for.
TEST_F(Surroundings, ASignalInTheFinalEvaluationStopsItAndTheNextStartEvaluates) {
  const std::string options =
      "method=supervised dataset.patients_test=60 dataset.root=many dataset.slices=20";
  ASSERT_EQ(train("patient", options).exit_code, 0);
  const ProgramResult stopped =
      train("stopped", options +
                           " & pid=$!; while [ ! -e stopped/checkpoint/000012.h5 ]; do sleep 0.01; "
                           "done; kill -TERM $pid; wait $pid");
  EXPECT_EQ(stopped.exit_code, 5) << stopped.output;
  EXPECT_NE(stopped.output.find("stopped in the evaluation after the training (SIGTERM)"),
            std::string::npos)
      << stopped.output;
  EXPECT_NE(text("stopped", "state.json").find("stopped"), std::string::npos);
  ASSERT_EQ(train("stopped", options).exit_code, 0);
  expect_equal_runs("patient", "stopped");
}

TEST_F(Surroundings, AStopBeforeAValidationLeavesItToTheNextStart) {
  const std::string options = "method=supervised protocol.validate_every=4";
  ASSERT_EQ(train("validated", options).exit_code, 0);
  for (const int step : {4, 12}) {
    const std::string run = "before" + std::to_string(step);
    const std::string fault = "SEMISEG_FAULT=usr2:0:" + std::to_string(step - 1);
    ASSERT_EQ(train(run, options, fault).exit_code, 5);
    const std::string row = "\"step\":" + std::to_string(step) + ",\"split\":\"val\"";
    EXPECT_EQ(text(run, "metrics.jsonl").find(row), std::string::npos);
    ASSERT_EQ(train(run, options).exit_code, 0);
    EXPECT_NE(text(run, "metrics.jsonl").find(row), std::string::npos);
    expect_equal_runs("validated", run);
  }
}

// The start that makes the validation up is killed right after it.
TEST_F(Surroundings, AValidationThatWasMadeUpIsWrittenOnce) {
  const std::string options = "method=supervised protocol.validate_every=3";
  ASSERT_EQ(train("once", options).exit_code, 0);
  ASSERT_EQ(train("again", options, "SEMISEG_FAULT=usr2:0:2").exit_code, 5);
  ASSERT_EQ(train("again", options, "SEMISEG_FAULT=kill:0:3").exit_code, 137);
  ASSERT_EQ(train("again", options).exit_code, 0);
  expect_equal_runs("once", "again");
}

TEST_F(Surroundings, BestWeightsThatAreLostEndTheRunAtItsStart) {
  const std::string options = "method=supervised protocol.validate_every=4";
  ASSERT_EQ(train("lost", options + " --stop-after 9").exit_code, 5);
  fs::remove(folder_ / "lost" / "checkpoint" / "best.h5");
  const ProgramResult result = train("lost", options);
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_NE(result.output.find("the best weights that the newest checkpoint refers to are lost"),
            std::string::npos)
      << result.output;
}

TEST_F(Surroundings, ARunWithoutAGoodCheckpointIsNotBegunAnewUnasked) {
  ASSERT_EQ(train("damaged", "method=supervised --stop-after 9").exit_code, 5);
  const std::string rows = text("damaged", "metrics.jsonl");
  for (const auto& entry : fs::directory_iterator(folder_ / "damaged" / "checkpoint"))
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
  const ProgramResult refused = train("damaged", "method=supervised");
  EXPECT_EQ(refused.exit_code, 3) << refused.output;
  EXPECT_NE(refused.output.find("none of the checkpoints is good"), std::string::npos)
      << refused.output;
  EXPECT_EQ(text("damaged", "metrics.jsonl"), rows);
  fs::remove_all(folder_ / "damaged" / "checkpoint");
  EXPECT_EQ(train("damaged", "method=supervised").exit_code, 0);
}

}  // namespace
}  // namespace semiseg
