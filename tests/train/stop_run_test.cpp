// SPDX-License-Identifier: Apache-2.0
// semiseg train --stop RUN, beside runs that this test plays.
#include "framework/run/training/stop_run.h"

#include <gtest/gtest.h>

#include <optional>

#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/record/run/lock_file.h"
#include "framework/train/stop_request.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

class StopRun : public testing::Test {
 protected:
  StopRun() {
    write_file(run_ / "config.toml", "");
    log::set_file(folder_ / "log.txt");
  }
  ~StopRun() override { log::set_file(""); }

  RunHolder holder(int64_t pid) const {
    return {.host = "node7", .user = "alice", .pid = pid, .job = "1234", .started = "then"};
  }
  void set_status(RunStatus status, const std::string& message = "") const {
    write_run_state(run_, {status, holder(42), "now", message});
  }
  static void no_wait() { FAIL() << "there is nothing to wait for"; }
  std::string said() const { return read_file(folder_ / "log.txt"); }
  bool says(const std::string& words) const { return said().find(words) != std::string::npos; }

  TemporaryFolder folder_;
  std::filesystem::path run_ = folder_ / "run";
};

TEST_F(StopRun, ARunThatNobodyWorksOnIsReported) {
  struct Case {
    RunStatus status;
    int exit_code;
    const char* words;
  };
  for (const auto& [status, exit_code, words] :
       {Case{RunStatus::kDone, 0, "done: "}, Case{RunStatus::kStopped, 0, "stopped: "},
        Case{RunStatus::kFailed, 1, "failed: "},
        Case{RunStatus::kRunning, 1, "died while running"}}) {
    set_status(status, "as it was told");
    EXPECT_EQ(stop_run(run_, no_wait), exit_code);
    EXPECT_TRUE(says(words)) << said();
  }
  EXPECT_TRUE(says("no process works on this run")) << said();
  EXPECT_TRUE(says("as it was told")) << said();
  EXPECT_FALSE(has_stop_request(run_)) << "nothing is left for the next start";
}

TEST_F(StopRun, ARunThatNeverStartedIsReported) {
  EXPECT_EQ(stop_run(run_, no_wait), 1);
  EXPECT_TRUE(says("never started")) << said();
}

TEST_F(StopRun, AFolderThatIsNoRunIsRefused) {
  for (const char* name : {"absent", "."}) {
    expect_error(ErrorKind::kConfig, {"not a run folder", (folder_ / name).string()},
                 [&] { stop_run(folder_ / name, no_wait); });
  }
}

TEST_F(StopRun, TheHolderIsAskedAndWaitedFor) {
  std::optional<LockFile> lock(std::in_place, run_ / "lock", holder(42));
  set_status(RunStatus::kRunning);
  int polls = 0;
  EXPECT_EQ(stop_run(run_,
                     [&] {
                       EXPECT_TRUE(has_stop_request(run_));
                       if (++polls < 60) return;
                       set_status(RunStatus::kStopped, "semiseg train --stop");
                       lock.reset();
                     }),
            0);
  EXPECT_EQ(polls, 60);
  for (const char* words : {"pid 42 of alice on node7", "5 s so far", "10 s so far", "stopped: "})
    EXPECT_TRUE(says(words)) << words << " is not in " << said();
}

TEST_F(StopRun, ARunThatTakesTheRequestForAnOldOneIsAskedAgain) {
  std::optional<LockFile> lock(std::in_place, run_ / "lock", holder(42));
  set_status(RunStatus::kStopped);
  int polls = 0;
  EXPECT_EQ(stop_run(run_,
                     [&] {
                       EXPECT_TRUE(has_stop_request(run_));
                       if (++polls == 1) remove_stop_request(run_);  // as a start does
                       if (polls == 2) lock.reset();
                     }),
            0);
}

TEST_F(StopRun, ARequestToAHolderThatDiedDoesNotStay) {
  std::optional<LockFile> lock(std::in_place, run_ / "lock", holder(42));
  set_status(RunStatus::kRunning);
  EXPECT_EQ(stop_run(run_, [&] { lock.reset(); }), 1);
  EXPECT_FALSE(has_stop_request(run_));
}

TEST_F(StopRun, ANewStartOfTheRunIsNotStopped) {
  std::optional<LockFile> lock(std::in_place, run_ / "lock", holder(42));
  EXPECT_EQ(stop_run(run_,
                     [&] {
                       remove_stop_request(run_);
                       lock.reset();
                       lock.emplace(run_ / "lock", holder(43));
                     }),
            0);
  EXPECT_TRUE(says("started again by pid 43")) << said();
  EXPECT_FALSE(has_stop_request(run_));
}

}  // namespace
}  // namespace semiseg
