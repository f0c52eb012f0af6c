// SPDX-License-Identifier: Apache-2.0
// Settings: splits and pools as pure functions of the cases, on cases of three domains.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/config/compose.h"
#include "framework/data/setting.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

// Patients a0 … a5, b0 … b5, c0 … c5 with one slice each: four train, one validates, one tests.
std::vector<CaseInfo> cases_of_three_domains() {
  std::vector<CaseInfo> cases;
  for (const std::string domain : {"a", "b", "c"}) {
    for (int i = 0; i < 6; ++i) {
      const std::string id = domain + std::to_string(i);
      cases.push_back({.id = id,
                       .patient = id,
                       .domain = domain,
                       .split = i < 4    ? Split::kTrain
                                : i == 4 ? Split::kVal
                                         : Split::kTest});
    }
  }
  return cases;
}

struct Outcome {
  std::map<Split, std::set<std::string>> ids;               // ids of the cases in a split
  std::map<std::string, std::multiset<std::string>> pools;  // owners of a pool's samples
  std::vector<std::string> labelled;
};

Outcome apply(const std::string& name, const std::string& options, const std::string& labelled,
              std::vector<CaseInfo> cases = cases_of_three_domains()) {
  const auto setting = SettingRegistry::instance().find(name).make(parse_config(options), labelled);
  const std::vector<Split> splits = setting->splits(cases);
  Outcome outcome;
  std::vector<SampleInfo> samples;
  for (size_t i = 0; i < cases.size(); ++i) {
    cases[i].split = splits.at(i);
    outcome.ids[splits[i]].insert(cases[i].id);
    if (splits[i] == Split::kTrain) samples.push_back({i, 0});
  }
  const Pools pools = setting->pools(samples, cases);
  for (const Pool& pool : pools.pools) {
    EXPECT_EQ(pool.has_labels, pool.name == "labelled");
    for (const size_t member : pool.members)
      outcome.pools[pool.name].insert(cases[pools.samples.at(member).case_index].id);
  }
  outcome.labelled = pools.labelled_patients;
  return outcome;
}

using Names = std::multiset<std::string>;

TEST(Settings, SslLabelsTheFirstPatientsAndKeepsTheSplits) {
  const Outcome o = apply("ssl", "", "2");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"a0", "a1"}));
  EXPECT_EQ(o.pools.at("unlabelled").size(), 10u);
  EXPECT_EQ(o.ids.at(Split::kTest), (std::set<std::string>{"a5", "b5", "c5"}));
}

TEST(Settings, SslWithAllLabelledDrawsUnlabelledSamplesFromTheSamePatients) {
  const Outcome o = apply("ssl", "", "all");
  EXPECT_EQ(o.pools.at("labelled"), o.pools.at("unlabelled"));
  EXPECT_EQ(o.labelled.size(), 12u);
}

TEST(Settings, SslLabelsPatientsOfEachTaskOfACollection) {
  std::vector<CaseInfo> cases = cases_of_three_domains();
  for (CaseInfo& one : cases) one.task = one.domain == "a" ? "heart" : "abdomen";
  EXPECT_EQ(apply("ssl", "", "1", cases).pools.at("labelled"), (Names{"a0", "b0"}));
}

TEST(Settings, SslRepeatsSamplesOfSmallTasksWhereAsked) {
  std::vector<CaseInfo> cases = cases_of_three_domains();
  for (CaseInfo& one : cases) one.task = one.domain == "a" ? "heart" : "abdomen";
  const Outcome o = apply("ssl", "balance = 'tasks'", "2", cases);
  EXPECT_EQ(o.pools.at("labelled"), (Names{"a0", "a1", "b0", "b1"}));
  // Two hearts, repeated to the six abdomens.
  EXPECT_EQ(o.pools.at("unlabelled"),
            (Names{"a2", "a2", "a2", "a3", "a3", "a3", "b2", "b3", "c0", "c1", "c2", "c3"}));
}

TEST(Settings, UdaHasLabelsOfTheSourceAndTestsTheTarget) {
  const Outcome o = apply("uda", "source = 'a'\ntarget = 'c'", "all");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"a0", "a1", "a2", "a3"}));
  EXPECT_EQ(o.pools.at("unlabelled"), (Names{"c0", "c1", "c2", "c3"}));
  EXPECT_EQ(o.ids.at(Split::kVal), (std::set<std::string>{"a4"}));
  EXPECT_EQ(o.ids.at(Split::kTest), (std::set<std::string>{"c5"}));
  EXPECT_EQ(apply("uda", "source = 'a'\ntarget = 'c'\nselect = 'target'", "2").ids.at(Split::kVal),
            (std::set<std::string>{"c4"}));
}

TEST(Settings, UdaNeedsUnlabelledCasesOfTheTarget) {
  std::vector<CaseInfo> cases = cases_of_three_domains();
  for (CaseInfo& one : cases)
    if (one.domain == "c") one.split = Split::kTest;
  expect_error(ErrorKind::kConfig, {"target", "no training case"},
               [&] { apply("uda", "source = 'a'\ntarget = 'c'", "all", cases); });
}

TEST(Settings, SemidgLabelsAShareOfEachDomainRoundedUp) {
  const Outcome o = apply("semidg", "left_out = 'c'", "30%");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"a0", "a1", "b0", "b1"}));
}

TEST(Settings, SemidgLeavesADomainOutOfTrainingAndTestsAllOfIt) {
  const Outcome o = apply("semidg", "left_out = 'b'", "1");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"a0", "c0"}));
  EXPECT_EQ(o.pools.at("unlabelled"), (Names{"a1", "a2", "a3", "c1", "c2", "c3"}));
  EXPECT_EQ(o.ids.at(Split::kTest), (std::set<std::string>{"b0", "b1", "b2", "b3", "b4", "b5"}));
  EXPECT_EQ(o.ids.at(Split::kVal), (std::set<std::string>{"a4", "c4"}));
}

TEST(Settings, MixedDomainLabelsOneDomainAndTestsAll) {
  const Outcome o = apply("mixed_domain", "labelled_domain = 'b'", "1");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"b0"}));
  EXPECT_EQ(o.pools.at("unlabelled").size(), 11u);
  EXPECT_EQ(o.ids.at(Split::kTest).size(), 3u);
}

// For every setting: no patient in two splits, no labelled patient among the unlabelled ones, none
// of a test case in a pool.
TEST(Settings, NeverMixWhatMustStayApart) {
  const std::map<std::string, std::string> options = {{"uda", "source = 'a'\ntarget = 'b'"},
                                                      {"semidg", "left_out = 'a'"},
                                                      {"mixed_domain", "labelled_domain = 'a'"}};
  for (const std::string& name : SettingRegistry::instance().names()) {
    const auto found = options.find(name);
    const Outcome o = apply(name, found == options.end() ? "" : found->second, "1");
    for (const std::string& id : o.pools.at("labelled")) {
      EXPECT_FALSE(o.pools.at("unlabelled").contains(id)) << name << " " << id;
      EXPECT_FALSE(o.ids.at(Split::kTest).contains(id)) << name << " " << id;
    }
    for (const std::string& id : o.pools.at("unlabelled")) {
      EXPECT_FALSE(o.ids.at(Split::kTest).contains(id)) << name << " " << id;
      EXPECT_FALSE(o.ids.at(Split::kVal).contains(id)) << name << " " << id;
    }
  }
}

TEST(Settings, AnUnknownDomainIsNamedWithThoseThereAre) {
  expect_error(ErrorKind::kConfig, {"no domain 'd'", "left_out"},
               [] { apply("semidg", "left_out = 'd'", "1"); });
}

TEST(Settings, ADataSetWithoutDomainsIsRefused) {
  std::vector<CaseInfo> cases = cases_of_three_domains();
  for (CaseInfo& one : cases) one.domain.clear();
  expect_error(ErrorKind::kConfig, {"names none", "setting=ssl"},
               [&] { apply("semidg", "left_out = 'a'", "1", cases); });
  expect_error(ErrorKind::kConfig, {"names none"},
               [&] { apply("uda", "source = 'a'\ntarget = 'b'", "1", cases); });
}

TEST(Settings, TooManyLabelledPatientsOfADomainAreRefused) {
  expect_error(ErrorKind::kConfig, {"1 to 4"}, [] { apply("semidg", "left_out = 'a'", "5"); });
}

}  // namespace
}  // namespace semiseg
