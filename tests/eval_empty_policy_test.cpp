// SPDX-License-Identifier: Apache-2.0
// The policy that leaves out what has no value, on the recorded cases of medpy; that of the
// packages themselves is in parity_cases_test.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "launch/parity/runners.h"
#include "tests/recorded_cases.h"

namespace semiseg {
namespace {

// medpy means to return 1 (it guards against a ZeroDivisionError, and its jc does return 1), but a
// division of NumPy's integers gives NaN instead. Only the policy `definition` follows it there.
TEST(ExcludingPolicy, DiceOfTwoEmptyMapsIsOneWhereMedpyGivesNaN) {
  const ParityCase c = load_case(recorded_cases("metric", "dice-medpy-both_empty")[0]);
  EXPECT_TRUE(c.tensor("out.dice").isnan().all().item<bool>());
  EXPECT_EQ(metric_values(c, "dice", EmptyPolicy::kExclude).item<double>(), 1);
}

// What is excluded is what the packages raise or give NaN for, in every case of a distance.
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

}  // namespace
}  // namespace semiseg
