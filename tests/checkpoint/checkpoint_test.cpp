// SPDX-License-Identifier: Apache-2.0
// Tests what a checkpoint file gives back, and what a full disk leaves.
#include "framework/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/state_equality.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  ~CheckpointTest() override { set_file_fault({}); }
  TemporaryFolder folder_;
};

TEST_F(CheckpointTest, EveryKindOfEntryComesBackBitForBit) {
  save_checkpoint(sample_state(3), folder_ / "a.h5");
  expect_equal_states(sample_state(3), load_checkpoint(folder_ / "a.h5"));
}

TEST_F(CheckpointTest, EqualStatesGiveEqualFiles) {
  save_checkpoint(sample_state(3), folder_ / "a.h5");
  save_checkpoint(sample_state(3), folder_ / "b.h5");
  EXPECT_EQ(read_file(folder_ / "a.h5"), read_file(folder_ / "b.h5"));
}

TEST_F(CheckpointTest, AFullDiskAtAnyWriteLeavesTheFileThatWasThere) {
  save_checkpoint(sample_state(1), folder_ / "a.h5");
  int calls = 0;
  set_file_fault([&](auto, auto&) { return ++calls, false; });
  save_checkpoint(sample_state(1), folder_ / "a.h5");
  const int total = calls;
  ASSERT_GE(total, 10);
  for (int failing = 1; failing <= total - 2;
       ++failing) {  // the last two sync the folder after the rename
    calls = 0;
    set_file_fault([&](auto, auto&) { return ++calls == failing; });
    EXPECT_THROW(save_checkpoint(sample_state(2), folder_ / "a.h5"), Error) << "call " << failing;
    set_file_fault({});
    expect_equal_states(sample_state(1), load_checkpoint(folder_ / "a.h5"));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1) << "no temporary is left";
}

}  // namespace
}  // namespace semiseg
