// SPDX-License-Identifier: Apache-2.0
// Label budgets: the first patients of the training split.
#include <gtest/gtest.h>

#include <algorithm>

#include "framework/data/label_budget.h"
#include "framework/settings/labelled_draw.h"
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

TEST_F(Budget, AShareIsRoundedUpToWholePatients) {
  for (const auto& [share, count] :
       std::vector<std::pair<std::string, size_t>>{{"1%", 1}, {"33%", 1}, {"34%", 2}, {"100%", 3}})
    EXPECT_EQ(resolve_budget(samples, cases, share).patients.size(), count) << share;
}

TEST_F(Budget, TheHashIsThatOfThePatients) {
  EXPECT_EQ(resolve_budget(samples, cases, "2").hash, resolve_budget(samples, cases, "2").hash);
  EXPECT_NE(resolve_budget(samples, cases, "1").hash, resolve_budget(samples, cases, "2").hash);
  EXPECT_EQ(resolve_budget(samples, cases, "2").hash.size(), 16u);
}

TEST_F(Budget, NumbersOutsideThePatientsAreRefused) {
  for (const char* bad : {"0", "4", "-1", "2.5", "", "some", "99999999999999999999", "%", "0%",
                          "101%", "2.5%", "2%%"}) {
    expect_error(ErrorKind::kConfig, {"labelled", "1 to 3"},
                 [&] { resolve_budget(samples, cases, bad); });
  }
}

// Twelve patients, every third of domain "south", two slices each.
struct Draw : testing::Test {
  Draw() {
    for (size_t i = 0; i < 12; ++i) {
      const std::string patient = std::string(1, static_cast<char>('a' + i));
      cases.push_back(
          {.id = patient, .patient = patient, .domain = i % 3 == 0 ? "south" : "north"});
      samples.push_back({i, 0});
      samples.push_back({i, 1});
    }
  }
  std::vector<std::string> labelled(int64_t draw, const std::string& count) const {
    return resolve_budget(drawn_order(samples, cases, draw), cases, count).patients;
  }
  std::vector<CaseInfo> cases;
  std::vector<SampleInfo> samples;
};

TEST_F(Draw, ZeroIsThePublishedOrder) {
  EXPECT_EQ(labelled(0, "3"), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Draw, OthersAreOtherPatientsAndTheSameAtEachCall) {
  EXPECT_EQ(labelled(1, "6"), labelled(1, "6"));
  EXPECT_NE(labelled(1, "6"), labelled(0, "6"));
  EXPECT_NE(labelled(1, "6"), labelled(2, "6"));
  // More labels are those of fewer and some besides.
  const std::vector<std::string> three = labelled(5, "3"), six = labelled(5, "6");
  EXPECT_TRUE(std::equal(three.begin(), three.end(), six.begin()));
}

TEST_F(Draw, AreStratifiedOverDomains) {
  for (int64_t draw = 1; draw < 20; ++draw) {
    int south = 0;
    for (const std::string& patient : labelled(draw, "6")) south += (patient[0] - 'a') % 3 == 0;
    EXPECT_EQ(south, 2) << draw;
  }
}

TEST_F(Draw, KeepEverySampleOnceAndThoseOfAPatientTogether) {
  const std::vector<SampleInfo> drawn = drawn_order(samples, cases, 3);
  ASSERT_EQ(drawn.size(), samples.size());
  for (size_t i = 0; i < drawn.size(); i += 2) {
    EXPECT_EQ(drawn[i].case_index, drawn[i + 1].case_index);
    EXPECT_EQ(drawn[i + 1].slice, 1);
  }
}

}  // namespace
}  // namespace semiseg
