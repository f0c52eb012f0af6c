// SPDX-License-Identifier: Apache-2.0
// Label budgets: the first patients of the training split.
#include <gtest/gtest.h>

#include "framework/data/label_budget.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

// Patients p, q, r with 2, 1 and 2 slices; q between the slices of p.
struct Budget : testing::Test {
  std::vector<CaseInfo> cases = {{"p_1", "p"}, {"q_1", "q"}, {"p_2", "p"}, {"r_1", "r"}};
  std::vector<SampleInfo> samples = {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {3, 1}};

  static std::vector<size_t> owners(const std::vector<SampleInfo>& list) {
    std::vector<size_t> result;
    for (const auto& sample : list) result.push_back(sample.case_index);
    return result;
  }
};

TEST_F(Budget, TakesTheFirstPatientsWhole) {
  const LabelBudget budget = resolve_budget(samples, cases, "1");
  EXPECT_EQ(budget.patients, (std::vector<std::string>{"p"}));
  EXPECT_EQ(owners(budget.labelled), (std::vector<size_t>{0, 2}));
  EXPECT_EQ(owners(budget.unlabelled), (std::vector<size_t>{1, 3, 3}));
}

TEST_F(Budget, AllLeavesNothingUnlabelled) {
  const LabelBudget budget = resolve_budget(samples, cases, "all");
  EXPECT_EQ(owners(budget.labelled), (std::vector<size_t>{0, 1, 2, 3, 3}));
  EXPECT_TRUE(budget.unlabelled.empty());
  EXPECT_EQ(budget.hash, resolve_budget(samples, cases, "3").hash);
}

TEST_F(Budget, AllAreThoseWithGroundTruth) {
  cases[2].has_label = false;  // one of the two cases of p
  const LabelBudget budget = resolve_budget(samples, cases, "all");
  EXPECT_EQ(budget.patients, (std::vector<std::string>{"q", "r"}));
  EXPECT_EQ(owners(budget.labelled), (std::vector<size_t>{1, 3, 3}));
  EXPECT_EQ(owners(budget.unlabelled), (std::vector<size_t>{0, 2}));
  expect_error(ErrorKind::kConfig, {"1 to 2", "ground truth"},
               [&] { resolve_budget(samples, cases, "3"); });
}

TEST_F(Budget, TheHashIsThatOfThePatients) {
  EXPECT_EQ(resolve_budget(samples, cases, "2").hash, resolve_budget(samples, cases, "2").hash);
  EXPECT_NE(resolve_budget(samples, cases, "1").hash, resolve_budget(samples, cases, "2").hash);
  EXPECT_EQ(resolve_budget(samples, cases, "2").hash.size(), 16u);
}

TEST_F(Budget, NumbersOutsideThePatientsAreRefused) {
  for (const char* bad : {"0", "4", "-1", "2.5", "", "some", "99999999999999999999"}) {
    expect_error(ErrorKind::kConfig, {"labelled", "1 to 3"},
                 [&] { resolve_budget(samples, cases, bad); });
  }
}

}  // namespace
}  // namespace semiseg
