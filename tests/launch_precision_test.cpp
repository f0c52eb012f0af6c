// SPDX-License-Identifier: Apache-2.0
// protocol.precision of the program: bfloat16 is as exact as float32 is, and auto is written down.
#include "tests/small_run.h"

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
  EXPECT_NE(first.output.find("instructions for bfloat16"), std::string::npos) << first.output;
  EXPECT_EQ(text("automatic", "config.toml").find("precision = \"auto\""), std::string::npos);
  EXPECT_NE(train("automatic", automatic).output.find("already done"), std::string::npos);
}

}  // namespace
}  // namespace semiseg
