// SPDX-License-Identifier: Apache-2.0
// Tests which runs a table takes, and what it says of the others.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_state.h"
#include "framework/record/run/run_summary.h"
#include "framework/record/tables/finished_runs.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

class FindRuns : public testing::Test {
 protected:
  FindRuns() {
    make("a/done", RunStatus::kDone);
    write_run_summary(folder_ / "runs/a/done/summary.json", {.method = "bcp"});
    make("a/failed", RunStatus::kFailed);
    make("b/running", RunStatus::kRunning);
    make("c/done", RunStatus::kDone);
  }
  void make(const std::string& name, RunStatus status) {
    fs::create_directories(folder_ / "runs" / name);
    write_run_state(
        folder_ / "runs" / name,
        {.status = status, .by = {.host = "node7", .user = "alice", .pid = 42, .started = "then"}});
  }
  TemporaryFolder folder_;
};

TEST_F(FindRuns, ListsThoseThatAreDoneAndWhyOthersAreNot) {
  const auto runs = find_runs({folder_ / "runs/**"});
  ASSERT_EQ(runs.size(), 4);
  EXPECT_EQ(runs[0].folder, folder_ / "runs/a/done");
  ASSERT_TRUE(runs[0].summary);
  EXPECT_EQ(runs[0].summary->method, "bcp");
  EXPECT_EQ(runs[1].unfinished, "failed");
  EXPECT_EQ(runs[2].unfinished, "died: pid 42 of alice on node7, since then");
  EXPECT_EQ(runs[3].unfinished, "done, but not evaluated: no summary.json");
}

TEST_F(FindRuns, KnowsARunThatIsBeingWorkedOn) {
  const fs::path folder = folder_ / "runs/b/running";
  const LockFile lock(folder / "lock",
                      {.host = "node8", .user = "bob", .pid = 43, .started = "now"});
  EXPECT_EQ(find_runs({folder})[0].unfinished, "running: pid 43 of bob on node8, since now");
}

TEST_F(FindRuns, TakesWhatAShellMakesOfTwoStars) {
  const auto runs = find_runs(
      {folder_ / "runs/a", folder_ / "runs/a/done", folder_ / "runs/a/done/summary.json"});
  EXPECT_EQ(runs.size(), 2);
}

TEST_F(FindRuns, CountsARunOnceWhateverLeadsToIt) {
  fs::create_directory_symlink("done", folder_ / "runs/a/latest");
  fs::create_directory_symlink("..", folder_ / "runs/a/up");
  fs::create_directory_symlink(".", folder_ / "runs/self");
  const auto runs =
      find_runs({folder_ / "runs", folder_ / "runs/a/../a", folder_ / "runs/a/latest"});
  ASSERT_EQ(runs.size(), 4);
  EXPECT_EQ(runs[0].folder, folder_ / "runs/a/done");
}

TEST_F(FindRuns, SetsACopyAside) {
  const RunSummary summary = {.method = "bcp", .config_hash = "1", .wall_seconds = 1.0625};
  write_run_summary(folder_ / "runs/a/done/summary.json", summary);
  write_run_summary(folder_ / "runs/c/done/summary.json", summary);
  const auto runs = find_runs({folder_ / "runs"});
  EXPECT_TRUE(runs[0].summary);
  EXPECT_FALSE(runs[3].summary);
  EXPECT_NE(runs[3].unfinished.find("a copy of"), std::string::npos) << runs[3].unfinished;
}

TEST_F(FindRuns, ADamagedRunDoesNotHideTheOthers) {
  for (const std::string& state : {std::string(), std::string(100000, '[')}) {
    write_file(folder_ / "runs/c/done/state.json", state);
    write_file(folder_ / "runs/a/failed/state.json", state);
    const auto runs = find_runs({folder_ / "runs"});
    ASSERT_EQ(runs.size(), 4);
    EXPECT_TRUE(runs[0].summary);
    EXPECT_TRUE(runs[3].unfinished.starts_with("damaged: ")) << runs[3].unfinished;
    EXPECT_EQ(runs[3].unfinished.find('\n'), std::string::npos);
    expect_error(ErrorKind::kData, {"state.json"}, [&] { find_runs({folder_ / "runs/c"}); });
  }
}

TEST_F(FindRuns, FilesOfARunAreNoLinks) {
  fs::rename(folder_ / "runs/a/done/summary.json", folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "runs/a/done/summary.json");
  EXPECT_NE(find_runs({folder_ / "runs"})[0].unfinished.find("a link"), std::string::npos);
}

TEST_F(FindRuns, SaysWhenThereIsNone) {
  fs::create_directories(folder_ / "empty");
  EXPECT_THROW(find_runs({folder_ / "empty"}), Error);
  EXPECT_THROW(find_runs({folder_ / "nowhere"}), Error);
}

}  // namespace
}  // namespace semiseg
