// SPDX-License-Identifier: Apache-2.0
// Sweeps as a user starts them: from one command to a table, after a kill, with failures.
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "framework/record/run/run_state.h"
#include "tests/support/places.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

const std::string kSweep =
    " method=supervised,mean_teacher labelled=2,3 sweep.dir=sweep run.root=runs "
    "protocol.iterations=2 "
    "protocol.validate_every=2 protocol.checkpoint_every=1 sweep.at_once=1";

class Sweeps : public SmallRuns {
 protected:
  static std::string small() { return std::regex_replace(kSmall, std::regex(" labelled=2"), ""); }
  static ProgramResult semiseg(const std::string& arguments) {
    return run_program(arguments, folder_.string());
  }
  static std::vector<fs::path> runs() {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder_ / "runs")) all.push_back(entry.path());
    return all;
  }
  static nlohmann::json status() {
    const ProgramResult result = semiseg("sweep status sweep --json");
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return nlohmann::json::parse(result.output);
  }
};

void expect_said(const ProgramResult& result, int code, const std::vector<std::string>& words) {
  EXPECT_EQ(result.exit_code, code) << result.output;
  for (const std::string& word : words)
    EXPECT_NE(result.output.find(word), std::string::npos) << word << " is not in:\n"
                                                           << result.output;
}

// One test, because each part goes on from the one before.
TEST_F(Sweeps, FromOneCommandToATableOverAKill) {
  const std::string command = "sweep " + small() + kSweep;
  {
    RunningProgram launcher(command, folder_, "exec");
    // Until the second run has begun.
    for (int i = 0; i < 600 && (!fs::exists(folder_ / "runs") || runs().size() < 2); ++i)
      ASSERT_FALSE(launcher.ends_within(0.1)) << launcher.wait().output;
  }  // SIGKILL to the launcher and its child
  std::map<fs::path, fs::file_time_type> done;
  for (const fs::path& run : runs()) {
    const auto state = read_run_state(run);
    if (state && state->status == RunStatus::kDone)
      done[run] = fs::last_write_time(run / "state.json");
  }
  ASSERT_FALSE(done.empty());
  ASSERT_LT(done.size(), 4U);
  expect_said(semiseg(command), 0, {"4 runs: 4 done", "semiseg table"});
  EXPECT_EQ(runs().size(), 4U);
  for (const auto& [run, time] : done)
    EXPECT_EQ(fs::last_write_time(run / "state.json"), time) << run << " was done twice";
  const auto counts = status()["counts"];
  EXPECT_EQ(counts["done"], 4);
  expect_said(semiseg("table sweep"), 0, {"supervised", "mean_teacher"});
  expect_said(semiseg("sweep watch sweep"), 0, {"4 done"});
  expect_said(semiseg("sweep report sweep"), 0, {"report.html"});
  const std::string page = read_file(folder_ / "sweep" / "report.html");
  EXPECT_NE(page.find("method=mean_teacher labelled=2"), std::string::npos);
  // The same runs in a larger sweep are not done again.
  const ProgramResult larger =
      semiseg("sweep " + small() +
              " method=supervised labelled=2,3 sweep.dir=other run.root=runs "
              "protocol.iterations=2 protocol.validate_every=2 protocol.checkpoint_every=1");
  expect_said(larger, 0, {"2 runs: 2 done", "2 runs are done already"});
  const auto provenance = nlohmann::json::parse(read_file(runs().front() / "provenance.json"));
  EXPECT_EQ(provenance["tuning"]["configurations"], 1);
}

// In the shell: waits until a run below the folder has saved, or the program has ended.
std::string once_saved(const std::string& runs) {
  return " & pid=$!; until ls " + runs +
         "/*/checkpoint >/dev/null 2>&1; do kill -0 $pid || break; sleep 0.05; done; ";
}

TEST_F(Sweeps, ATerminateSignalPassesToTheRunsWhichSave) {
  const ProgramResult result =
      semiseg("sweep " + small() + " method=supervised labelled=2 seed=0,1 sweep.at_once=1" +
              " sweep.dir=stopped run.root=stopping protocol.iterations=100000" +
              once_saved("stopping") + "kill -TERM $pid; wait $pid");
  expect_said(result, 5, {"SIGTERM", "1 pending, 1 stopped", "stopped: seed=0"});
  EXPECT_FALSE(fs::exists(folder_ / "stopped" / "tasks" / "1.log")) << "the second run started";
}

// The launcher alone dies: its run goes on, and the next launcher takes it as it is.
TEST_F(Sweeps, TheRunOfAKilledLauncherIsNotStartedTwice) {
  const std::string command = "sweep " + small() + " method=supervised labelled=2 seed=0,1 " +
                              "sweep.at_once=1 sweep.dir=killed run.root=killing "
                              "protocol.iterations=200 protocol.validate_every=0 "
                              "protocol.checkpoint_every=1";
  const ProgramResult result =
      semiseg(command + once_saved("killing") + "kill -KILL $pid; wait $pid");
  EXPECT_EQ(result.exit_code, 137) << result.output;
  expect_said(semiseg(command), 0, {"2 runs: 2 done"});
  for (const auto& run : fs::directory_iterator(folder_ / "killing")) {
    const std::string log = read_file(run.path() / "log.txt");
    EXPECT_EQ(log.find("run folder:"), log.rfind("run folder:")) << log;
  }
}

TEST_F(Sweeps, CancelReachesTheLauncherFromOutside) {
  const std::string command = "sweep " + small() + " method=supervised labelled=2 seed=0,1 " +
                              "sweep.at_once=1 sweep.dir=cancelled run.root=cancelling "
                              "protocol.iterations=100000";
  const ProgramResult result =
      semiseg(command + once_saved("cancelling") + "'" + program_file().string() +
              "' sweep cancel cancelled; wait $pid");
  expect_said(result, 1, {"2 runs cancelled", "2 runs: 2 cancelled"});
  expect_said(semiseg(command), 1, {"2 runs: 2 cancelled"});
}

TEST_F(Sweeps, APointThatCannotBeComposedIsNamedBeforeAnythingStarts) {
  const ProgramResult result =
      semiseg("sweep " + small() + " method=supervised,nothing labelled=2,3 run.root=none");
  expect_said(result, 2,
              {"2 of 4 points", "method=nothing labelled=2 and 1 more", "nothing was launched"});
  EXPECT_FALSE(fs::exists(folder_ / "none"));
  EXPECT_FALSE(fs::exists(folder_ / "sweeps"));
  expect_said(semiseg("sweep method=supervised protocol.itrations=3,4 --dry-run"), 2,
              {"protocol.itrations", "did you mean 'protocol.iterations'"});
}

TEST_F(Sweeps, AFailedRunIsSaidAndWaitsForARetry) {
  const std::string command = "sweep " + small() +
                              " method=supervised labelled=2,99 sweep.dir=failing run.root=bad "
                              "protocol.iterations=2 protocol.validate_every=0";
  expect_said(semiseg(command), 1, {"1 done, 1 failed", "labelled=99", "sweep retry failing"});
  expect_said(semiseg(command), 1, {"1 done, 1 failed"});
  const ProgramResult again = semiseg("sweep retry failing");
  expect_said(again, 1, {"1 done, 1 pending", "1 done, 1 failed"});
  expect_said(semiseg("sweep retry failing seed=3"), 2, {"the same runs"});
}

TEST_F(Sweeps, APlainDescriptionOfTheSameRunsIsOneSweep) {
  const std::string common = "sweep " + small() + " method=supervised run.root=none --dry-run ";
  const ProgramResult twins = semiseg(common + "seed=0,0,1 labelled=2");
  expect_said(twins, 0, {"1 of the points have the settings of another one", "seed=0", "seed=1"});
  expect_said(semiseg(common + "labelled=2,3 run.dir=x"), 2,
              {"one run.dir cannot hold several runs"});
  expect_said(semiseg(common + "labelled=2 cluster=nowhere"), 2, {"nowhere", "cluster"});
  expect_said(semiseg(common + "labelled=2 cluster.partition=gpu"), 2, {"cluster.partition"});
  expect_said(semiseg("sweep status ."), 2, {"this is no sweep folder"});
}

}  // namespace
}  // namespace semiseg
