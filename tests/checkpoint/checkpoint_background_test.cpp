// SPDX-License-Identifier: Apache-2.0
// Writes beside the training: order, waiting, errors, and HDF5 used by several threads at once.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "framework/checkpoint/background_writer.h"
#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/core/files.h"
#include "framework/data/archive/case_store.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

[[noreturn]] void fail_with(const std::string& what) {
  throw Error(ErrorKind::kIo, {.what = what});
}

TEST(BackgroundWriterTest, TheTrainingGoesOnWhileAWriteIsGoingOn) {
  std::latch may_end(1);
  bool ended = false;
  BackgroundWriter writer;
  writer.write([&] { may_end.wait(), ended = true; });
  writer.write([] {});  // waits its turn, not here
  may_end.count_down();
  writer.flush();
  EXPECT_TRUE(ended);
}

TEST(BackgroundWriterTest, ASnapshotIsWrittenAsItWasWhenItWasTaken) {
  const TemporaryFolder folder;
  at::Tensor weight = at::ones({5});
  std::latch may_begin(1);
  BackgroundWriter writer;
  writer.write([&, state = take_state([&](StateVisitor& v) { v.tensor("weight", weight); })] {
    may_begin.wait();
    save_checkpoint(state, folder / "a.h5");
  });
  weight.add_(1);
  may_begin.count_down();
  writer.flush();
  EXPECT_TRUE(at::equal(std::get<at::Tensor>(load_checkpoint(folder / "a.h5").at("weight")),
                        at::ones({5})));
}

TEST(BackgroundWriterTest, AThirdSaveWaitsForTheFirst) {
  std::latch may_end(1);
  std::atomic<bool> ended = false;
  BackgroundWriter writer;
  writer.write([&] { may_end.wait(), ended = true; });
  writer.write([] {});
  const std::jthread release([&] { may_end.count_down(); });
  writer.write([] {});
  EXPECT_TRUE(ended);
}

TEST(BackgroundWriterTest, WritesKeepTheirOrder) {
  std::vector<int> written, expected;
  BackgroundWriter writer;
  for (int i = 0; i < 50; ++i) {
    writer.write([&written, i] { written.push_back(i); });
    expected.push_back(i);
  }
  writer.flush();
  EXPECT_EQ(written, expected);
}

TEST(BackgroundWriterTest, AnErrorComesOutAtTheNextWriteOnce) {
  BackgroundWriter writer;
  std::latch failing(1);
  writer.write([&] { failing.wait(), fail_with("no space"); });
  bool followed = false, refused = false;
  writer.write([&] { followed = true; });  // may depend on the first
  failing.count_down();
  expect_error(ErrorKind::kIo, {"no space"}, [&] { writer.flush(); });
  EXPECT_FALSE(followed);
  writer.write([] { fail_with("still no space"); });
  expect_error(ErrorKind::kIo, {"still no space"}, [&] {
    while (true) writer.write([] {});
  });
  writer.write([&] { refused = true; });
  writer.flush();
  EXPECT_TRUE(refused) << "an error is told once";
}

TEST(BackgroundWriterTest, TheEndWritesAllAndThrowsNothing) {
  int written = 0;
  {
    BackgroundWriter writer;
    for (int i = 0; i < 3; ++i) writer.write([&] { ++written; });
  }
  EXPECT_EQ(written, 3);
  EXPECT_NO_THROW({
    BackgroundWriter writer;
    writer.write([] { fail_with("no space"); });
  });
}

TEST(BackgroundWriterTest, TheLongestWriteIsKnown) {
  BackgroundWriter writer;
  EXPECT_EQ(writer.longest_seconds(), 0);
  writer.write([] {
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2)) continue;
  });
  writer.write([] {});
  writer.flush();
  EXPECT_GE(writer.longest_seconds(), 0.002);
}

StoredCase stored_case(int64_t number) {
  StoredCase made;
  made.info = {"case_" + std::to_string(number), "p", "", Split::kTrain};
  made.volume.image =
      at::arange(4 * 64 * 64, at::kFloat).view({1, 4, 64, 64}) + static_cast<double>(number);
  made.volume.label =
      at::arange(4 * 64 * 64, at::kLong).remainder(3).to(at::kByte).view({4, 64, 64});
  return made;
}

TEST(BackgroundWriterTest, LoaderThreadsReadAStoreWhileCheckpointsAreWritten) {
  const TemporaryFolder folder;
  constexpr int64_t kCheckpoints = 20;
  for (int64_t i = 0; i < 4; ++i) write_case(folder / "store", stored_case(i));
  std::atomic<bool> written = false;
  std::atomic<int64_t> reads = 0, wrong = 0;
  std::vector<std::jthread> readers;
  for (int64_t i = 0; i < 4; ++i) {
    readers.emplace_back([&, i] {
      const std::string hash = voxel_hash(stored_case(i).volume);
      do {  // read_case verifies, too
        const StoredCase read = read_case(folder / "store" / ("case_" + std::to_string(i) + ".h5"));
        wrong += voxel_hash(read.volume) != hash;
        ++reads;
      } while (!written);
    });
  }
  CheckpointFolder checkpoints(folder / "checkpoint", kCheckpoints);
  {
    BackgroundWriter writer;
    for (int64_t step = 1; step <= kCheckpoints; ++step)
      writer.write([&, state = large_state(step), step] { checkpoints.save(state, step); });
    writer.flush();
  }
  written = true;
  readers.clear();
  EXPECT_GE(reads, 4);
  EXPECT_EQ(wrong, 0);
  for (int64_t step = 1; step <= kCheckpoints; ++step) {
    const std::string name = (step < 10 ? "00000" : "0000") + std::to_string(step);
    expect_equal_states(large_state(step), load_checkpoint(checkpoints.path(name)));
  }
}

}  // namespace
}  // namespace semiseg
