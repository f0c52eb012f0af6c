// SPDX-License-Identifier: Apache-2.0
// The policy that leaves out what has no value, on the recorded cases of medpy; that of the
// packages themselves is in parity_cases_test.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "launch/parity/runners.h"
#include "tests/support/recorded_cases.h"

namespace semiseg {
namespace {

// medpy means to return 1 (it guards against a ZeroDivisionError, and its jc does return 1), but a
// division of NumPy's integers gives NaN instead. Only the policy `definition` follows it there.
TEST(ExcludingPolicy, DiceOfTwoEmptyMapsIsOneWhereMedpyGivesNaN) {
  const ParityCase c = load_case(recorded_cases("metric", "dice-medpy-both_empty")[0]);
  EXPECT_TRUE(c.tensor("out.dice").isnan().all().item<bool>());
  EXPECT_EQ(metric_values(c, "dice", EmptyPolicy::kExclude).item<double>(), 1);
}

// Distances are excluded exactly where the packages raise or return NaN.
TEST(ExcludingPolicy, AgreesWithMedpyWhereItReturns) {
  for (const std::string name : {"hd", "hd95", "asd", "assd", "jaccard", "ravd"}) {
    for (const auto& file : recorded_cases("metric", name + "-medpy-")) {
      const ParityCase c = load_case(file);
      const at::Tensor values = metric_values(c, name, EmptyPolicy::kExclude);
      if (!c.has("out." + name)) {
        EXPECT_TRUE(values.isnan().all().item<bool>()) << file;
        continue;
      }
      Comparison comparison(c);
      comparison.compare("out." + name, values);
      EXPECT_TRUE(comparison.passes()) << file;
    }
  }
}

// A class that is in one of ten cases and is missed there was never found.
TEST(IgnoringPolicy, CasesWithoutAClassDoNotRaiseItsMean) {
  EXPECT_EQ(empty_policy("ignore"), EmptyPolicy::kIgnore);
  const at::Tensor empty = at::zeros({2, 3, 4}, at::kByte), there = at::ones({2, 3, 4}, at::kByte);
  const auto dice = [&](const at::Tensor& prediction, const at::Tensor& reference) {
    return compute_metrics(prediction, reference, 2, {.empty = EmptyPolicy::kIgnore})[0].dice;
  };
  EXPECT_TRUE(std::isnan(dice(empty, empty)));
  EXPECT_EQ(dice(empty, there), 0);
  EXPECT_EQ(dice(there, empty), 0);
  EXPECT_EQ(dice(there, there), 1);
}

TEST(GenericSslPolicy, AMissedClassIs128VoxelsAway) {
  EXPECT_EQ(empty_policy("generic_ssl"), EmptyPolicy::kGenericSsl);
  const at::Tensor empty = at::zeros({2, 3, 4}, at::kByte), there = at::ones({2, 3, 4}, at::kByte);
  const auto metrics = [&](const at::Tensor& prediction, const at::Tensor& reference) {
    return compute_metrics(prediction, reference, 2, {.empty = EmptyPolicy::kGenericSsl})[0];
  };
  for (const ClassMetrics& m : {metrics(empty, there), metrics(there, empty)}) {
    EXPECT_EQ(m.dice, 0);
    EXPECT_EQ(m.asd, 128);
  }
  EXPECT_EQ(metrics(empty, empty).dice, 0.01);
  EXPECT_EQ(metrics(empty, empty).asd, 0);
  EXPECT_EQ(metrics(there, there).dice, 1);
}

}  // namespace
}  // namespace semiseg
