// SPDX-License-Identifier: Apache-2.0
// Splits of scans by patient: fractions, lists, labels, and what an earlier conversion made.
#include <gtest/gtest.h>

#include "datasets/convert/convert_splits.h"
#include "framework/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

// All with labels.
SplitCases labelled(const std::vector<std::string>& ids) {
  return {.ids = ids, .labelled = {ids.begin(), ids.end()}};
}

std::vector<std::string> ids_of(const std::vector<CaseInfo>& cases, Split split) {
  std::vector<std::string> ids;
  for (const CaseInfo& one : cases) {
    if (one.split == split) ids.push_back(one.id);
  }
  return ids;
}

// p10_frame0, p10_frame1, p11_frame0, …
SplitCases frames(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back("p" + std::to_string(10 + i / 2) + "_frame" + std::to_string(i % 2));
  }
  return labelled(ids);
}

TEST(Splits, FractionsAreOfPatientsAndTheSameEveryTime) {
  const SplitRequest how{.val = "0.1", .test = "0.3", .patient_pattern = "(.*)_frame"};
  const auto cases = assign_splits(frames(20), how);
  EXPECT_EQ(ids_of(cases, Split::kVal).size(), 2);
  EXPECT_EQ(ids_of(cases, Split::kTest).size(), 6);
  for (size_t i = 0; i < cases.size(); i += 2) EXPECT_EQ(cases[i].split, cases[i + 1].split);
  EXPECT_EQ(ids_of(assign_splits(frames(20), how), Split::kTest), ids_of(cases, Split::kTest));
}

TEST(Splits, FractionsAreOfPatientsWithLabelsInEveryCase) {
  SplitCases given = frames(20);
  for (int i = 0; i < 12; i += 2) given.labelled.erase(given.ids[i]);
  const auto cases =
      assign_splits(given, {.val = "0.25", .test = "0.5", .patient_pattern = "(.*)_frame"});
  EXPECT_EQ(ids_of(cases, Split::kVal).size(), 2);
  EXPECT_EQ(ids_of(cases, Split::kTest).size(), 4);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(cases[i].split, Split::kTrain) << cases[i].id;
}

TEST(Splits, ListsNamePatients) {
  TemporaryFolder folder;
  write_file(folder / "val", "b\r\n\n");
  const auto cases = assign_splits(labelled({"a", "b", "c"}), {.val = folder / "val"});
  EXPECT_EQ(ids_of(cases, Split::kVal), (std::vector<std::string>{"b"}));
  write_file(folder / "val",
             "\xef\xbb\xbf"
             "b\r\nc");
  EXPECT_EQ(ids_of(assign_splits(labelled({"a", "b", "c"}), {.val = folder / "val"}), Split::kVal),
            (std::vector<std::string>{"b", "c"}));
  write_file(folder / "val", std::string("\xff\xfe"
                                         "b\0\n\0",
                                         6));
  expect_error(ErrorKind::kData, {"not plain text", "UTF-16", "save it as UTF-8"}, [&] {
    assign_splits(labelled({"a", "b"}), {.val = folder / "val"});
  });
  write_file(folder / "val", "d\n");
  expect_error(ErrorKind::kConfig, {"in no case", "d"}, [&] {
    assign_splits(labelled({"a", "b"}), {.val = folder / "val"});
  });
}

TEST(Splits, AListedPatientWithoutLabelIsRefused) {
  TemporaryFolder folder;
  write_file(folder / "test", "b\n");
  expect_error(ErrorKind::kConfig, {"no label", "--test", "patient b"}, [&] {
    assign_splits({.ids = {"a", "b"}, .labelled = {"a"}}, {.test = folder / "test"});
  });
}

TEST(Splits, ANewCaseFollowsItsPatient) {
  SplitCases given = frames(4);
  given.kept = {{"p10_frame0", "p10", "", Split::kTest}};
  const SplitRequest how{.patient_pattern = "(.*)_frame"};
  EXPECT_EQ(ids_of(assign_splits(given, how), Split::kTest),
            (std::vector<std::string>{"p10_frame0", "p10_frame1"}));
  given.labelled.erase("p10_frame1");
  expect_error(ErrorKind::kConfig, {"no label", "p10_frame1"}, [&] { assign_splits(given, how); });
}

TEST(Splits, ListsAndPatternsMustNotContradictKeptCases) {
  TemporaryFolder folder;
  SplitCases given = labelled({"a1", "b1", "c1"});
  given.kept = {{"a1", "a1", "", Split::kVal}, {"b1", "b1", "", Split::kTrain}};
  write_file(folder / "val", "a1\nb1\n");
  expect_error(ErrorKind::kConfig, {"another split", "b1 in train"},
               [&] { assign_splits(given, {.val = folder / "val"}); });
  write_file(folder / "val", "c1\n");
  expect_error(ErrorKind::kConfig, {"another split", "a1 in val"},
               [&] { assign_splits(given, {.val = folder / "val"}); });
  expect_error(ErrorKind::kConfig, {"another patient", "a1"},
               [&] { assign_splits(given, {.patient_pattern = "(.)1"}); });
}

TEST(Splits, WhatCannotBeIsRefused) {
  expect_error(ErrorKind::kConfig, {"fraction", "--val"},
               [] { assign_splits(labelled({"a"}), {.val = "1.5"}); });
  expect_error(ErrorKind::kConfig, {"neither", "x.txt"},
               [] { assign_splits(labelled({"a"}), {.val = "x.txt"}); });
  expect_error(ErrorKind::kConfig, {"no patient is left"}, [] {
    assign_splits(labelled({"a", "b"}), {.val = "0.5", .test = "0.5"});
  });
  expect_error(ErrorKind::kConfig, {"has no patient", "b"}, [] {
    assign_splits(labelled({"a1", "b"}), {.patient_pattern = "(.*)1"});
  });
}

}  // namespace
}  // namespace semiseg
