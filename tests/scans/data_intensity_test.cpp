// SPDX-License-Identifier: Apache-2.0
// Intensities of volumes (against the references in parity_cases_test), and splits by patients.
#include "framework/scans/intensity.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/data/archive/case_split.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

TEST(Intensity, EachChannelIsScaledByItself) {
  const at::Tensor image = at::arange(8, at::kFloat).reshape({1, 2, 2, 2});
  const at::Tensor out = normalise(at::cat({image, 5 - 3 * image}), {.scale = "minmax"});
  EXPECT_TRUE(at::allclose(out[0] + out[1], at::ones({2, 2, 2})));
}

TEST(Intensity, AConstantVolumeBecomesZero) {
  const at::Tensor image = at::full({1, 2, 2, 2}, 3.0f);
  for (const char* scale : {"minmax", "zscore"})
    EXPECT_EQ(normalise(image, {.scale = scale}).abs().max().item<float>(), 0) << scale;
}

TEST(Intensity, WhatIsNotFiniteStays) {
  const at::Tensor image = at::tensor({0.0f, 1.0f, std::numeric_limits<float>::infinity(), 3.0f});
  const at::Tensor out = normalise(image.reshape({1, 1, 2, 2}), {.clip = {0, 2}});
  EXPECT_FALSE(at::isfinite(out).all().item<bool>());
}

TEST(Intensity, OptionsAreChecked) {
  IntensityOptions options{.scale = "zscore"};
  options.read(parse_config("clip = [-75, 275]"));
  EXPECT_EQ(options.scale, "zscore");
  EXPECT_EQ(options.clip, (std::vector<double>{-75, 275}));
  const auto refused = [](const std::string& key, const std::string& value) {
    expect_error(ErrorKind::kConfig, {key, "pair", "low < high"},
                 [&] { IntensityOptions().read(parse_config(key + " = " + value)); });
  };
  refused("clip", "[1, 0]");
  refused("clip_percentile", "[1]");
}

std::vector<CaseInfo> patients(int count) {
  std::vector<CaseInfo> cases;
  for (int i = 0; i < count; ++i) {
    const std::string patient = "p" + std::to_string(i);
    for (const char* frame : {"_ed", "_es"})
      cases.push_back({.id = patient + frame, .patient = patient});
  }
  return cases;
}

std::set<std::string> ids(const std::vector<CaseInfo>& cases) {
  std::set<std::string> names;
  for (const auto& one : cases) names.insert(one.id);
  return names;
}

int64_t count(const std::vector<CaseInfo>& cases, Split split) {
  return std::count_if(cases.begin(), cases.end(), [&](const auto& c) { return c.split == split; });
}

TEST(Splits, FractionsArePatientsWhateverTheirOrder) {
  auto cases = patients(20);
  assign_splits(cases, ids(cases), {}, "here");
  EXPECT_EQ(count(cases, Split::kTest), 8);
  EXPECT_EQ(count(cases, Split::kVal), 4);
  auto reversed = patients(20);
  std::reverse(reversed.begin(), reversed.end());
  assign_splits(reversed, ids(reversed), {}, "here");
  std::reverse(reversed.begin(), reversed.end());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(cases[i].id, reversed[i].id);
    EXPECT_EQ(cases[i].split, reversed[i].split) << cases[i].id;
    EXPECT_EQ(cases[i].split, cases[i ^ 1].split) << cases[i].id;
  }
}

TEST(Splits, ListsTakePrecedenceOverFractions) {
  auto cases = patients(4);
  assign_splits(cases, ids(cases), {.val = {"p3"}, .test = {"p0", "p2"}}, "here");
  for (const auto& one : cases) {
    const Split expected = one.patient == "p3"   ? Split::kVal
                           : one.patient == "p1" ? Split::kTrain
                                                 : Split::kTest;
    EXPECT_EQ(one.split, expected) << one.id;
  }
}

TEST(Splits, PatientsWithoutLabelsOnlyTrain) {
  auto cases = patients(6);
  auto labelled = ids(cases);
  labelled.erase("p1_es");
  assign_splits(cases, labelled, {.val_fraction = 0.4, .test_fraction = 0.6}, "here");
  for (const auto& one : cases)
    EXPECT_EQ(one.split == Split::kTrain, one.patient == "p1") << one.id;
  expect_error(ErrorKind::kData, {"test split", "p1"},
               [&] { assign_splits(cases, labelled, {.test = {"p1"}}, "here"); });
}

TEST(Splits, WhatCannotBeSplitIsRefused) {
  auto cases = patients(2);
  expect_error(ErrorKind::kData, {"val split", "p9"},
               [&] { assign_splits(cases, ids(cases), {.val = {"p9"}}, "here"); });
  expect_error(ErrorKind::kData, {"two splits", "p0"},
               [&] { assign_splits(cases, ids(cases), {.val = {"p0"}, .test = {"p0"}}, "here"); });
  expect_error(ErrorKind::kData, {"left to train", "2 patients"}, [&] {
    assign_splits(cases, ids(cases), {.val_fraction = 0.5, .test_fraction = 0.5}, "here");
  });
}

TEST(Splits, APatientIsWhatStandsBeforeTheMark) {
  EXPECT_EQ(patient_of("A0S9V9_sa_11", "_sa_"), "A0S9V9");
  EXPECT_EQ(patient_of("A0S9V9_sa_11", ""), "A0S9V9_sa_11");
  EXPECT_EQ(patient_of("0021", "_sa_"), "0021");
}

}  // namespace
}  // namespace semiseg
