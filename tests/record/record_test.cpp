// SPDX-License-Identifier: Apache-2.0
// Run folder, its lock and state.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <functional>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/shown_text.h"
#include "tests/support/other_user.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNoon = 1740830400;  // 2025-03-01T12:00:00Z
constexpr int64_t kDay = 86400;

class Record : public testing::Test {
 protected:
  RunFolderRequest request(int64_t now = kNoon) const {
    return {.root = folder_ / "runs", .method = "bcp", .dataset = "acdc", .job = "77", .now = now};
  }
  RunFolderRequest request_in(const fs::path& directory) const {
    RunFolderRequest result = request();
    result.directory = directory;
    return result;
  }

  TemporaryFolder folder_;
  const Config config_ = parse_config("seed = 0\nlabelled = 7\n[optimiser]\nlr = 0.01\n");
  const Config other_ =
      parse_config("seed = 1\nlabelled = 7\nextra = true\n[optimiser]\nlr = 0.01\n");
};

// The error of an action that must fail with this kind.
ErrorParts parts_of(ErrorKind kind, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.parts();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Timestamp, IsUtcInIsoForm) {
  EXPECT_EQ(iso_time(kNoon + 5), "2025-03-01T12:00:05Z");
  EXPECT_EQ(iso_date(kNoon), "2025-03-01");
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
}

TEST_F(Record, ANewRunHasNameConfigurationAndState) {
  const RunFolder run(config_, request());
  EXPECT_FALSE(run.resumed());
  EXPECT_EQ(run.config_hash().size(), 16);
  EXPECT_EQ(run.path(), folder_ / ("runs/2025-03-01-bcp-acdc-" + run.config_hash().substr(0, 6)));
  EXPECT_EQ(parse_config(read_file(run / "config.toml")).hash(), config_.hash());
  const auto state = read_run_state(run.path());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, RunStatus::kRunning);
  EXPECT_EQ(state->by.pid, ::getpid());
  EXPECT_EQ(state->by.job, "77");
  EXPECT_EQ(state->by.started, "2025-03-01T12:00:00Z");
}

TEST_F(Record, TheSameConfigurationResumesItsFolderOnAnyDay) {
  const fs::path first = RunFolder(config_, request()).path();
  const RunFolder again(config_, request(kNoon + 3 * kDay));
  EXPECT_TRUE(again.resumed());
  EXPECT_EQ(again.path(), first);
}

// A name of tomorrow is that of a clock in another time zone.
TEST_F(Record, AFolderWithTheDateOfAnotherTimeZoneIsResumed) {
  const fs::path there = RunFolder(config_, request(kNoon + kDay)).path();
  EXPECT_EQ(RunFolder(config_, request()).path(), there);
}

// In a folder that several people share, another one's private run of these settings has its name.
TEST_F(Record, APrivateRunOfAnotherUserIsPassedOverAndNeverTaken) {
  const fs::path first = RunFolder(config_, request()).path();
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(folder_ / "runs", fs::perms::all);
  fs::permissions(first, fs::perms::none);
  {
    const OtherUser other;
    EXPECT_NE(RunFolder(config_, request(kNoon + kDay)).path(), first);
    const ErrorParts parts =
        parts_of(ErrorKind::kConfig, [&] { RunFolder(config_, request_in(first)); });
    EXPECT_EQ(parts.what, "cannot read the run folder (Permission denied)");
    EXPECT_EQ(parts.where, first.string());
  }
  fs::permissions(first, fs::perms::owner_all);
}

TEST_F(Record, ARunOfAnotherUserThatMayBeReadIsNotWritten) {
  const fs::path first = RunFolder(config_, request()).path();
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(first, fs::perms(0555));
  {
    const OtherUser other;
    const ErrorParts parts = parts_of(ErrorKind::kIo, [&] { RunFolder(config_, request()); });
    EXPECT_EQ(parts.what, "the run folder may not be written");
    EXPECT_NE(parts.fix.find("run.root"), std::string::npos);
  }
  fs::permissions(first, fs::perms::owner_all);
}

TEST_F(Record, OptionsThatCannotChangeAResultDoNotMakeAnotherRun) {
  const auto with_root = [](const std::string& root) {
    const Config config = parse_config("seed = 0\nroot = '" + root + "'\n");
    std::string value;
    config.read("root", value, "folder", Effect::kNone);
    return config;
  };
  const fs::path first = RunFolder(with_root("a"), request()).path();
  EXPECT_EQ(RunFolder(with_root("b"), request()).path(), first);
}

TEST_F(Record, ADefaultThatIsGivenIsTheSameRunAndIsNamedInDifferences) {
  const auto with_rate = [](const std::string& toml) {
    const Config config = parse_config("seed = 0\n" + toml);
    double rate = 10;
    config.read("rate", rate, {0, 100}, "rate");
    return config;
  };
  const fs::path first = RunFolder(with_rate(""), request()).path();
  EXPECT_EQ(RunFolder(with_rate("rate = 10\n"), request()).path(), first);
  const ErrorParts parts =
      parts_of(ErrorKind::kConfig, [&] { RunFolder(with_rate("rate = 11"), request_in(first)); });
  EXPECT_EQ(parts.got, "rate: 10.0 there, 11.0 here");
}

// Folders of version 0.1 are named by the hash of all values outside a few sections.
TEST_F(Record, AFolderNamedByTheHashOfAnOlderProgramIsFound) {
  const auto with_metric = [](const std::string& definition) {
    const Config config = parse_config("seed = 0\n[run]\nroot = 'a'\n[evaluation]\ndefinition = '" +
                                       definition + "'\n");
    std::string value;
    config.section("run").read("root", value, "folder", Effect::kNone);
    config.section("evaluation").read("definition", value, "metrics", Effect::kMeasurement);
    return config;
  };
  const Config config = with_metric("medpy");
  const std::string old_hash = fmt::format("{:016x}", config.hash({"run"})).substr(0, 6);
  const fs::path old_folder = folder_ / ("runs/2025-01-01-bcp-acdc-" + old_hash);
  write_file(old_folder / "config.toml", config.to_toml());
  const RunFolder run(config, request());
  EXPECT_TRUE(run.resumed());
  EXPECT_EQ(run.path(), old_folder);
  EXPECT_NE(run.config_hash().substr(0, 6), old_hash);
}

TEST_F(Record, AnotherConfigurationGetsAnotherFolder) {
  const fs::path first = RunFolder(config_, request()).path();
  const RunFolder second(other_, request());
  EXPECT_FALSE(second.resumed());
  EXPECT_NE(second.path(), first);
}

TEST_F(Record, RefusesAFolderOfAnotherConfigurationAndNamesTheKeys) {
  const fs::path directory = folder_ / "mine";
  { const RunFolder run(config_, request_in(directory)); }
  const std::string before =
      read_file(directory / "state.json") + read_file(directory / "config.toml");
  const ErrorParts parts =
      parts_of(ErrorKind::kConfig, [&] { RunFolder(other_, request_in(directory)); });
  EXPECT_EQ(parts.where, directory.string());
  EXPECT_EQ(parts.got, "extra: absent there, true here; seed: 0 there, 1 here");
  EXPECT_EQ(read_file(directory / "state.json") + read_file(directory / "config.toml"), before);
}

TEST_F(Record, RefusesAFolderThatIsNoRunAndLeavesItAlone) {
  write_file(folder_ / "mine/thesis.tex", "precious");
  parts_of(ErrorKind::kConfig, [&] { RunFolder(config_, request_in(folder_ / "mine")); });
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "mine"), fs::directory_iterator()), 1);
}

TEST_F(Record, TakesAFolderWhoseMakerDiedBeforeTheConfiguration) {
  write_file(folder_ / "mine/lock", "half a na");
  const RunFolder run(config_, request_in(folder_ / "mine"));
  EXPECT_FALSE(run.resumed());
  EXPECT_TRUE(fs::exists(run / "config.toml"));
}

TEST_F(Record, ASecondProcessIsToldWhoWorksOnTheRun) {
  const RunFolder run(config_, request());
  const ErrorParts parts = parts_of(ErrorKind::kConfig, [&] { RunFolder(config_, request()); });
  EXPECT_EQ(parts.got, describe(this_process("77", kNoon)));
  const auto holder = lock_holder(run / "lock");
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, ::getpid());
}

TEST_F(Record, ADeadHolderFreesTheRun) {
  const pid_t child = ::fork();
  if (child == 0) {
    const RunFolder run(config_, request());
    ::_exit(0);  // without a destructor, as a killed process
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const RunFolder run(config_, request());
  EXPECT_TRUE(run.resumed());
  EXPECT_EQ(read_run_state(run.path())->by.pid, ::getpid());
}

TEST_F(Record, AFreeLockHasNoHolder) {
  EXPECT_FALSE(lock_holder(folder_ / "lock"));
  { const LockFile lock(folder_ / "lock", this_process("", kNoon)); }
  EXPECT_FALSE(lock_holder(folder_ / "lock"));
}

// As Lustre without -o flock.
TEST_F(Record, WithoutLocksTheNameInTheFileIsTheLock) {
  set_file_fault([](std::string_view call, const fs::path&) { return call == "flock"; });
  const fs::path path = folder_ / "lock";
  { const LockFile lock(path, this_process("", kNoon)); }
  EXPECT_FALSE(lock_holder(path)) << "it was let go";
  RunHolder other = this_process("", kNoon);
  other.pid = ::getppid();
  { LockFile(path, other); }
  const LockFile held(path, this_process("", kNoon));
  EXPECT_TRUE(lock_holder(path));
  EXPECT_TRUE(can_tell_holder(path));
  const auto holds = [&](const std::string& host, int64_t pid) {
    write_file(path, R"({"host":")" + host + R"(","user":"u","pid":)" + std::to_string(pid) + "}");
  };
  holds(other.host, ::getppid());
  EXPECT_EQ(parts_of(ErrorKind::kConfig, [&] { LockFile(path, other); }).what,
            "another process works on this run");
  holds("another machine", 17);
  EXPECT_FALSE(can_tell_holder(path));
  EXPECT_NE(
      parts_of(ErrorKind::kConfig, [&] { LockFile(path, other); }).fix.find("remove the file"),
      std::string::npos);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  holds(other.host, child);
  EXPECT_FALSE(lock_holder(path)) << "its process is dead";
  set_file_fault({});
}

// Names of files in messages need not be UTF-8.
TEST_F(Record, AMessageOfOtherBytesIsKept) {
  const RunFolder run(config_, request());
  run.set_status(RunStatus::kFailed, kNoon, "r\xe4 is damaged");
  EXPECT_EQ(read_run_state(run.path())->message, "r\xef\xbf\xbd is damaged");
}

TEST_F(Record, StatusesSurviveARoundTrip) {
  const RunFolder run(config_, request());
  for (const RunStatus status : {RunStatus::kStopped, RunStatus::kDone, RunStatus::kFailed}) {
    run.set_status(status, kNoon + 60, "a \"reason\"");
    const auto state = read_run_state(run.path());
    EXPECT_EQ(state->status, status);
    EXPECT_EQ(state->updated, "2025-03-01T12:01:00Z");
    EXPECT_EQ(state->message, "a \"reason\"");
  }
}

TEST_F(Record, ARunThatIsDoneStaysDone) {
  RunFolder(config_, request()).set_status(RunStatus::kDone, kNoon);
  const RunFolder again(config_, request());
  EXPECT_TRUE(again.is_done());
  EXPECT_EQ(read_run_state(again.path())->status, RunStatus::kDone);
}

TEST_F(Record, ADamagedStateIsADataError) {
  write_file(folder_ / "state.json", R"({"status": "dancing"})");
  EXPECT_EQ(parts_of(ErrorKind::kData, [&] { read_run_state(folder_.path()); }).where,
            folder_ / "state.json");
}

}  // namespace
}  // namespace semiseg
