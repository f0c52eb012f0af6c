// SPDX-License-Identifier: Apache-2.0
// Tests which checkpoints a folder keeps, and which one it loads.
#include "framework/checkpoint/checkpoint_folder.h"

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class CheckpointFolderTest : public CheckpointFiles {
 protected:
  // A process that keeps `keep` and saves these steps.
  void save(int64_t keep, const std::vector<int64_t>& steps) const {
    CheckpointFolder checkpoints(folder_.path(), keep);
    for (const int64_t step : steps) checkpoints.save(sample_state(step), step);
  }
};

TEST_F(CheckpointFolderTest, TheNewestGoodOneWins) {
  save(3, {1, 2, 3});
  fs::resize_file(folder_ / "000003.h5", 1000);
  flip_bit(folder_ / "000002.h5", 700, 4);
  expect_equal_states(sample_state(1), *CheckpointFolder(folder_.path(), 3).load_newest());
}

TEST_F(CheckpointFolderTest, OnlyTheNewestStayAndOtherFilesAreLeftAlone) {
  write_file(folder_ / "best.h5", "somebody's");
  save(2, {8, 9, 10, 11});
  EXPECT_EQ(files(), (std::set<std::string>{"000010.h5", "000011.h5", "best.h5"}));
  EXPECT_EQ(read_file(folder_ / "best.h5"), "somebody's");
}

TEST_F(CheckpointFolderTest, DamagedOnesStayAndDoNotCount) {
  save(2, {1, 2, 3});
  flip_bit(folder_ / "000003.h5", 700, 4);
  save(2, {4});
  EXPECT_EQ(files(), (std::set<std::string>{"000002.h5", "000003.h5", "000004.h5"}));
  save(2, {5});
  EXPECT_EQ(files(), (std::set<std::string>{"000003.h5", "000004.h5", "000005.h5"}));
}

TEST_F(CheckpointFolderTest, ADamagedOneThatIsReachedAgainIsReplaced) {
  save(2, {1, 2});
  fs::resize_file(folder_ / "000002.h5", 100);
  save(2, {2});
  expect_equal_states(sample_state(2), *CheckpointFolder(folder_.path(), 2).load_newest());
}

TEST_F(CheckpointFolderTest, TheOnlyGoodOneIsThereUntilTheNextIsOnTheDisk) {
  save(1, {1});
  CheckpointFolder checkpoints(folder_.path(), 1);
  set_file_fault([&](std::string_view, const fs::path&) {
    EXPECT_TRUE(fs::exists(folder_ / "000001.h5"));
    return false;
  });
  checkpoints.save(sample_state(2), 2);
  EXPECT_EQ(files(), std::set<std::string>{"000002.h5"});
}

TEST_F(CheckpointFolderTest, AFullDiskRemovesNothing) {
  save(1, {1});
  CheckpointFolder checkpoints(folder_.path(), 1);
  set_file_fault([](std::string_view call, const fs::path&) { return call == "fsync"; });
  EXPECT_THROW(checkpoints.save(sample_state(2), 2), Error);
  set_file_fault({});
  EXPECT_EQ(files(), std::set<std::string>{"000001.h5"});
  expect_equal_states(sample_state(1), *checkpoints.load_newest());
}

TEST_F(CheckpointFolderTest, WhatADeadProcessLeftHalfWrittenGoes) {
  write_file(folder_ / "000001.h5.4711.tmp", "half");
  write_file(folder_ / "best.h5.4711.tmp", "half");
  write_file(folder_ / "notes.tmp", "somebody's");
  save(2, {2});
  EXPECT_EQ(files(), (std::set<std::string>{"000002.h5", "notes.tmp"}));
}

TEST_F(CheckpointFolderTest, AnEmptyOrAbsentFolderHasNone) {
  EXPECT_FALSE(CheckpointFolder(folder_.path(), 2).load_newest().has_value());
  EXPECT_FALSE(CheckpointFolder(folder_ / "absent", 2).load_newest().has_value());
}

}  // namespace
}  // namespace semiseg
