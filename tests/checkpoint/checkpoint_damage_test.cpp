// SPDX-License-Identifier: Apache-2.0
// Checkpoint files with flipped bits and lost bytes: each is refused by name, wherever the damage
// is.
#include <gtest/gtest.h>

#include <functional>

#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/checkpoint/seal.h"
#include "framework/core/files.h"
#include "tests/checkpoint/checkpoint_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

void expect_refused(const fs::path& file) {
  expect_error(ErrorKind::kData, {file.string()}, [&] { load_checkpoint(file); });
}

TEST(CheckpointDamage, AFlippedBitInAnyByteIsFound) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.h5";
  save_checkpoint(sample_state(0), file);
  for (int64_t position = 0; position < static_cast<int64_t>(fs::file_size(file)); ++position) {
    flip_bit(file, position, static_cast<int>(position % 8));
    expect_refused(file);
    flip_bit(file, position, static_cast<int>(position % 8));
    if (HasFailure()) FAIL() << "byte " << position;
  }
  expect_equal_states(sample_state(0), load_checkpoint(file));
}

TEST(CheckpointDamage, AFileCutAtAnyLengthIsRefused) {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.h5";
  save_checkpoint(sample_state(0), file);
  for (auto size = static_cast<int64_t>(fs::file_size(file)) - 1; size >= 0; --size) {
    fs::resize_file(file, static_cast<uintmax_t>(size));
    expect_refused(file);
    if (HasFailure()) FAIL() << "length " << size;
  }
}

TEST(CheckpointDamage, BytesBehindTheEndAreRefused) {
  const TemporaryFolder folder;
  save_checkpoint(sample_state(0), folder / "a.h5");
  fs::resize_file(folder / "a.h5", fs::file_size(folder / "a.h5") + 1);
  expect_refused(folder / "a.h5");
}

// A folder with a good checkpoint of step 1 below one of step 2 that gets damaged in 20 ways.
class CheckpointDamageFallback : public testing::Test {
 protected:
  CheckpointDamageFallback() {
    checkpoints_.save(large_state(1), 1);
    checkpoints_.save(large_state(2), 2);
  }
  void expect_the_one_before(const std::function<void(const fs::path&, int64_t way)>& damage) {
    const std::string good = read_file(newest_);
    for (int64_t way = 0; way < 20; ++way) {
      damage(newest_, way);
      const auto loaded = checkpoints_.load_newest();
      ASSERT_TRUE(loaded.has_value());
      expect_equal_states(large_state(1), *loaded);
      EXPECT_TRUE(fs::exists(newest_)) << "a damaged file stays";
      write_file(newest_, good);
    }
    expect_equal_states(large_state(2), *checkpoints_.load_newest());
  }
  // Returns a byte position between the first byte of the superblock and the last one of the file.
  static int64_t place(const fs::path& file, int64_t way) {
    return (static_cast<int64_t>(fs::file_size(file)) - 1) * way / 19;
  }
  TemporaryFolder folder_;
  CheckpointFolder checkpoints_{folder_.path(), 2};
  fs::path newest_ = folder_ / "000002.h5";
};

TEST_F(CheckpointDamageFallback, TheOneBeforeAFlippedBitIsUsed) {
  expect_the_one_before([](const fs::path& file, int64_t way) {
    flip_bit(file, place(file, way), static_cast<int>(way % 8));
  });
}

TEST_F(CheckpointDamageFallback, TheOneBeforeAFlippedBitInMetadataIsUsed) {
  expect_the_one_before([](const fs::path& file, int64_t way) {
    flip_bit(file, 97 * way, static_cast<int>(way % 8));  // superblock, groups, attributes
  });
}

TEST_F(CheckpointDamageFallback, TheOneBeforeACutIsUsed) {
  expect_the_one_before([](const fs::path& file, int64_t way) {
    fs::resize_file(file, static_cast<uintmax_t>(place(file, way)));
  });
}

TEST(CheckpointDamage, AnEntryThatIsNotWhatWasSavedIsNamed) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.h5";
  Hdf5File file = Hdf5File::create(path);
  file.write_attribute("/", "entries", int64_t{1});
  reserve_seal(file);
  file.write("state/net/weight", at::ones({3}));
  file.write_attribute("state/net/weight", "type", "tensor");
  file.write_attribute("state/net/weight", "xxh3", "0123456789abcdef");
  file.close();
  seal_file(path);
  expect_error(ErrorKind::kData, {path.string(), "net/weight", "0123456789abcdef"},
               [&] { load_checkpoint(path); });
}

TEST(CheckpointDamage, MissingEntriesAreCounted) {
  const TemporaryFolder folder;
  Hdf5File file = Hdf5File::create(folder / "a.h5");
  file.write_attribute("/", "entries", int64_t{2});
  reserve_seal(file);
  file.close();
  seal_file(folder / "a.h5");
  expect_error(ErrorKind::kData, {"incomplete", "a.h5", "2 entries"},
               [&] { load_checkpoint(folder / "a.h5"); });
}

TEST(CheckpointDamage, FilesOfOthersAreNoCheckpoints) {
  const TemporaryFolder folder;
  Hdf5File file = Hdf5File::create(folder / "data.h5");
  file.write("image", at::ones({3}));
  file.close();
  write_file(folder / "empty.h5", "");
  fs::create_directory(folder / "folder.h5");
  for (const char* name : {"data.h5", "empty.h5", "folder.h5", "absent.h5"})
    expect_refused(folder / name);
}

TEST(CheckpointDamage, TheSealIsAnAttributeThatAnyHdf5ToolShows) {
  const TemporaryFolder folder;
  save_checkpoint(large_state(1), folder / "a.h5");
  const std::string seal = Hdf5File::open(folder / "a.h5").text_attribute("/", "seal");
  const std::string begin = "xxh3 of this file: ";
  ASSERT_TRUE(seal.starts_with(begin)) << seal;
  EXPECT_EQ(seal.size(), begin.size() + 16);
  EXPECT_NE(seal.substr(begin.size()), std::string(16, '0'));
}

}  // namespace
}  // namespace semiseg
