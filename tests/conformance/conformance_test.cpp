// SPDX-License-Identifier: Apache-2.0
// Runs every check of the conformance suite on every registered method. A new method gets these
// tests by being registered.
#include <gtest/gtest.h>

#include <tuple>

#include "launch/conformance/checks.h"

namespace semiseg {
namespace {

class EveryMethod : public testing::TestWithParam<std::tuple<Check, MethodOnImages>> {};

TEST_P(EveryMethod, Conforms) {
  const auto& [check, method] = GetParam();
  EXPECT_EQ(findings_of(check, method), Findings()) << "a method " << check.claim;
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethod,
                         testing::Combine(testing::ValuesIn(conformance_checks()),
                                          testing::ValuesIn(methods_on_images())),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + std::string("_") +
                                  std::get<1>(info.param).title();
                         });

Findings findings_with_defect(const std::string& check, const std::string& defect) {
  for (const Check& each : conformance_checks()) {
    if (each.name != check) continue;
    return findings_of(each, {.name = "test_strong_view", .options = "defect = '" + defect + "'"});
  }
  return {"there is no check of this name"};
}

TEST(Checks, SayWhatIsWrongWithAPlantedDefect) {
  EXPECT_EQ(findings_with_defect("unlabelled", "zero_term"),
            (Findings{"no loss depends on the unlabelled images",
                      "no loss depends on these views: train/unlabelled/strong"}));
  EXPECT_EQ(findings_with_defect("unlabelled", "weak_view_only"),
            Findings{"no loss depends on these views: train/unlabelled/strong"});
}

TEST(Checks, CatchAMethodThatReadsLabelsBehindTheLoader) {
  const Findings findings = findings_with_defect("leaks", "reads_labels");
  ASSERT_FALSE(findings.empty());
  EXPECT_NE(findings[0].find("depend on labels outside the labelled patients"), std::string::npos)
      << findings[0];
}

TEST(Checks, AnErrorOfTheMethodIsAFinding) {
  const Findings findings = findings_with_defect("ranks", "no such defect");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].find("defect"), std::string::npos) << findings[0];
}

}  // namespace
}  // namespace semiseg
