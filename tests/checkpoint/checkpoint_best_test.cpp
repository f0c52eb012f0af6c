// SPDX-License-Identifier: Apache-2.0
// best.h5 belongs to the training that goes on, however often it went back.
#include "framework/checkpoint/best_checkpoint.h"

#include <gtest/gtest.h>

#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/core/files.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class BestCheckpointTest : public CheckpointFiles {
 protected:
  // A start that goes on from the best state after `from` steps.
  CheckpointFolder start(int64_t from, int64_t keep = 1) const {
    CheckpointFolder checkpoints(folder_.path(), keep);
    checkpoints.best().rewind(from);
    return checkpoints;
  }
};

TEST_F(BestCheckpointTest, TheOneBeforeStaysUntilACheckpointCountsOnTheNew) {
  CheckpointFolder checkpoints = start(0);
  checkpoints.best().save(sample_state(2), 2);
  checkpoints.save(sample_state(3), 3);
  checkpoints.best().save(sample_state(4), 4);
  EXPECT_EQ(files(), (std::set<std::string>{"000003.h5", "best.000002.h5", "best.h5"}));
  checkpoints.save(sample_state(6), 6);
  EXPECT_EQ(files(), (std::set<std::string>{"000006.h5", "best.h5"}));
  expect_equal_states(sample_state(4), checkpoints.best().load(4));
}

TEST_F(BestCheckpointTest, AResumeGoesBackToTheOneThatItsCheckpointCountsOn) {
  {
    CheckpointFolder checkpoints = start(0);
    checkpoints.best().save(sample_state(2), 2);
    checkpoints.save(sample_state(3), 3);
    checkpoints.best().save(sample_state(4), 4);
    checkpoints.best().save(sample_state(5), 5);
  }
  CheckpointFolder checkpoints = start(2);
  EXPECT_EQ(files(), (std::set<std::string>{"000003.h5", "best.h5"}));
  expect_equal_states(sample_state(2), checkpoints.best().load(2));
  checkpoints.save(sample_state(6), 6);
  expect_equal_states(sample_state(2), checkpoints.best().load(2));
}

TEST_F(BestCheckpointTest, EveryCheckpointThatIsKeptHasItsOwn) {
  CheckpointFolder checkpoints = start(0, /*keep=*/2);
  for (int64_t step = 2; step <= 8; step += 2) {
    checkpoints.best().save(sample_state(step), step);
    checkpoints.save(sample_state(step + 1), step + 1);
  }
  EXPECT_EQ(files(),
            (std::set<std::string>{"000007.h5", "000009.h5", "best.000006.h5", "best.h5"}));
  // The newest is damaged, say: the one before goes on.
  expect_equal_states(sample_state(6), start(6, 2).best().load(6));
}

TEST_F(BestCheckpointTest, AnEarlierCourseWithoutACheckpointIsReplaced) {
  start(0).best().save(sample_state(5), 5);
  CheckpointFolder checkpoints = start(0);
  checkpoints.best().save(sample_state(3), 3);
  expect_equal_states(sample_state(3), checkpoints.best().load(3));
  checkpoints.save(sample_state(4), 4);
  EXPECT_EQ(files(), (std::set<std::string>{"000004.h5", "best.h5"}));
}

TEST_F(BestCheckpointTest, OneIsThereWhileTheNextIsWritten) {
  CheckpointFolder checkpoints = start(0);
  checkpoints.best().save(sample_state(2), 2);
  set_file_fault([&](std::string_view, const fs::path&) {
    EXPECT_TRUE(fs::exists(folder_ / "best.h5"));
    return false;
  });
  checkpoints.best().save(sample_state(4), 4);
}

TEST_F(BestCheckpointTest, OneThatIsLostIsNoticedAtTheStart) {
  start(0).best().save(sample_state(5), 5);
  BestCheckpoint best(folder_.path());
  EXPECT_TRUE(best.rewind(5));
  EXPECT_TRUE(best.rewind(0)) << "none is needed";
  EXPECT_FALSE(best.rewind(3));
  EXPECT_FALSE(best.rewind(7));
  fs::remove(folder_ / "best.h5");
  EXPECT_FALSE(best.rewind(5));
}

// As runs have it that were made by import-weights of earlier versions.
TEST_F(BestCheckpointTest, OneThatNamesNoStepIsLoadedWhereAnyWillDo) {
  save_checkpoint(sample_state(5), folder_ / "best.h5");
  expect_equal_states(sample_state(5), BestCheckpoint(folder_.path()).load(std::nullopt));
  EXPECT_THROW(BestCheckpoint(folder_.path()).load(5), Error);
}

TEST_F(BestCheckpointTest, TheOneOfAnotherStepIsRefused) {
  CheckpointFolder checkpoints = start(0);
  checkpoints.best().save(sample_state(2), 2);
  expect_error(ErrorKind::kData, {"best.h5", "those after 4 iterations", "those after 2"},
               [&] { checkpoints.best().load(4); });
  expect_equal_states(sample_state(2), checkpoints.best().load(std::nullopt));
}

TEST_F(BestCheckpointTest, AFullDiskAtAnyCallLeavesTheOneThatTheCheckpointCountsOn) {
  for (int fails = 0;; ++fails) {
    int calls = 0;
    CheckpointFolder checkpoints = start(0);
    checkpoints.best().save(sample_state(2), 2);
    checkpoints.save(sample_state(3), 3);
    set_file_fault([&](std::string_view, const fs::path&) { return calls++ == fails; });
    bool is_saved = true;
    try {
      checkpoints.best().save(sample_state(4), 4);
    } catch (const Error&) {
      is_saved = false;
    }
    set_file_fault({});
    expect_equal_states(sample_state(2), start(2).best().load(2));
    if (is_saved) {
      EXPECT_GT(fails, 2);
      break;
    }
  }
}

TEST_F(BestCheckpointTest, ADamagedOneIsReplacedByTheNext) {
  start(0).best().save(sample_state(2), 2);
  flip_bit(folder_ / "best.h5", 700, 4);
  CheckpointFolder checkpoints = start(2);
  expect_error(ErrorKind::kData, {"best.h5"}, [&] { checkpoints.best().load(2); });
  checkpoints.best().save(sample_state(4), 4);
  expect_equal_states(sample_state(4), checkpoints.best().load(4));
}

}  // namespace
}  // namespace semiseg
