// SPDX-License-Identifier: Apache-2.0
// The ledger of a sweep: what is appended is read again, whoever appended it and however it died.
#include "cluster/sweep/ledger.h"

#include <fstream>
#include <thread>

#include "framework/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {

LedgerLine line(int64_t point, TaskState state, const std::string& detail = "") {
  return {.time = "2026-01-31T00:00:00Z", .point = point, .state = state, .detail = detail};
}

TEST(Ledger, LinesAreReadOnceAndWhole) {
  const TemporaryFolder folder;
  Ledger ledger(folder.path());
  EXPECT_TRUE(ledger.read_new().empty());
  LedgerLine done = line(3, TaskState::kDone, "a \"quoted\"\nword");
  done.score = 0.125;
  ledger.append(
      {done, {.time = "t", .launch = "job 7", .overrides = {"cluster=slurm"}, .points = {3, 4}}});
  const auto lines = ledger.read_new();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].point, 3);
  EXPECT_EQ(lines[0].state, TaskState::kDone);
  EXPECT_EQ(lines[0].detail, "a \"quoted\"\nword");
  EXPECT_EQ(lines[0].score, 0.125);
  EXPECT_TRUE(lines[1].is_launch());
  EXPECT_EQ(lines[1].launch, "job 7");
  EXPECT_EQ(lines[1].points, std::vector<int64_t>({3, 4}));
  EXPECT_TRUE(ledger.read_new().empty());
  Ledger(folder.path()).append({line(5, TaskState::kTimedOut)});
  ASSERT_EQ(ledger.read_new().size(), 1U);
}

TEST(Ledger, ATornLineIsLeftOutAndTheNextOneIsWhole) {
  const TemporaryFolder folder;
  Ledger ledger(folder.path());
  ledger.append({line(0, TaskState::kRunning)});
  const std::string whole = read_file(folder / "ledger.jsonl");
  for (size_t cut = 1; cut < whole.size(); cut += 7) {
    std::ofstream(folder / "ledger.jsonl") << whole << whole.substr(0, cut);
    Ledger reader(folder.path());
    EXPECT_EQ(reader.read_new().size(), 1U) << cut;
    reader.append({line(9, TaskState::kDone)});
    const auto lines = Ledger(folder.path()).read_new();
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines.back().point, 9) << cut;
    // A cut before the end of the line alone leaves a whole text.
    EXPECT_EQ(lines.size(), cut + 1 == whole.size() ? 3U : 2U) << cut;
  }
}

TEST(Ledger, WritersAtTheSameTimeLoseNothing) {
  const TemporaryFolder folder;
  constexpr int kWriters = 4, kLines = 50;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&folder, writer] {
      Ledger ledger(folder.path());
      for (int i = 0; i < kLines; ++i) ledger.append({line(writer, TaskState::kRunning)});
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(Ledger(folder.path()).read_new().size(), size_t{kWriters * kLines});
}

TEST(Ledger, AFullDiskIsSaid) {
  const TemporaryFolder folder;
  Ledger ledger(folder.path());
  set_file_fault(
      [](std::string_view call, const std::filesystem::path&) { return call == "write"; });
  expect_error(ErrorKind::kIo, {"ledger", "ledger.jsonl", "same command"},
               [&] { ledger.append({line(0, TaskState::kDone)}); });
  set_file_fault({});
}

}  // namespace
}  // namespace semiseg::cluster
