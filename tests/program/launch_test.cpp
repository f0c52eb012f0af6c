// SPDX-License-Identifier: Apache-2.0
// The program from outside: the same bits however a run is cut up, and clear errors for whatever is
// wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "framework/checkpoint/checkpoint.h"
#include "framework/core/files.h"
#include "tests/support/program.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// One generated data set of a few small patients for all tests of this binary.
class Launch : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / "semiseg_launch";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static ProgramResult semiseg(const std::string& arguments, const std::string& environment = "") {
    return run_program(arguments, folder_.string(), environment);
  }

  // A run of 12 iterations: `name` is its folder.
  static ProgramResult train(const std::string& name,
                             const std::string& more = "method=supervised") {
    return semiseg("train " + kSmall + " run.dir=" + name + " " + more);
  }

  static StateMap state(const std::string& run, const std::string& file) {
    return load_checkpoint(folder_ / run / "checkpoint" / file);
  }

  static void expect_equal_runs(const std::string& a, const std::string& b) {
    EXPECT_EQ(read_file(folder_ / a / "metrics.jsonl"), read_file(folder_ / b / "metrics.jsonl"));
    EXPECT_EQ(read_file(folder_ / a / "cases.csv"), read_file(folder_ / b / "cases.csv"));
    expect_equal_states(state(a, "best.h5"), state(b, "best.h5"));
    expect_equal_states(state(a, "000012.h5"), state(b, "000012.h5"));
  }

  static inline const std::string kSmall =
      "protocol=smoke dataset.patients_train=6 dataset.patients_val=1 dataset.patients_test=1 "
      "dataset.slices=5 "
      "dataset.size=32 dataset.root=data labelled=2 threads=1 'backbone.filters=[4,8,8,8,8]'";
  static inline fs::path folder_;
};

TEST_F(Launch, TwoRunsOfOneSeedAreEqualByteForByte) {
  ASSERT_EQ(train("twice_a", "method=transmedseg").exit_code, 0);
  ASSERT_EQ(train("twice_b", "method=transmedseg").exit_code, 0);
  expect_equal_runs("twice_a", "twice_b");
}

TEST_F(Launch, TheNumberOfLoaderThreadsChangesNoBit) {
  for (const char* threads : {"0", "1", "3"}) {
    const std::string run = std::string("loader_") + threads;
    ASSERT_EQ(train(run, std::string("method=mean_teacher loader.threads=") + threads).exit_code,
              0);
  }
  expect_equal_runs("loader_0", "loader_1");
  expect_equal_runs("loader_0", "loader_3");
}

TEST_F(Launch, ARunStoppedAfterAnyStepGoesOnAsIfItHadNotBeen) {
  ASSERT_EQ(train("whole", "method=bcp").exit_code, 0);
  for (int step = 1; step < 12; ++step) {
    const std::string run = "stopped_" + std::to_string(step);
    const ProgramResult first = train(run, "method=bcp --stop-after " + std::to_string(step));
    ASSERT_EQ(first.exit_code, 5) << first.output;
    const ProgramResult second = train(run, "method=bcp");
    ASSERT_EQ(second.exit_code, 0) << second.output;
    EXPECT_NE(second.output.find("resuming after " + std::to_string(step)), std::string::npos)
        << second.output;
    expect_equal_runs("whole", run);
  }
}

TEST_F(Launch, EveryMethodResumesInTheMiddleAlike) {
  for (const char* method : {"supervised", "mean_teacher", "transmedseg", "cps", "dan"}) {
    const std::string whole = std::string("whole_") + method, cut = std::string("cut_") + method;
    const std::string choice = std::string("method=") + method;
    ASSERT_EQ(train(whole, choice).exit_code, 0);
    ASSERT_EQ(train(cut, choice + " --stop-after 5").exit_code, 5);
    ASSERT_EQ(train(cut, choice + " --stop-after 4").exit_code, 5);
    ASSERT_EQ(train(cut, choice).exit_code, 0);
    expect_equal_runs(whole, cut);
  }
}

TEST_F(Launch, ADoneRunSaysSoAndStaysAsItIs) {
  ASSERT_EQ(train("done").exit_code, 0);
  const std::string before = read_file(folder_ / "done/metrics.jsonl");
  const ProgramResult again = train("done");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.output.find("already done"), std::string::npos) << again.output;
  EXPECT_EQ(read_file(folder_ / "done/metrics.jsonl"), before);
}

TEST_F(Launch, TheSameCommandFindsItsFolderAgain) {
  const std::string command = "train " + kSmall + " method=supervised run.root=found";
  ASSERT_EQ(semiseg(command + " --stop-after 3").exit_code, 5);
  ASSERT_EQ(semiseg(command).exit_code, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "found"), {}), 1);
}

TEST_F(Launch, ADamagedNewestCheckpointIsPassedOverForTheOneBefore) {
  ASSERT_EQ(train("intact", "method=supervised").exit_code, 0);
  ASSERT_EQ(train("damaged", "method=supervised --stop-after 9").exit_code, 5);
  const fs::path newest = folder_ / "damaged/checkpoint/000009.h5";
  fs::resize_file(newest, fs::file_size(newest) / 2);
  const ProgramResult result = train("damaged", "method=supervised");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("000009.h5"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("resuming after 8"), std::string::npos) << result.output;
  expect_equal_runs("intact", "damaged");
}

TEST_F(Launch, AStageWithoutANewBestEndsEarly) {
  const ProgramResult result =
      train("patient",
            "method=supervised protocol.patience=2 protocol.validate_every=1 "
            "protocol.optimiser.learning_rate=1e-12");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("ends at iteration 3"), std::string::npos) << result.output;
  EXPECT_TRUE(fs::exists(folder_ / "patient/checkpoint/000003.h5"));
}

TEST_F(Launch, TrainingLeavesWhatTheRunFolderPromises) {
  ASSERT_EQ(train("files").exit_code, 0);
  for (const char* file :
       {"config.toml", "provenance.json", "dataset.json", "metrics.jsonl", "log.txt", "cases.csv",
        "summary.json", "state.json", "overlay.png", "checkpoint/best.h5", "checkpoint/000012.h5",
        "cases_last.csv", "account.json"}) {
    EXPECT_TRUE(fs::exists(folder_ / "files" / file)) << file;
  }
}

TEST_F(Launch, EvaluateRepeatsTheNumbersOfTheRun) {
  ASSERT_EQ(train("measured").exit_code, 0);
  const ProgramResult result = semiseg("evaluate measured --split test");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(read_file(folder_ / "measured/cases.test.csv"),
            read_file(folder_ / "measured/cases.csv"));
}

// The best weights are those of an earlier step, or the two files would have the same rows.
TEST_F(Launch, BothWeightsAreMeasuredAtTheEnd) {
  ASSERT_EQ(train("both",
                  "method=supervised protocol.validate_every=2 "
                  "protocol.optimiser.learning_rate=0.5")
                .exit_code,
            0);
  const std::string last = read_file(folder_ / "both/cases_last.csv");
  EXPECT_NE(last.find("# selection split: last\n"), std::string::npos) << last;
  const ProgramResult result = semiseg("evaluate both --split test --weights 000012");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto rows = [](const std::string& text) { return text.substr(text.find("\ncase,")); };
  EXPECT_EQ(rows(read_file(folder_ / "both/cases.test.csv")), rows(last));
  EXPECT_EQ(semiseg("table both --verify").exit_code, 0);
}

// Its best.h5 is only what a validation liked; not even read.
TEST_F(Launch, ARunThatSelectsNothingIsEvaluatedWithItsLastWeights) {
  ASSERT_EQ(train("unselected", "method=supervised protocol.select=last").exit_code, 0);
  write_file(folder_ / "unselected/checkpoint/best.h5", "not these");
  const ProgramResult result = semiseg("evaluate unselected --split test");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(read_file(folder_ / "unselected/cases.test.csv"),
            read_file(folder_ / "unselected/cases.csv"));
}

TEST_F(Launch, TheTableHasOneRowForEachMethodAndItsSeeds) {
  for (const char* seed : {"0", "1"}) {
    const std::string options = std::string("method=supervised seed=") + seed;
    ASSERT_EQ(train(std::string("compared/supervised_") + seed, options).exit_code, 0);
  }
  const ProgramResult result = semiseg("table compared --csv table.csv --markdown table.md");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("supervised"), std::string::npos);
  EXPECT_NE(result.output.find("±"), std::string::npos) << result.output;
  EXPECT_TRUE(fs::exists(folder_ / "table.csv"));
}

TEST_F(Launch, EveryVerbExplainsItselfWithAnExample) {
  for (const char* verb : {"train", "sweep", "sweep status", "sweep retry", "sweep measure",
                           "check", "evaluate", "table", "info"}) {
    const ProgramResult result = semiseg(std::string(verb) + " --help");
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.output.find("example: semiseg " + std::string(verb)), std::string::npos)
        << result.output;
  }
  EXPECT_EQ(semiseg("--help").exit_code, 0);
}

// Covers the benchmarks that make their own input on disk.
TEST_F(Launch, BenchmarksPrintALineForEachThingTimed) {
  const ProgramResult result =
      run_program("benchmark loader checkpoint/save_load startup quick=true repeats=1 threads=1",
                  folder_.string());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const char* name :
       {"loader/acdc_like/threads_2", "checkpoint/save_load/hdf5", "startup/semiseg"})
    EXPECT_NE(result.output.find(name), std::string::npos) << result.output;
}

struct BadInput {
  const char* name;
  std::string arguments;  // behind "train <small>"
  int exit_code;
  std::vector<std::string> fragments;
};

class BadInputs : public Launch, public testing::WithParamInterface<BadInput> {};

TEST_P(BadInputs, StopWithAClearMessage) {
  const ProgramResult result = semiseg("train " + kSmall + " run.root=bad " + GetParam().arguments);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.output;
  for (const auto& fragment : GetParam().fragments) {
    EXPECT_NE(result.output.find(fragment), std::string::npos)
        << "missing '" << fragment << "' in\n"
        << result.output;
  }
  EXPECT_FALSE(fs::exists(folder_ / "bad")) << "nothing is written for a run that cannot start";
}

INSTANTIATE_TEST_SUITE_P(
    Train, BadInputs,
    testing::Values(
        BadInput{"UnknownKey",
                 "method=bcp method.ema_decya=0.9",
                 2,
                 {"method.ema_decya", "method.ema_decay"}},
        BadInput{"UnknownMethod", "method=bpc", 2, {"bpc", "bcp"}},
        BadInput{"UnknownGroup", "metod=bcp", 2, {"metod", "method"}},
        BadInput{
            "WrongType", "protocol.iterations=many", 2, {"protocol.iterations", "integer", "many"}},
        BadInput{"OutOfRange",
                 "method=bcp method.unlabelled_weight=-1",
                 2,
                 {"method.unlabelled_weight", "-1", "0"}},
        BadInput{"UnknownChoice", "protocol.select=best", 2, {"protocol.select", "val", "last"}},
        BadInput{"MoreLabelledThanPatients", "labelled=7", 2, {"7", "6"}},
        BadInput{"FewerSamplesThanTheBatch",
                 "labelled=1 protocol.batch=64 protocol.labelled_batch=32 method=cps",
                 2,
                 {"32"}},
        BadInput{
            "BatchThatTheMethodCannotUse", "method=bcp protocol.batch=5", 2, {"protocol.batch"}},
        BadInput{"PatchThatTheNetworkCannotUse", "protocol.patch_size=[40,32]", 2, {"16", "40"}},
        BadInput{"PrecisionOfAGpu",
                 "device=cpu protocol.precision=tf32",
                 2,
                 {"protocol.precision", "tf32", "GPU", "float32"}},
        BadInput{"HalfPrecisionOfAGpu",
                 "device=cpu protocol.precision=float16",
                 2,
                 {"protocol.precision", "float16", "GPU", "bfloat16"}},
        BadInput{"ForegroundOfManyClasses",
                 "inference.mode=sliding_window inference.decision=foreground",
                 2,
                 {"inference.decision", "there are 4", "argmax", "foreground"}},
        BadInput{"MissingData", "dataset=acdc dataset.root=nowhere", 3, {"nowhere"}},
        BadInput{"SweepInATrainingCommand", "seed=0,1", 2, {"sweep"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(Launch, UnknownVerbsAndFlagsAreUsageErrors) {
  EXPECT_EQ(semiseg("trian").exit_code, 2);
  EXPECT_NE(semiseg("trian").output.find("did you mean 'train'?"), std::string::npos);
  EXPECT_EQ(semiseg("train --nonsense").exit_code, 2);
}

TEST_F(Launch, ATerminateSignalStopsAndSaves) {
  const std::string command =
      "train " + kSmall + " method=supervised run.dir=signalled protocol.iterations=100000";
  // The shell sends the signal when the first checkpoint is there.
  const ProgramResult result = semiseg(command +
                                       " & pid=$!; while [ ! -e signalled/checkpoint ]; "
                                       "do sleep 0.05; done; kill -TERM $pid; wait $pid");
  EXPECT_EQ(result.exit_code, 5) << result.output;
  EXPECT_NE(read_file(folder_ / "signalled/state.json").find("stopped"), std::string::npos);
}

}  // namespace
}  // namespace semiseg
