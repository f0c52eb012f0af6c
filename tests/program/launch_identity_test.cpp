// SPDX-License-Identifier: Apache-2.0
// Tests which commands mean the same run: options that cannot change a result make no other run.
#include <set>

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

}  // namespace
}  // namespace semiseg
