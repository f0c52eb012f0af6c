// SPDX-License-Identifier: Apache-2.0
// Kills runs by SIGKILL at random moments, again and again, and resumes them: the results must be
// those of an uninterrupted run.
#include <cmath>

#include "framework/core/random/draws.h"
#include "framework/record/run/metrics_log.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {

// About a second of steps, so that kills fall into steps, validations and saves alike.
const std::string kLonger =
    " protocol.iterations=30 protocol.validate_every=8 protocol.checkpoint_every=3";

class Killed : public SmallRuns, public testing::WithParamInterface<std::string> {
 protected:
  // Seconds, the same in every run of the test.
  static double moment(const std::string& name, int64_t i) {
    return 0.4 + 1.6 * Draws(7).at(0, i).uniform("kill/" + name, {1}).item<double>();
  }

  // Kills five starts; the sixth may end. `ranks(i)`: of the i-th start.
  static void train_with_kills(const std::string& name, const std::string& more,
                               const std::function<int(int64_t)>& ranks) {
    for (int64_t i = 0;; ++i) {
      const std::string before = ranks(i) == 1 ? "exec" : mpirun(ranks(i));
      RunningProgram run(arguments(name, more), folder_, before);
      const double patience = i < 5 ? moment(name, i) : 120;
      if (!run.ends_within(patience)) run.kill_all();
      const ProgramResult result = run.wait();
      if (result.exit_code == 0) return;
      ASSERT_LT(i, 5) << result.output;
      ASSERT_EQ(result.exit_code, 137) << result.output;
    }
  }

  static std::string options() { return "method=" + GetParam() + kLonger; }
};

TEST_P(Killed, AloneItEndsInTheSameBytes) {
  const std::string whole = "whole_" + GetParam();
  ASSERT_EQ(train(whole, options()).exit_code, 0);
  for (const char* number : {"1", "2", "3"}) {
    const std::string run = GetParam() + "_" + number;
    train_with_kills(run, options(), [](int64_t) { return 1; });
    expect_equal_runs(whole, run);
  }
}

TEST_P(Killed, OnTwoRanksItEndsInTheSameBytes) {
  const std::string whole = "two_" + GetParam(), run = "two_killed_" + GetParam();
  ASSERT_EQ(train(whole, options(), mpirun(2)).exit_code, 0);
  train_with_kills(run, options(), [](int64_t) { return 2; });
  expect_equal_runs(whole, run);
}

TEST_P(Killed, OnChangingNumbersOfRanksItIsEqualToRounding) {
  const std::string precise = options() + " protocol.precision=float64";
  const std::string whole = "precise_" + GetParam(), run = "changing_" + GetParam();
  ASSERT_EQ(train(whole, precise).exit_code, 0);
  train_with_kills(run, precise, [](int64_t i) { return static_cast<int>(1 + (i + 1) % 3); });
  const auto expected = read_metrics_log(folder_ / whole / "metrics.jsonl");
  const auto actual = read_metrics_log(folder_ / run / "metrics.jsonl");
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t row = 0; row < expected.size(); ++row) {
    ASSERT_EQ(actual[row].values.size(), expected[row].values.size());
    for (size_t i = 0; i < expected[row].values.size(); ++i) {
      const double value = expected[row].values[i].second;
      EXPECT_NEAR(actual[row].values[i].second, value, 1e-9 * std::max(1e-3, std::abs(value)))
          << "step " << expected[row].step << ", " << expected[row].values[i].first;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, Killed, testing::Values("bcp", "transmedseg", "cps", "dan"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace semiseg
