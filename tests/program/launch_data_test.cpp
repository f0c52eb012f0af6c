// SPDX-License-Identifier: Apache-2.0
// A run and its data: the same at every start, wherever they lie.
#include <signal.h>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/random/draws.h"
#include "framework/data/archive/case_store.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

// Two data sets of the same cases, made with different seeds, as stores of their own.
class RunData : public SmallRuns {
 protected:
  static void SetUpTestSuite() {
    SmallRuns::SetUpTestSuite();
    for (const char* seed : {"0", "1"}) {
      const std::string made = std::string("made") + seed;
      train("warm",
            "method=supervised --stop-after 1 dataset.root=" + made + " dataset.seed=" + seed);
      fs::remove_all(folder_ / "warm");
    }
  }
  // Puts the data of a seed at this place.
  static void put(const std::string& seed, const std::string& place) {
    fs::remove_all(folder_ / place);
    fs::create_directories((folder_ / place).parent_path());
    const fs::path made = fs::directory_iterator(folder_ / ("made" + seed))->path();
    fs::copy(made, folder_ / place, fs::copy_options::recursive);
  }
  static ProgramResult semiseg(const std::string& arguments, const std::string& folder = "") {
    return run_program(arguments, (folder_ / folder).string());
  }
  static std::string on(const std::string& root, const std::string& more) {
    return "train protocol=smoke labelled=2 threads=1 'backbone.filters=[4,8,8,8,8]' "
           "method=supervised dataset=store dataset.root=" +
           root + " " + more;
  }
  static bool says(const ProgramResult& result, const std::string& words) {
    return result.output.find(words) != std::string::npos;
  }
};

TEST_F(RunData, ARunGoesOnWithACopyAndStopsAtOtherData) {
  put("0", "data");
  ASSERT_EQ(semiseg(on("data", "run.dir=changed --stop-after 6")).exit_code, 5);
  put("0", "elsewhere/copy");
  const ProgramResult copied = semiseg(on("elsewhere/copy", "run.dir=changed --stop-after 2"));
  EXPECT_EQ(copied.exit_code, 5) << copied.output;
  const std::string rows = text("changed", "metrics.jsonl"), data = text("changed", "data.csv");
  put("1", "data");
  const ProgramResult other = semiseg(on("data", "run.dir=changed"));
  EXPECT_EQ(other.exit_code, 3) << other.output;
  EXPECT_TRUE(says(other, "not the one that this run was started with")) << other.output;
  EXPECT_TRUE(says(other, "cases differ: patient")) << other.output;
  EXPECT_EQ(text("changed", "metrics.jsonl"), rows);
  EXPECT_EQ(text("changed", "data.csv"), data);
  EXPECT_NE(text("changed", "state.json").find("stopped"), std::string::npos);
}

TEST_F(RunData, ARelativePlaceIsKeptFromTheFolderOfTheCommand) {
  put("0", "A/data");
  put("1", "B/data");
  ASSERT_EQ(semiseg(on("data", "run.root=../runs"), "A").exit_code, 0);
  const fs::path run = fs::directory_iterator(folder_ / "runs")->path();
  const ProgramResult here = semiseg("evaluate " + run.string(), "A"),
                      there = semiseg("evaluate " + run.string(), "B");
  EXPECT_EQ(there.exit_code, 0) << there.output;
  EXPECT_FALSE(says(there, "warning")) << there.output;
  EXPECT_EQ(here.output.substr(here.output.find("class")),
            there.output.substr(there.output.find("class")));
  EXPECT_EQ(semiseg(on("data", "run.root=../runs"), "B").exit_code, 3);
  put("1", "A/data");
  const ProgramResult other = semiseg("evaluate " + run.string(), "A");
  EXPECT_TRUE(says(other, "warning: the data set is not the one")) << other.output;
}

// The same command on two machines whose disks differ: here, in two working folders.
TEST_F(RunData, RanksThatSeeDifferentDataAreNamed) {
  put("0", "rank0/data");
  put("1", "rank1/data");
  write_file(folder_ / "in_own_folder", "cd rank$OMPI_COMM_WORLD_RANK && exec \"$@\"");
  const ProgramResult result = run_program(on("data", "run.dir=" + (folder_ / "ranks").string()),
                                           folder_.string(), mpirun(2) + " sh in_own_folder");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_FALSE(fs::exists(folder_ / "ranks")) << "nothing is written before";
}

TEST_F(RunData, TheHomeFolderIsExpanded) {
  put("0", "data");
  const ProgramResult result = run_program(on("data", "--stop-after 1 'run.root=~/runs'"),
                                           folder_.string(), "mkdir -p home; env HOME=$PWD/home");
  EXPECT_EQ(result.exit_code, 5) << result.output;
  EXPECT_FALSE(fs::exists(folder_ / "~"));
  EXPECT_TRUE(fs::exists(folder_ / "home/runs"));
  EXPECT_EQ(
      run_program(on("data", "--stop-after 1 'run.root=~/runs'"), folder_.string(), "env -u HOME")
          .exit_code,
      2);
  EXPECT_EQ(run_program("table '~/runs'", folder_.string(), "env HOME=$PWD/home").exit_code, 0);
}

TEST_F(RunData, ThePartsOfACollectionKeepTheirPlaces) {
  put("0", "parts/a");
  put("1", "parts/b");
  const ProgramResult result = semiseg(
      "train protocol=smoke labelled=2 threads=1 'backbone.filters=[4,8,8,8,8]' method=supervised "
      "dataset=collection +dataset.prefix_ids=true +dataset.parts.x.name=store "
      "+dataset.parts.x.root=a +dataset.parts.y.name=store +dataset.parts.y.root=b "
      "run.dir=../collected --stop-after 1",
      "parts");
  EXPECT_EQ(result.exit_code, 5) << result.output;
  const std::string config = text("collected", "config.toml");
  EXPECT_NE(config.find("\"" + (folder_ / "parts/b").string() + "\""), std::string::npos) << config;
}

// Four patients with class "one" alone, a validation case without any, a test case with both.
void make_poor_store(const fs::path& folder) {
  std::vector<CaseInfo> infos;
  const auto add = [&](const std::string& id, Split split, int64_t classes) {
    StoredCase made{.info = {id, id, "", split}};
    const at::Tensor square = at::zeros({3, 32, 32}, at::kByte);
    for (int64_t k = 1; k < classes; ++k)
      square.slice(1, 8 * k, 8 * k + 6).slice(2, 8, 20).fill_(k);
    made.volume.label = square;
    made.volume.image = square.to(at::kFloat).unsqueeze(0) + at::arange(32, at::kFloat) / 100;
    write_case(folder, made);
    infos.push_back(made.info);
  };
  for (const char* id : {"a", "b", "c", "d"}) add(id, Split::kTrain, 2);
  add("v", Split::kVal, 1);
  add("t", Split::kTest, 3);
  write_index(folder, {.name = "poor", .classes = {"background", "one", "two"}}, infos);
}

// Replaces the labels of all cases but those of the first three patients by noise.
void spoil_labels(const fs::path& folder) {
  const StoreSource source(folder);
  std::vector<std::string> kept;
  for (const CaseInfo& one : source.cases()) {
    const bool is_kept = std::find(kept.begin(), kept.end(), one.patient) != kept.end();
    if (!is_kept && one.split == Split::kTrain && kept.size() < 3) {
      kept.push_back(one.patient);
      continue;
    }
    if (is_kept) continue;
    StoredCase stored = read_case(folder / (one.id + ".h5"));
    stored.volume.label =
        Draws(5).integers(one.id, stored.volume.label.sizes(), 0, 4).to(at::kByte);
    fs::remove(folder / (one.id + ".h5"));
    write_case(folder, stored);
  }
}

// The budget says so in account.json, and no bit of the training depends on any other label.
TEST_F(RunData, AStrictBudgetReadsNoOtherLabelBeforeTheEnd) {
  for (const char* selection : {"0", "1"}) {
    const std::string options = std::string(" labelled=3 budget=strict selection=") + selection;
    put("0", "data");
    const ProgramResult clean = semiseg(on("data", "run.dir=clean" + options));
    ASSERT_EQ(clean.exit_code, 0) << clean.output;
    fs::rename(folder_ / "data", folder_ / "before");
    put("0", "data");
    spoil_labels(folder_ / "data");
    const ProgramResult spoilt = semiseg(on("data", "run.dir=spoilt" + options));
    ASSERT_EQ(spoilt.exit_code, 0) << spoilt.output;
    EXPECT_EQ(text("clean", "metrics.jsonl"), text("spoilt", "metrics.jsonl"));
    expect_equal_states(newest("clean"), newest("spoilt"));
    EXPECT_NE(text("clean", "cases.csv"), text("spoilt", "cases.csv"));
    EXPECT_NE(text("clean", "account.json").find("\"labels_touched\": 3"), std::string::npos);
    EXPECT_NE(text("clean", "summary.json").find("\"labelled\": 3"), std::string::npos);
    for (const char* place : {"clean", "spoilt", "data", "before"}) fs::remove_all(folder_ / place);
  }
  put("0", "data");
  EXPECT_EQ(semiseg(on("data", "run.dir=none budget=strict selection=2")).exit_code, 2);
  EXPECT_EQ(semiseg(on("data", "run.dir=none selection=1")).exit_code, 2);
}

TEST_F(RunData, WhatTheDataCannotTeachOrSelectIsSaid) {
  make_poor_store(folder_ / "poor");
  const ProgramResult result = semiseg(on("poor", "run.dir=taught"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(says(result, "no labelled patient has two")) << result.output;
  EXPECT_TRUE(says(result, "no case of the val split has any foreground")) << result.output;
  EXPECT_NE(text("taught", "summary.json").find("\"selection_split\": \"last\""),
            std::string::npos);
  EXPECT_EQ(semiseg("evaluate taught").exit_code, 0);
}

TEST_F(RunData, WithoutValidationTheLastWeightsAreEverywhere) {
  put("0", "data");
  ASSERT_EQ(semiseg(on("data", "run.dir=last protocol.validate_every=0")).exit_code, 0);
  EXPECT_NE(text("last", "summary.json").find("\"selection_split\": \"last\""), std::string::npos);
  const ProgramResult evaluated = semiseg("evaluate last");
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.output;
  EXPECT_NE(text("last", "cases.test.csv").find("selection split: last"), std::string::npos);
}

TEST_F(RunData, FeaturesOfAnotherProgramAreAskedForReadAndChecked) {
  put("0", "data");
  const StoreSource source(folder_ / "data");
  const auto write_features = [&](int64_t lines_less) {
    fs::remove_all(folder_ / "features");
    fs::create_directories(folder_ / "features");
    for (size_t i = 0; i < source.cases().size(); ++i) {
      const at::Tensor image = source.load(i).image;
      Hdf5File file = Hdf5File::create(folder_ / "features" / (source.cases()[i].id + ".h5"));
      file.write("features", at::cat({image, 1 - image}).slice(2, lines_less));
      file.close();
    }
  };
  const auto train_on = [&](const std::string& more) {
    return semiseg(
        "train protocol=smoke labelled=2 threads=1 'backbone.filters=[4,8,8,8,8]' dataset=store "
        "dataset.root=data method=prototype_propagation run.dir=featured " +
        more);
  };
  const ProgramResult without = train_on("");
  EXPECT_EQ(without.exit_code, 2) << without.output;
  EXPECT_TRUE(says(without, "dataset.features")) << without.output;
  write_features(1);
  const ProgramResult other_grid = train_on("dataset.features=features");
  EXPECT_EQ(other_grid.exit_code, 3) << other_grid.output;
  EXPECT_TRUE(says(other_grid, "another grid")) << other_grid.output;
  write_features(0);
  fs::remove_all(folder_ / "featured");
  const ProgramResult trained = train_on("dataset.features=features");
  EXPECT_EQ(trained.exit_code, 0) << trained.output;
}

TEST_F(RunData, ClosedStreamsAndFullDisksOfTheOutputAreNoticed) {
  EXPECT_EQ(semiseg("info > /dev/full").exit_code, 3);
  EXPECT_EQ(semiseg("info >&-").exit_code, 3);
  EXPECT_EQ(semiseg("info 2>&- <&-").exit_code, 0);
  put("0", "data");
  const ProgramResult closed = semiseg(on("data", "run.dir=closed <&- >&- 2>&-"));
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_EQ(text("closed", "config.toml").find("supervised on"), std::string::npos);
}

TEST_F(RunData, AHangUpStopsAndSaves) {
  // The tests themselves may run under nohup, whose programs inherit that a hang-up is ignored.
  ::signal(SIGHUP, SIG_DFL);
  put("0", "data");
  const std::string waiting =
      " & pid=$!; while [ ! -e hup/checkpoint ]; do sleep 0.05; done; kill ";
  const std::string options = "run.dir=hup protocol.iterations=100000 protocol.validate_every=0";
  const ProgramResult result = semiseg(on("data", options + waiting + "-HUP $pid; wait $pid"));
  EXPECT_EQ(result.exit_code, 5) << result.output;
  EXPECT_TRUE(says(result, "SIGHUP")) << result.output;
}

}  // namespace
}  // namespace semiseg
