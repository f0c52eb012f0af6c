// SPDX-License-Identifier: Apache-2.0
// Files of a folder that came from elsewhere: links, pipes and devices in it, and temporaries.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

TEST(OwnFile, ALinkIsNeitherReadNorWritten) {
  const TemporaryFolder folder;
  write_file(folder / "precious", "text");
  fs::create_symlink(folder / "precious", folder / "link");
  expect_error(ErrorKind::kData, {"a link", "link"}, [&] { read_own_file(folder / "link"); });
  expect_error(ErrorKind::kIo, {"a link"}, [&] { open_own_file(folder / "link", O_WRONLY); });
  fs::create_symlink(folder / "absent", folder / "broken");
  expect_error(ErrorKind::kIo, {"a link"},
               [&] { open_own_file(folder / "broken", O_WRONLY | O_CREAT); });
  EXPECT_FALSE(fs::exists(folder / "absent"));
  EXPECT_EQ(read_own_file(folder / "precious"), "text");
}

TEST(OwnFile, PipesAndDevicesAreRefusedAtOnce) {
  const TemporaryFolder folder;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", folder / "zeros");
  expect_error(ErrorKind::kData, {"a pipe"}, [&] { read_own_file(pipe); });
  expect_error(ErrorKind::kIo, {"a pipe"}, [&] { open_own_file(pipe, O_WRONLY); });
  expect_error(ErrorKind::kData, {"a pipe"}, [&] { read_file(pipe); });
  expect_error(ErrorKind::kData, {"a device"}, [&] { read_file(folder / "zeros"); });
  expect_error(ErrorKind::kIo, {"a device"}, [&] { write_file(folder / "zeros", "text"); });
  expect_error(ErrorKind::kIo, {"a device"}, [&] { write_file(pipe, "text"); });
}

TEST(AtomicFileTest, TwoTemporariesOfOneTargetDiffer) {
  const TemporaryFolder folder;
  const AtomicFile one(folder / "a"), two(folder / "a");
  EXPECT_NE(one.temporary(), two.temporary());
}

TEST(AtomicFileTest, ALinkUnderTheTargetsNameIsReplaced) {
  const TemporaryFolder folder;
  write_file(folder / "precious", "text");
  fs::create_symlink(folder / "precious", folder / "report.html");
  write_file(folder / "report.html", "page");
  EXPECT_EQ(read_file(folder / "precious"), "text");
  EXPECT_EQ(read_own_file(folder / "report.html"), "page");
}

TEST(AtomicFileTest, AnyNameThatFitsIsWritten) {
  const TemporaryFolder folder;
  const std::string name(255, 'x');
  write_file(folder / name, "text");
  EXPECT_EQ(read_file(folder / name), "text");
  std::string umlauts;
  while (umlauts.size() < 254) umlauts += "ä";
  write_file(folder / umlauts, "text");
  expect_error(ErrorKind::kIo, {"too long", "shorter name"},
               [&] { write_file(folder / std::string(256, 'x'), "text"); });
}

// The limit is permanent for a process, so a child process writes.
[[noreturn]] void write_beyond_limit(const fs::path& path) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {4096, 4096};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  try {
    write_file(path, std::string(100000, 'x'));
  } catch (const Error& error) {
    fmt::print(stderr, "{}", error.what());
  }
  ::_exit(0);
}

TEST(AtomicFileDeathTest, ALimitOfTheFileSizeIsNamed) {
  const TemporaryFolder folder;
  EXPECT_EXIT(write_beyond_limit(folder / "a"), testing::ExitedWithCode(0), "ulimit -f");
  EXPECT_FALSE(fs::exists(folder / "a"));
}

}  // namespace
}  // namespace semiseg
