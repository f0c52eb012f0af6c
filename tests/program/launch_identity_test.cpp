// SPDX-License-Identifier: Apache-2.0
// Tests which commands mean the same run: options that cannot change a result make no other run.
#include <set>

#include "framework/core/files.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class Identity : public SmallRuns {
 protected:
  // Trains in a folder that is named for the configuration, and returns the folders there are then.
  static std::set<std::string> folders_after(const std::string& more) {
    const ProgramResult result =
        run_program("train " + kSmall + " method=supervised " + more, folder_.string());
    EXPECT_EQ(result.exit_code, 0) << result.output;
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ / "runs"))
      names.insert(entry.path().filename());
    return names;
  }
};

TEST_F(Identity, OnlyWhatCanChangeAResultMakesAnotherRun) {
  const auto one = folders_after("");
  ASSERT_EQ(one.size(), 1u);
  for (const char* same :
       {"evaluation.definition=monai evaluation.unit=mm evaluation.empty=definition",
        "protocol.keep_checkpoints=1 protocol.log_every=3 protocol.checkpoint_every=5",
        "loader.threads=0 threads=2 +protocol.reduction.bucket_mb=1", "method.dice=dice_sq",
        "protocol.optimiser.weight_decay=0.0001 protocol.optimiser.clip_norm=0"}) {
    EXPECT_EQ(folders_after(same), one) << same;
  }
  EXPECT_EQ(folders_after("protocol.optimiser.clip_norm=1").size(), 2u);
  EXPECT_EQ(folders_after("protocol.optimiser.clip_norm=1.0").size(), 2u);
}

TEST_F(Identity, AFormerNameOfTheDataSetIsTheSameRun) {
  const std::string settings = "train " + kSmall + " method=supervised run.root=renamed ";
  ASSERT_EQ(run_program(settings, folder_.string()).exit_code, 0);
  const fs::path run = fs::directory_iterator(folder_ / "renamed")->path();
  const std::string config = read_file(run / "config.toml"), present = "\"cardiac_phantom\"";
  const size_t at = config.find(present);
  ASSERT_NE(at, std::string::npos);
  write_file(run / "config.toml", std::string(config).replace(at, present.size(), "\"phantom\""));
  for (const char* name : {"dataset=phantom", "dataset=cardiac_phantom", "dataset.name=phantom"}) {
    const ProgramResult again = run_program(settings + name, folder_.string());
    EXPECT_EQ(again.exit_code, 0) << again.output;
    EXPECT_NE(again.output.find("already done"), std::string::npos) << name << again.output;
    const bool is_said =
        again.output.find("phantom is called cardiac_phantom now") != std::string::npos;
    EXPECT_EQ(is_said, std::string(name) != "dataset=cardiac_phantom") << again.output;
  }
  EXPECT_EQ(run_program("evaluate " + run.string(), folder_.string()).exit_code, 0);
}

TEST_F(Identity, ASummaryHasWhatWasChosen) {
  ASSERT_EQ(train("chosen", "method=supervised backbone=unet_small").exit_code, 0);
  const std::string summary = text("chosen", "summary.json");
  for (const char* part : {"\"backbone\": \"unet_small\"", "\"protocol\": \"smoke\"",
                           "\"dataset.size\": \"32\"", "\"labelled\": \"\\\"2\\\"\""})
    EXPECT_NE(summary.find(part), std::string::npos) << part << summary.substr(0, 1500);
  EXPECT_EQ(summary.find("dataset.root"), std::string::npos) << "it changes no result";
}

TEST_F(Identity, AFinishedRunIsMeasuredInAnotherWayWithoutTrainingAgain) {
  ASSERT_EQ(train("measured", "method=supervised").exit_code, 0);
  const std::string weights = text("measured", "checkpoint/best.h5");
  const ProgramResult result = run_program(
      "evaluate measured evaluation.definition=monai evaluation.unit=mm", folder_.string());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  const std::string rows = text("measured", "cases.test.csv");
  EXPECT_NE(rows.find("monai"), std::string::npos) << rows.substr(0, 400);
  EXPECT_NE(rows.find("mm"), std::string::npos) << rows.substr(0, 400);
  EXPECT_EQ(text("measured", "checkpoint/best.h5"), weights);
  for (const char* other : {"protocol.batch=6", "evaluation.definitoin=monai"})
    EXPECT_EQ(run_program(std::string("evaluate measured ") + other, folder_.string()).exit_code, 2)
        << other;
}

TEST_F(Identity, AFinishedRunHasItsDefinitionsSideBySideAndItsCalibration) {
  ASSERT_EQ(train("asked", "method=supervised").exit_code, 0);
  const auto evaluate = [](const std::string& flags) {
    return run_program("evaluate asked " + flags, folder_.string());
  };
  ASSERT_EQ(evaluate("--output one.csv").exit_code, 0);
  const ProgramResult table = evaluate("--definitions all");
  ASSERT_EQ(table.exit_code, 0) << table.output;
  EXPECT_NE(table.output.find("surface-distance"), std::string::npos) << table.output;
  const std::string json = text("asked", "definitions.test.json");
  EXPECT_NE(json.find("\"monai\": {"), std::string::npos) << json;
  const ProgramResult asked =
      evaluate("'evaluation.metrics=[\"components\",\"calibration\"]' --output two.csv");
  ASSERT_EQ(asked.exit_code, 0) << asked.output;
  const std::string with = read_file(folder_ / "two.csv"), without = read_file(folder_ / "one.csv");
  EXPECT_NE(with.find(",volume_error,component_f1,"), std::string::npos) << with;
  EXPECT_NE(with.find(",ece,brier\n"), std::string::npos) << with;
  EXPECT_EQ(without.find("component"), std::string::npos) << without;
  for (const char* wrong : {"evaluation.metrics=[dise]", "evaluation.class_tolerances=[1]",
                            "--definitions all --metrics components", "--tolerance 1,2,3,4"})
    EXPECT_EQ(evaluate(wrong).exit_code, 2) << wrong;
}

TEST_F(Identity, AFolderOfAnotherConfigurationIsRefusedAndStays) {
  const std::string owned = "train " + kSmall + " method=supervised run.dir=owned ";
  ASSERT_EQ(run_program(owned, folder_.string()).exit_code, 0);
  const std::string before = read_file(folder_ / "owned/config.toml");
  const ProgramResult result = run_program(owned + "seed=9", folder_.string());
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("seed"), std::string::npos) << result.output;
  EXPECT_EQ(read_file(folder_ / "owned/config.toml"), before);
}

}  // namespace
}  // namespace semiseg
