// SPDX-License-Identifier: Apache-2.0
// The cost that a run records.
#include "framework/record/run/run_account.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {

class Cost : public SmallRuns {
 protected:
  static RunAccount account(const std::string& run) {
    return read_account(folder_ / run / kAccountFile);
  }
};

// The student sees the batch in each of 12 steps, the teacher its unlabelled half; the three
// validations do not count.
TEST_F(Cost, ForwardPassesOfTrainingStepsAreCountedOverStartsAndRanks) {
  ASSERT_EQ(train("passes", "method=mean_teacher --stop-after 5").exit_code, 5);
  EXPECT_EQ(account("passes").counted_steps, 5);
  ASSERT_EQ(train("passes", "method=mean_teacher").exit_code, 0);
  EXPECT_EQ(account("passes").counted_steps, 12);
  EXPECT_DOUBLE_EQ(account("passes").forward_passes, 12 * 1.5);
  const ProgramResult two = train("ranks", "method=mean_teacher", mpirun(2));
  ASSERT_EQ(two.exit_code, 0) << two.output;
  EXPECT_DOUBLE_EQ(account("ranks").forward_passes, 12 * 1.5);
  const ProgramResult table = run_program("table passes --full", folder_.string());
  EXPECT_NE(table.output.find("forward passes a step"), std::string::npos) << table.output;
  EXPECT_NE(table.output.find("| 1.50 |"), std::string::npos) << table.output;
}

// Accounts of older versions do not have the count.
TEST_F(Cost, AnOlderAccountIsRead) {
  const auto path = folder_ / "account.json";
  write_account(path, {.labelled_patients = 3});
  std::string text = read_file(path);
  for (const std::string key : {"forward_passes", "counted_steps"}) {
    const size_t begin = text.find("  \"" + key), end = text.find('\n', begin);
    ASSERT_NE(begin, std::string::npos) << text;
    text.erase(begin, end + 1 - begin);
  }
  text.replace(text.rfind(",\n}"), 1, "");
  write_file(path, text);
  EXPECT_EQ(read_account(path).labelled_patients, 3);
  EXPECT_EQ(read_account(path).counted_steps, 0);
}

}  // namespace
}  // namespace semiseg
