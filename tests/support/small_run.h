// SPDX-License-Identifier: Apache-2.0
// A training that takes a second, and what is left of it: for tests that cut, break and repeat
// runs.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/core/files.h"
#include "tests/support/program.h"
#include "tests/support/state_equality.h"

namespace semiseg {

// One generated data set of a few small patients for all tests of a suite.
class SmallRuns : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ =
        std::filesystem::path(testing::TempDir()) /
        ("semiseg_" + std::string(testing::UnitTest::GetInstance()->current_test_suite()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::string arguments(const std::string& name, const std::string& more) {
    return "train " + kSmall + " run.dir=" + name + " " + more;
  }
  static ProgramResult train(const std::string& name, const std::string& more,
                             const std::string& before = "") {
    return run_program(arguments(name, more), folder_.string(), before);
  }
  static std::string text(const std::string& run, const std::string& file) {
    return read_file(folder_ / run / file);
  }
  static StateMap newest(const std::string& run) {
    return CheckpointFolder(folder_ / run / "checkpoint", 1).load_newest().value();
  }
  static void expect_equal_runs(const std::string& a, const std::string& b) {
    EXPECT_EQ(text(a, "metrics.jsonl"), text(b, "metrics.jsonl"));
    EXPECT_EQ(text(a, "cases.csv"), text(b, "cases.csv"));
    expect_equal_states(newest(a), newest(b));
  }

  static inline const std::string kSmall =
      "protocol=smoke dataset.patients_train=6 dataset.patients_val=1 dataset.patients_test=1 "
      "dataset.slices=5 dataset.size=32 dataset.root=data labelled=2 threads=1 "
      "'backbone.filters=[4,8,8,8,8]' protocol.batch=12 protocol.labelled_batch=6";
  static inline std::filesystem::path folder_;
};

}  // namespace semiseg
