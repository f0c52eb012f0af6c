// SPDX-License-Identifier: Apache-2.0
// The evaluator under mpirun: the rows of a serial evaluation, on every rank.
#include <gtest/gtest.h>

#include "framework/metrics/evaluator.h"
#include "tests/support/cube_source.h"
#include "tests/support/ranks.h"

namespace semiseg {
namespace {

TEST(EvaluatorRanks, RowsAreThoseOfASerialEvaluationBitForBit) {
  Cubes cubes;
  cubes.set_costs({9, 1, 5, 0, 20});
  const EvaluatorOptions options{.empty = EmptyPolicy::kReference};  // no NaN: rows compare with ==
  const auto serial = evaluate(cubes, Split::kTest, moved, options, *make_serial_communicator());
  const auto rows = evaluate(cubes, Split::kTest, moved, options, ranks());
  ASSERT_EQ(rows.size(), serial.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const ClassMetrics &a = rows[i].metrics, &b = serial[i].metrics;
    EXPECT_EQ(rows[i].case_id, serial[i].case_id);
    EXPECT_EQ(rows[i].label, serial[i].label);
    EXPECT_EQ(a.overlap_voxels, b.overlap_voxels);
    EXPECT_EQ(a.dice, b.dice);
    EXPECT_EQ(a.hd95, b.hd95);
    EXPECT_EQ(a.assd, b.assd);
  }
}

}  // namespace
}  // namespace semiseg
