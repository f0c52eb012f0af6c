// SPDX-License-Identifier: Apache-2.0
// Sweeps of many runs, with end states that the test writes: the states are joined, and each run is
// found again by its settings.
#include <nlohmann/json.hpp>

#include "cluster/sweep/definition.h"
#include "cluster/sweep/run_outcome.h"
#include "framework/core/files.h"
#include "framework/record/run/run_state.h"
#include "framework/record/run/run_summary.h"
#include "tests/support/places.h"
#include "tests/support/program.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kSeeds = 50;

PointsRequest request(const fs::path& root) {
  PointsRequest request;
  request.run.search = {source_folder() / "experiments"};
  request.run.environment = {{"HOME", root.string()}};
  request.now = 1700000000;
  return request;
}

std::vector<Axis> axes(const fs::path& root) {
  return parse_axes(
      {"protocol=smoke", "method=bcp,cps", "seed=range(50)", "run.root='" + root.string() + "'"});
}

RunSummary summary(double dice) {
  RunSummary s{.method = "bcp", .backbone = "unet", .dataset = "cardiac_phantom"};
  s.metrics.overall.dice = {dice, 1};
  return s;
}

TEST(SweepScale, EveryPointHasAFolderOfItsOwnAndIsFoundAgain) {
  const TemporaryFolder folder;
  const ComposedPoints composed = compose_points(axes(folder.path()), request(folder.path()));
  ASSERT_TRUE(composed.unfit.empty()) << composed.unfit.front().error.what();
  ASSERT_EQ(std::ssize(composed.points), 2 * kSeeds);
  std::set<fs::path> folders;
  for (const Point& point : composed.points) {
    EXPECT_TRUE(folders.insert(point.folder).second);
    EXPECT_EQ(point.tried, 1);
  }
  // The run of one point exists under the date of another day.
  const Point& third = composed.points[2];
  const std::string name = third.folder.filename();
  const fs::path older = folder / ("2001-01-01" + name.substr(10));
  Config config = compose({.search = request(folder.path()).run.search,
                           .overrides = overrides_of(axes(folder.path()), third.choices)});
  write_file(older / "config.toml", config.to_toml());
  const ComposedPoints again = compose_points(axes(folder.path()), request(folder.path()));
  EXPECT_EQ(again.points[2].folder, older);
  EXPECT_EQ(again.points[3].folder, composed.points[3].folder);
}

TEST(SweepScale, TriedConfigurationsAreCountedForEachMethodAndBudget) {
  const TemporaryFolder folder;
  const auto counted = parse_axes({"protocol=smoke", "method=bcp,cps", "labelled=1,2", "seed=0,1",
                                   "protocol.optimiser.learning_rate=0.1,0.01,0.001"});
  const ComposedPoints composed = compose_points(counted, request(folder.path()));
  ASSERT_EQ(composed.points.size(), 24U);
  for (const Point& point : composed.points) EXPECT_EQ(point.tried, 3);
}

TEST(SweepScale, StatusJoinsFoldersAndTheTableTakesTheSweep) {
  const TemporaryFolder folder;
  Definition definition{.name = "many", .directory = folder.path(), .axes = axes(folder / "runs")};
  definition.points = compose_points(definition.axes, request(folder.path())).points;
  write_definition(folder / "sweep", definition);
  for (size_t i = 0; i < definition.points.size(); ++i) {
    const fs::path& run = definition.points[i].folder;
    const bool is_done = i % 10 != 0;
    if (i % 10 == 1) continue;  // never started
    fs::create_directories(run);
    write_run_state(run, {.status = is_done ? RunStatus::kDone : RunStatus::kFailed,
                          .updated = "2026-01-31T00:00:00Z",
                          .message = is_done ? "" : "out of memory\nsecond line"});
    if (is_done)
      write_run_summary(run / "summary.json", summary(0.5 + 0.001 * static_cast<double>(i)));
  }
  for (int repeat = 0; repeat < 2; ++repeat) {  // from the folders, then from the ledger
    const ProgramResult status = run_program("sweep status sweep", folder.path().string());
    EXPECT_EQ(status.exit_code, 0) << status.output;
    for (const char* word : {"100 runs: 80 done, 10 pending, 10 failed", "best so far: Dice 59.9 %",
                             "method=cps seed=49", "failed: method=bcp seed=0: out of memory\n"})
      EXPECT_NE(status.output.find(word), std::string::npos) << word << status.output;
  }
  const ProgramResult table = run_program("table sweep", folder.path().string());
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_NE(table.output.find("has not started"), std::string::npos) << table.output;
}

TEST(SweepScale, ADefinitionIsReadAsItWasWritten) {
  const TemporaryFolder folder;
  Definition d{.name = "x",
               .made = "t",
               .directory = "/d",
               .train_flags = {"--config-name", "y"},
               .launch = {"cluster=local"},
               .axes = parse_axes({"a=1,'x y'", "zip(b=[1],c=[2])"})};
  d.points.push_back({.choices = {1, 0}, .fixed = {"p=q"}, .identity = "0123", .folder = "/it's"});
  write_definition(folder.path(), d);
  const Definition read = read_definition(folder.path());
  EXPECT_EQ(read.hash(), d.hash());
  EXPECT_EQ(train_arguments(read, read.points[0]),
            std::vector<std::string>({"train", "--config-name", "y", "a='x y'", "b=1", "c=2", "p=q",
                                      "++run.dir='/it\\'s'", "++run.tried=1"}));
}

}  // namespace
}  // namespace semiseg::cluster
