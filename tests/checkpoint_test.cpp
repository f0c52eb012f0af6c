// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/checkpoint.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <fstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "tests/state_equality.h"
#include "tests/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  ~CheckpointTest() override { set_file_fault({}); }
  TemporaryFolder folder_;
};

StateMap sample_state(int64_t step) {
  return {{"net/encoder.0.weight",
           at::arange(24, at::kFloat).view({2, 3, 4}) + static_cast<double>(step)},
          {"net/running_mean", at::ones({3}, at::kDouble)},
          {"net/num_batches_tracked", at::scalar_tensor(step, at::kLong)},
          {"trainer/done", step},
          {"trainer/best", 0.1 + static_cast<double>(step)},
          {"trainer/note", std::string("ä text")},
          {"trainer/empty", std::string()}};
}

void flip_byte(const fs::path& path, int64_t position) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(position);
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(position);
  file.put(byte);
}

// Position of a byte of the tensor 0, 1, 2, … as it lies in the file.
int64_t position_of_data(const fs::path& path) {
  const std::string text = read_file(path);
  const float pattern[3] = {5, 6, 7};
  return static_cast<int64_t>(
      text.find(std::string(reinterpret_cast<const char*>(pattern), sizeof pattern)));
}

TEST_F(CheckpointTest, EveryKindOfEntryComesBackBitForBit) {
  save_checkpoint(sample_state(3), folder_ / "a.h5");
  expect_equal_states(sample_state(3), load_checkpoint(folder_ / "a.h5"));
}

TEST_F(CheckpointTest, EqualStatesGiveEqualFiles) {
  save_checkpoint(sample_state(3), folder_ / "a.h5");
  save_checkpoint(sample_state(3), folder_ / "b.h5");
  EXPECT_EQ(read_file(folder_ / "a.h5"), read_file(folder_ / "b.h5"));
}

TEST_F(CheckpointTest, AFlippedBitIsFoundAndTheEntryNamed) {
  save_checkpoint(sample_state(0), folder_ / "a.h5");
  const int64_t position = position_of_data(folder_ / "a.h5");
  ASSERT_GT(position, 0);
  flip_byte(folder_ / "a.h5", position);
  try {
    load_checkpoint(folder_ / "a.h5");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("net/encoder.0.weight"), std::string::npos)
        << error.what();
  }
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

TEST_F(CheckpointTest, TheNewestGoodOneWins) {
  CheckpointFolder checkpoints(folder_.path(), 3);
  for (int64_t step = 1; step <= 3; ++step) checkpoints.save(sample_state(step), step);
  fs::resize_file(folder_ / "000003.h5", 1000);
  flip_byte(folder_ / "000002.h5", position_of_data(folder_ / "000002.h5"));
  expect_equal_states(sample_state(1), *checkpoints.load_newest());
}

TEST_F(CheckpointTest, OnlyTheNewestStayAndOtherFilesAreLeftAlone) {
  write_file(folder_ / "best.h5", "somebody's");
  CheckpointFolder checkpoints(folder_.path(), 2);
  for (int64_t step = 8; step <= 11; ++step) checkpoints.save(sample_state(step), step);
  EXPECT_FALSE(fs::exists(folder_ / "000009.h5"));
  EXPECT_TRUE(fs::exists(folder_ / "000010.h5"));
  EXPECT_TRUE(fs::exists(folder_ / "000011.h5"));
  EXPECT_EQ(read_file(folder_ / "best.h5"), "somebody's");
}

TEST_F(CheckpointTest, AnEmptyOrAbsentFolderHasNone) {
  EXPECT_FALSE(CheckpointFolder(folder_.path(), 2).load_newest().has_value());
  EXPECT_FALSE(CheckpointFolder(folder_ / "absent", 2).load_newest().has_value());
}

}  // namespace
}  // namespace semiseg
