// SPDX-License-Identifier: Apache-2.0
// Fault drills on two ranks: whatever happens to one, all end soon, the cause is named, and the
// same command goes on from a good checkpoint to the numbers of a run that nothing happened to.
#include "framework/core/process.h"
#include "framework/record/run/lock_file.h"
#include "tests/support/places.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {

// The number of repetitions of each drill.
constexpr int kRepeats = 10;

const std::string kOptions = "method=transmedseg comm.deadline=2";

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class Faults : public SmallRuns {
 protected:
  // Drill after drill on one run, rank 1 struck after 1, 2, … steps; each start goes on from what
  // the drill before left. At last the same command ends as if nothing had been.
  static std::vector<ProgramResult> drill(const std::string& kind, int repeats = kRepeats) {
    if (!std::filesystem::exists(folder_ / "whole")) {
      const ProgramResult whole = train("whole", kOptions, mpirun(2));
      EXPECT_EQ(whole.exit_code, 0) << whole.output;
    }
    std::vector<ProgramResult> results;
    for (int step = 1; step <= repeats; ++step) {
      const std::string fault = "SEMISEG_FAULT=" + kind + ":1:" + std::to_string(step);
      results.push_back(train(kind, kOptions, mpirun(2, fault)));
      EXPECT_NE(results.back().exit_code, 124) << "it hung:\n" << results.back().output;
    }
    const ProgramResult resumed = train(kind, kOptions, mpirun(2));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
    expect_equal_runs("whole", kind);
    return results;
  }
};

TEST_F(Faults, ARankThatIsKilledTakesTheOthersAlong) {
  for (const ProgramResult& result : drill("kill")) EXPECT_EQ(result.exit_code, 137);
}

TEST_F(Faults, ARankThatIsStoppedIsNamedWithinTheDeadline) {
  for (const ProgramResult& result : drill("stop")) {
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_EQ(count(result.output, "ranks waited longer than 2 s"), 1u) << result.output;
    EXPECT_NE(result.output.find("rank 1 (pid"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("no sign of life"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("waiting: rank 0"), std::string::npos) << result.output;
  }
}

// As a scheduler suspends a job for another one: longer than the deadline, and its ranks wake up
// one after the other.
TEST_F(Faults, AJobThatIsSuspendedAndContinuedGoesOn) {
  const std::string script = R"(
    "$@" & job=$!
    while ! ls suspended/checkpoint/*.h5 >/dev/null 2>&1; do sleep 0.1; done
    below() { for child in $(cat /proc/$1/task/*/children 2>/dev/null); do echo $child; below $child; done; }
    all=$(below $job)
    kill -STOP $all; sleep 5
    for one in $all; do kill -CONT $one; sleep 0.1; done
    sleep 3; touch suspended/stop
    wait $job)";
  write_file(folder_ / "suspend", script);
  const ProgramResult result =
      train("suspended", kOptions + " protocol.iterations=100000 protocol.validate_every=0",
            "sh suspend env " + mpirun(2));
  EXPECT_EQ(result.exit_code, 5) << result.output;
}

TEST_F(Faults, ARankThatComputesForEverIsNamedAsLate) {
  const ProgramResult result = drill("spin", 1).front();
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_NE(result.output.find("is alive but has not reached the collective"), std::string::npos)
      << result.output;
  EXPECT_NE(result.output.find("after step 1"), std::string::npos) << result.output;
}

// No rank waits for another: each is told with its place, and the run says why it ended.
TEST_F(Faults, RanksThatAllComputeForEverAreNamed) {
  const ProgramResult result =
      train("spins", kOptions, mpirun(2, "SEMISEG_FAULT=spin:0:1,spin:1:1"));
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_EQ(count(result.output, "all ranks have computed for longer than 2 s"), 1u)
      << result.output;
  for (const char* rank : {"rank 0 (pid", "rank 1 (pid"})
    EXPECT_NE(result.output.find(rank), std::string::npos) << result.output;
  const std::string state = text("spins", "state.json");
  EXPECT_NE(state.find("\"failed\""), std::string::npos) << state;
  EXPECT_NE(state.find("all ranks have computed"), std::string::npos) << state;
}

// A volume in windows at every voxel: the only case takes longer than the deadline.
const std::string kLongCase =
    "train --stop-after 1 run.dir=long method=supervised dataset=atrium_phantom "
    "dataset.root=volumes "
    "dataset.patients_train=4 dataset.patients_val=1 dataset.patients_test=1 dataset.slices=16 "
    "dataset.size=32 labelled=2 protocol=volume_small 'protocol.patch_size=[16,16,16]' "
    "protocol.batch=2 protocol.labelled_batch=1 protocol.iterations=2 protocol.validate_every=0 "
    "protocol.select=last "
    "'inference.stride=[1,1,1]' backbone=vnet_small threads=1 comm.deadline=2";

class LongCases : public Faults {
 protected:
  static void SetUpTestSuite() {
    Faults::SetUpTestSuite();
    const ProgramResult trained = run_program(kLongCase, folder_.string());
    ASSERT_EQ(trained.exit_code, 5) << trained.output;
  }
  static ProgramResult evaluate(const std::string& before) {
    return run_program("evaluate long", folder_.string(), before);
  }
};

TEST_F(LongCases, ACaseThatTakesLongerThanTheDeadlineIsProgress) {
  const ProgramResult result = evaluate(mpirun(2));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "long/heartbeat.reading"));
}

// The rank without a case waits for the other, which is suspended in its case.
TEST_F(LongCases, ARankThatStopsInAnEvaluationIsNamed) {
  write_file(folder_ / "stop_rank", R"(
    "$@" & job=$!
    until pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' long/heartbeat.reading/*/0.json 2>/dev/null) && test "$pid"; do
      sleep 0.02
    done
    kill -STOP $pid; wait $job; code=$?; kill -KILL $pid 2>/dev/null; exit $code)");
  const ProgramResult result = evaluate("sh stop_rank env " + mpirun(2));
  EXPECT_EQ(result.exit_code, 4) << result.output;
  EXPECT_NE(result.output.find("rank 0 (pid"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("no sign of life"), std::string::npos) << result.output;
}

// Neither knows of the other: only the first says so.
TEST_F(Faults, ProcessesOfATorchrunAreToldToUseMpirun) {
  for (const auto& [rank, messages] : {std::pair{"0", 1u}, {"1", 0u}}) {
    const ProgramResult result = train("torch", kOptions, std::string("WORLD_SIZE=2 RANK=") + rank);
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_EQ(count(result.output, "mpirun -n 2"), messages) << result.output;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "torch"));
}

TEST_F(Faults, AnExceptionInOneRankIsPrintedOnceAndFirst) {
  for (const ProgramResult& result : drill("throw")) {
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_EQ(count(result.output, "error: "), 1u) << result.output;
    EXPECT_LT(result.output.find("[rank 1] error: a drill: this rank fails"),
              result.output.find("MPI_ABORT"))
        << result.output;
  }
}

TEST_F(Faults, ARankWithoutMemoryEndsTheRun) {
  for (const ProgramResult& result : drill("oom")) {
    EXPECT_EQ(result.exit_code, 4) << result.output;
    EXPECT_EQ(count(result.output, "error: "), 1u) << result.output;
    EXPECT_NE(result.output.find("[rank 1] error: there is not enough memory"), std::string::npos)
        << result.output;
  }
}

TEST_F(Faults, ASignalToOneRankStopsAllAtTheSameStep) {
  int step = 1;
  for (const ProgramResult& result : drill("usr2")) {
    EXPECT_EQ(result.exit_code, 5) << result.output;
    const std::string message =
        "stopped and saved after " + std::to_string(++step) + " iterations (rank 1: SIGUSR2)";
    EXPECT_EQ(count(result.output, message), 1u) << result.output;
  }
}

// The first calls one by one (folder, configuration, first rows), then ever wider steps through the
// calls of the checkpoints, which checkpoint_test takes one by one; until a run gets through.
TEST_F(Faults, AFullDiskAtAnyWriteEndsTheRunAndSpoilsNothing) {
  const std::string options =
      "method=supervised protocol.iterations=3 protocol.checkpoint_every=2 "
      "protocol.validate_every=2";
  ASSERT_EQ(train("roomy", options).exit_code, 0);
  int failures = 0;
  for (int call = 0;; call += 1 + call / 4) {
    const std::string run = "full" + std::to_string(call);
    const ProgramResult full = train(run, options, "SEMISEG_FAULT=disk:0:" + std::to_string(call));
    if (full.exit_code == 0) break;
    ++failures;
    EXPECT_EQ(full.exit_code, 3) << full.output;
    EXPECT_NE(full.output.find("No space left"), std::string::npos) << full.output;
    const ProgramResult resumed = train(run, options);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    expect_equal_runs("roomy", run);
  }
  EXPECT_GE(failures, 20);
}

TEST_F(Faults, ARankWithAnotherConfigurationIsNamedBeforeAnythingIsWritten) {
  for (int i = 1; i <= kRepeats; ++i) {
    const std::string program = "'" + program_file().string() + "' ";
    const ProgramResult result = train(
        "odd",
        kOptions + " : -n 1 " + program + arguments("odd", kOptions) + " seed=" + std::to_string(i),
        mpirun(1));
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_EQ(count(result.output, "error: "), 1u) << result.output;
    EXPECT_NE(result.output.find("seed = " + std::to_string(i)), std::string::npos)
        << result.output;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "odd"));
  }
}

TEST_F(Faults, AMissingRankIsMissedAtTheStart) {
  for (int i = 0; i < kRepeats; ++i) {
    const ProgramResult fewer = train("few", kOptions + " comm.ranks=3", mpirun(2));
    EXPECT_EQ(fewer.exit_code, 2) << fewer.output;
    EXPECT_NE(fewer.output.find("mpirun -n 3"), std::string::npos) << fewer.output;
    const ProgramResult dead = train("few", kOptions + " : -n 1 /bin/false", mpirun(1));
    EXPECT_NE(dead.exit_code, 0);
    EXPECT_NE(dead.exit_code, 124) << dead.output;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "few"));
  }
}

TEST_F(Faults, MoreRanksThanPartsOfTheBatchIsAnError) {
  const ProgramResult result =
      train("many", "method=bcp protocol.batch=4 protocol.labelled_batch=2", mpirun(3));
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_EQ(count(result.output, "too many ranks for this batch"), 1u) << result.output;
}

TEST_F(Faults, ASecondJobOnARunFolderLeavesTheFirstAlone) {
  RunningProgram first(arguments("shared", kOptions + " protocol.iterations=1000000"), folder_,
                       mpirun(2));
  while (!std::filesystem::exists(folder_ / "shared/checkpoint")) {
    ASSERT_FALSE(first.ends_within(0.05)) << first.wait().output;
  }
  for (int i = 0; i < kRepeats; ++i) {
    const ProgramResult second =
        train("shared", kOptions + " protocol.iterations=1000000", i % 2 ? mpirun(2) : "");
    EXPECT_EQ(second.exit_code, 2) << second.output;
    EXPECT_EQ(count(second.output, "another process works on this run"), 1u) << second.output;
  }
  EXPECT_FALSE(first.ends_within(0));
  const ProgramResult stop = run_program("train --stop shared", folder_.string());
  EXPECT_EQ(stop.exit_code, 0) << stop.output;
  const ProgramResult stopped = first.wait();
  EXPECT_EQ(stopped.exit_code, 5) << stopped.output;
  EXPECT_NE(stopped.output.find("semiseg train --stop"), std::string::npos) << stopped.output;
}

// A node whose clock is ahead of the controller's, or a shell of an old job.
TEST_F(Faults, AJobThatHasEndedByThisClockIsSaidAndTrains) {
  const ProgramResult result = train("late", "method=supervised protocol.iterations=2",
                                     "SLURM_JOB_END_TIME=" + std::to_string(now_seconds() - 600));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("by the clock of this machine the job ended 6"), std::string::npos)
      << result.output;
}

TEST_F(Faults, TheWalltimeStopsAndSavesInTime) {
  const ProgramResult result =
      train("walltime", kOptions + " protocol.iterations=1000000 run.walltime=13s", mpirun(2));
  EXPECT_EQ(result.exit_code, 5) << result.output;
  EXPECT_NE(result.output.find("walltime in"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace semiseg
