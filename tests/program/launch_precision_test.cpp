// SPDX-License-Identifier: Apache-2.0
// protocol.precision of the program: bfloat16 is as exact as float32 is, and auto is written down.
#include "tests/support/small_run.h"

namespace semiseg {
namespace {

class Precision : public SmallRuns {};

TEST_F(Precision, InBfloat16TooAStoppedRunGoesOnAsIfItHadNotBeen) {
  const std::string half = "method=transmedseg protocol.precision=bfloat16 ";
  ASSERT_EQ(train("half", half).exit_code, 0);
  ASSERT_EQ(train("half_cut", half + "--stop-after 7").exit_code, 5);
  ASSERT_EQ(train("half_cut", half).exit_code, 0);
  expect_equal_runs("half", "half_cut");
}

TEST_F(Precision, TheFastestPrecisionIsSaidAndNamedInTheRunFolder) {
  const std::string automatic = "method=supervised protocol.precision=auto device=cpu";
  const ProgramResult first = train("automatic", automatic);
  ASSERT_EQ(first.exit_code, 0) << first.output;
  EXPECT_NE(first.output.find("the fastest of this processor"), std::string::npos) << first.output;
  EXPECT_EQ(text("automatic", "config.toml").find("precision = \"auto\""), std::string::npos);
  EXPECT_NE(train("automatic", automatic).output.find("already done"), std::string::npos);
}

// As when a job is requeued on another kind of machine, where another precision is the fastest.
TEST_F(Precision, ARunThatWasBegunInAnotherPrecisionGoesOnInIt) {
  const std::string command = "method=supervised device=cpu run.dir= run.root=requeued ";
  for (const std::string precision : {"bfloat16", "float32"}) {
    std::filesystem::remove_all(folder_ / "requeued");
    const std::string begun = command + "protocol.precision=" + precision + " --stop-after 5";
    ASSERT_EQ(train("", begun).exit_code, 5);
    const ProgramResult result = train("", command + "protocol.precision=auto");
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_NE(result.output.find("precision: " + precision + ", as in"), std::string::npos)
        << result.output;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "requeued"), {}), 1);
  }
}

TEST_F(Precision, ARunThatWasBegunInWhatThisMachineLacksIsNotBegunAnew) {
  const std::string command = "method=supervised device=cpu protocol.precision=";
  ASSERT_EQ(train("begun", command + "float32 --stop-after 5").exit_code, 5);
  std::string config = text("begun", "config.toml");
  const std::string here = "precision = \"float32\"";
  config.replace(config.find(here), here.size(), "precision = \"tf32\"");
  write_file(folder_ / "begun" / "config.toml", config);
  const ProgramResult result = train("begun", command + "auto");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("tf32 needs a GPU"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("begun"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace semiseg
