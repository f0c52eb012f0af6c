// SPDX-License-Identifier: Apache-2.0
// Tests what a run's recorder saves in the background, its order, and what a full disk leaves.
#include "framework/run/training/run_recorder.h"

#include <gtest/gtest.h>

#include <mutex>

#include "framework/checkpoint/checkpoint.h"
#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class RunRecorderTest : public testing::Test {
 protected:
  RunRecorderTest() { recorder_.begin(Plan{{{.name = "train", .iterations = 9}}}, 0, false); }
  ~RunRecorderTest() override { set_file_fault({}); }

  // Makes this call fail from now on, for files whose name begins so.
  void fail(const std::string& call, const std::string& name) {
    set_file_fault([=](std::string_view made, const fs::path& path) {
      return made == call && path.filename().string().starts_with(name);
    });
  }
  bool exists(const std::string& name) const { return fs::exists(run_ / "checkpoint" / name); }

  TemporaryFolder folder_;
  fs::path run_ = folder_ / "run";
  RunFolder run_folder_{parse_config("seed = 1\n"), {.directory = run_}};
  ProtocolOptions protocol_;
  RunRecorder recorder_{run_folder_, protocol_};
};

TEST_F(RunRecorderTest, WhatWasSavedIsLoadedThoughItWasStillBeingWritten) {
  recorder_.save_best(sample_state(2), 2);
  recorder_.save_newest(sample_state(3), 3);
  expect_equal_states(sample_state(3), *recorder_.load_newest());
  recorder_.save_best(sample_state(4), 4);
  expect_equal_states(sample_state(4), recorder_.load_best(4));
}

TEST_F(RunRecorderTest, AfterAResumeTheBestSoFarIsShown) {
  const Stage stage{.name = "train", .iterations = 9};
  recorder_.stepped(stage, 1, 1, 1);
  recorder_.validation_row(stage, 1, {{"dice", 0.75}}, true);
  recorder_.stepped(stage, 2, 2, 1);
  recorder_.validation_row(stage, 2, {{"dice", 0.5}}, false);
  RunRecorder resumed(run_folder_, protocol_);
  resumed.begin(Plan{{stage}}, 2, false);
  resumed.stepped(stage, 3, 3, 1);
  resumed.validation_row(stage, 3, {{"dice", 0.625}}, false);
  log::set_file(folder_ / "log.txt");
  resumed.finish_progress();
  log::set_file("");
  EXPECT_NE(read_file(folder_ / "log.txt").find("best 0.7500"), std::string::npos)
      << read_file(folder_ / "log.txt");
}

TEST_F(RunRecorderTest, FlushedMeansOnTheDisk) {
  recorder_.save_best(sample_state(2), 2);
  recorder_.save_newest(sample_state(3), 3);
  recorder_.flush();
  EXPECT_TRUE(exists("best.h5"));
  EXPECT_TRUE(exists("000003.h5"));
  EXPECT_GT(recorder_.longest_save_seconds(), 0);
}

TEST_F(RunRecorderTest, BestAndRowsAreOnTheDiskBeforeTheNewestThatCountsOnThem) {
  std::mutex mutex;
  std::vector<std::string> calls;
  set_file_fault([&](std::string_view call, const fs::path& path) {
    const std::string name = path.filename();
    const std::lock_guard lock(mutex);
    if (call == "rename" || name == "metrics.jsonl")
      calls.push_back(std::string(call) + " " + name);
    return false;
  });
  recorder_.train_row({.name = "train"}, 3, {{"loss.total", 0.5}});
  recorder_.save_best(sample_state(2), 2);
  recorder_.save_newest(sample_state(3), 3);
  recorder_.flush();
  set_file_fault({});
  EXPECT_EQ(calls, (std::vector<std::string>{"write metrics.jsonl", "rename best.h5",
                                             "fsync metrics.jsonl", "rename 000003.h5"}));
}

TEST_F(RunRecorderTest, AFullDiskSurfacesAtTheFlushAndTheLastGoodOneStays) {
  recorder_.save_newest(sample_state(3), 3);
  recorder_.flush();
  fail("write", "000004.h5");
  recorder_.save_newest(sample_state(4), 4);
  expect_error(ErrorKind::kIo, {"000004.h5", "No space left"}, [&] { recorder_.flush(); });
  set_file_fault({});
  expect_equal_states(sample_state(3), *recorder_.load_newest());
  EXPECT_EQ(std::distance(fs::directory_iterator(run_ / "checkpoint"), {}), 1);
}

TEST_F(RunRecorderTest, AFullDiskSurfacesAtALaterSave) {
  fail("fsync", "000001.h5");
  expect_error(ErrorKind::kIo, {"000001.h5"}, [&] {
    for (int64_t step = 1; step < 5; ++step) recorder_.save_newest(sample_state(step), step);
  });
}

TEST_F(RunRecorderTest, WithoutItsRowsThereIsNoCheckpoint) {
  fail("fsync", "metrics.jsonl");
  recorder_.save_newest(sample_state(3), 3);
  expect_error(ErrorKind::kIo, {"metrics.jsonl"}, [&] { recorder_.flush(); });
  EXPECT_FALSE(exists("000003.h5"));
}

TEST_F(RunRecorderTest, WithoutItsBestThereIsNoNewest) {
  fail("rename", "best.h5");
  recorder_.save_best(sample_state(3), 3);
  EXPECT_THROW(
      {
        recorder_.save_newest(sample_state(3), 3);
        recorder_.flush();
      },
      Error);
  EXPECT_FALSE(exists("000003.h5"));
}

}  // namespace
}  // namespace semiseg
