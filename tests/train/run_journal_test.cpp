// SPDX-License-Identifier: Apache-2.0
// The journal of a run folder: the order in which rows and states reach the disk, and what a full disk
// leaves.
#include "framework/run/training/run_journal.h"

#include <gtest/gtest.h>

#include <mutex>

#include "framework/checkpoint/checkpoint.h"
#include "framework/core/files.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class RunJournalTest : public testing::Test {
 protected:
  RunJournalTest() { journal_.begin({}); }
  ~RunJournalTest() override { set_file_fault({}); }

  // Makes this call fail from now on, for files whose name begins so.
  void fail(const std::string& call, const std::string& name) {
    set_file_fault([=](std::string_view made, const fs::path& path) {
      return made == call && path.filename().string().starts_with(name);
    });
  }
  bool exists(const std::string& name) const { return fs::exists(folder_ / "checkpoint" / name); }

  TemporaryFolder folder_;
  RunJournal journal_{folder_.path(), /*keep=*/2};
};

TEST_F(RunJournalTest, WhatWasSavedIsLoadedThoughItWasStillBeingWritten) {
  journal_.save_best(sample_state(2), 2);
  journal_.save_newest(sample_state(3), 3);
  expect_equal_states(sample_state(3), *journal_.load_newest());
  journal_.save_best(sample_state(4), 4);
  expect_equal_states(sample_state(4), journal_.load_best(4));
}

TEST_F(RunJournalTest, AResumeDropsTheRowsAfterItsState) {
  for (int64_t step = 1; step <= 3; ++step)
    journal_.append({"train", step, step, "", {{"loss.total", 0.5}}});
  RunJournal resumed(folder_.path(), /*keep=*/2);
  resumed.begin({.done = 2});
  resumed.append({"train", 3, 3, "", {{"loss.total", 0.25}}});
  const auto rows = read_metrics_log(folder_ / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.back().values.front().second, 0.25);
}

TEST_F(RunJournalTest, ABestStateThatIsNeededMustBeThere) {
  RunJournal resumed(folder_.path(), /*keep=*/2);
  resumed.begin({.done = 4, .best_done = 2, .needs_best = false});
  expect_error(ErrorKind::kData, {"best.h5", "after 2 iterations"},
               [&] { resumed.begin({.done = 4, .best_done = 2, .needs_best = true}); });
}

TEST_F(RunJournalTest, FlushedMeansOnTheDisk) {
  journal_.save_best(sample_state(2), 2);
  journal_.save_newest(sample_state(3), 3);
  journal_.flush();
  EXPECT_TRUE(exists("best.h5"));
  EXPECT_TRUE(exists("000003.h5"));
  EXPECT_GT(journal_.longest_save_seconds(), 0);
}

TEST_F(RunJournalTest, BestAndRowsAreOnTheDiskBeforeTheNewestThatCountsOnThem) {
  std::mutex mutex;
  std::vector<std::string> calls;
  set_file_fault([&](std::string_view call, const fs::path& path) {
    const std::string name = path.filename();
    const std::lock_guard lock(mutex);
    if (call == "rename" || name == "metrics.jsonl")
      calls.push_back(std::string(call) + " " + name);
    return false;
  });
  journal_.append({"train", 3, 3, "", {{"loss.total", 0.5}}});
  journal_.save_best(sample_state(2), 2);
  journal_.save_newest(sample_state(3), 3);
  journal_.flush();
  set_file_fault({});
  EXPECT_EQ(calls, (std::vector<std::string>{"write metrics.jsonl", "rename best.h5",
                                             "fsync metrics.jsonl", "rename 000003.h5"}));
}

TEST_F(RunJournalTest, AFullDiskSurfacesAtTheFlushAndTheLastGoodOneStays) {
  journal_.save_newest(sample_state(3), 3);
  journal_.flush();
  fail("write", "000004.h5");
  journal_.save_newest(sample_state(4), 4);
  expect_error(ErrorKind::kIo, {"000004.h5", "No space left"}, [&] { journal_.flush(); });
  set_file_fault({});
  expect_equal_states(sample_state(3), *journal_.load_newest());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "checkpoint"), {}), 1);
}

TEST_F(RunJournalTest, AFullDiskSurfacesAtALaterSave) {
  fail("fsync", "000001.h5");
  expect_error(ErrorKind::kIo, {"000001.h5"}, [&] {
    for (int64_t step = 1; step < 5; ++step) journal_.save_newest(sample_state(step), step);
  });
}

TEST_F(RunJournalTest, WithoutItsRowsThereIsNoCheckpoint) {
  fail("fsync", "metrics.jsonl");
  journal_.save_newest(sample_state(3), 3);
  expect_error(ErrorKind::kIo, {"metrics.jsonl"}, [&] { journal_.flush(); });
  EXPECT_FALSE(exists("000003.h5"));
}

TEST_F(RunJournalTest, WithoutItsBestThereIsNoNewest) {
  fail("rename", "best.h5");
  journal_.save_best(sample_state(3), 3);
  EXPECT_THROW(
      {
        journal_.save_newest(sample_state(3), 3);
        journal_.flush();
      },
      Error);
  EXPECT_FALSE(exists("000003.h5"));
}

}  // namespace
}  // namespace semiseg
