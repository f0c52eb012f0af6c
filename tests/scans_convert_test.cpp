// SPDX-License-Identifier: Apache-2.0
// From files to a case store: which files make a case, splits by patient, what is kept, left out
// and recorded.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <set>

#include "datasets/convert.h"
#include "framework/core/files.h"
#include "framework/data/case_store.h"
#include "tests/expect_error.h"
#include "tests/scan_files.h"
#include "tests/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class Convert : public testing::Test {
 protected:
  // images/<name>.nii.gz counting on from `first`, and labels/<name>.nii.gz with values 0 and 1.
  void add(const std::string& name, float first = 0, bool labelled = true, double spacing = 1) {
    ScanGeometry grid{.size = {4, 5, 6}};
    grid.affine[2] = grid.affine[5] = spacing;
    write_scan(folder_ / "images" / (name + ".nii.gz"),
               at::arange(120, at::kFloat).view({1, 4, 5, 6}) + first, grid);
    if (!labelled) return;
    const at::Tensor label = at::zeros({4, 5, 6}, at::kByte);
    label[2][2].fill_(1);
    write_label_map(folder_ / "labels" / (name + ".nii.gz"), label, grid);
  }

  ConvertRequest request() const {
    ConvertRequest made{.folder = folder_ / "store", .name = "heart"};
    made.cases = find_cases({folder_ / "images"}, {});
    if (fs::exists(folder_ / "labels")) match_labels(made.cases, folder_ / "labels");
    return made;
  }

  static std::vector<ConvertedCase> run(const ConvertRequest& request) {
    return convert(request, [](size_t) {});
  }

  TemporaryFolder folder_;
};

TEST_F(Convert, AStoreHoldsVoxelsPlaceClassesAndPreparation) {
  add("a");
  add("b", 7);
  ConvertRequest how = request();
  how.preparation.intensity.scale = "minmax";
  const auto cases = run(how);
  ASSERT_EQ(cases.size(), 2);
  EXPECT_EQ(cases[1].classes, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(cases[1].orientation, "SAR");

  const StoreSource store(folder_ / "store");
  EXPECT_EQ(store.info().name, "heart");
  EXPECT_EQ(store.info().classes, (std::vector<std::string>{"background", "class_1"}));
  EXPECT_EQ(store.info().preparation, how.preparation.text());
  EXPECT_FALSE(store.info().label_based_preparation);
  const StoredCase stored = read_case(folder_ / "store" / "b.h5");
  EXPECT_EQ(stored.preparation, how.preparation.text());
  EXPECT_TRUE(
      at::allclose(stored.volume.image, at::arange(120, at::kFloat).view({1, 4, 5, 6}) / 119));
  EXPECT_EQ(stored.affine, ScanGeometry().affine);
  EXPECT_EQ(stored.volume.spacing_mm, (std::array<double, 3>{1, 1, 1}));
}

TEST_F(Convert, CroppingToLabelsIsSaidInTheIndex) {
  add("a");
  ConvertRequest how = request();
  how.preparation.crop = "labels";
  EXPECT_EQ(run(how)[0].size, (std::array<int64_t, 3>{1, 1, 6}));
  EXPECT_TRUE(StoreSource(folder_ / "store").info().label_based_preparation);
}

TEST_F(Convert, ABadCaseIsLeftOutAndTheOthersMakeTheStore) {
  add("a");
  add("b");
  add("c");
  write_file(folder_ / "images" / "b.nii.gz", "no image");
  const auto cases = run(request());
  EXPECT_NE(cases[1].error.find("b.nii.gz"), std::string::npos) << cases[1].error;
  const StoreSource store(folder_ / "store");
  ASSERT_EQ(store.cases().size(), 2);
  EXPECT_EQ(store.cases()[1].id, "c");
}

TEST_F(Convert, ARepairedCaseJoinsTheStoreAndTheOthersAreKept) {
  add("a");
  add("b");
  write_file(folder_ / "images" / "b.nii.gz", "no image");
  run(request());
  const auto before = fs::last_write_time(folder_ / "store" / "a.h5");
  add("b");
  const auto cases = run(request());
  EXPECT_TRUE(cases[0].kept);
  EXPECT_FALSE(cases[1].kept);
  EXPECT_EQ(fs::last_write_time(folder_ / "store" / "a.h5"), before);
  EXPECT_EQ(StoreSource(folder_ / "store").cases().size(), 2);
}

TEST_F(Convert, CasesOfOtherOptionsAreNeitherMixedNorReplaced) {
  add("a");
  run(request());
  const std::string before = read_file(folder_ / "store" / "a.h5");
  ConvertRequest other = request();
  other.preparation.intensity.scale = "zscore";
  expect_error(ErrorKind::kConfig, {"other options", "store"}, [&] { run(other); });
  fs::remove(folder_ / "store" / "index.csv");  // as after an interruption
  expect_error(ErrorKind::kConfig, {"other options", "a.h5"}, [&] { run(other); });
  EXPECT_EQ(read_file(folder_ / "store" / "a.h5"), before);
}

TEST_F(Convert, AFinishedStoreDoesNotLoseCasesToOtherInputs) {
  add("a");
  add("b");
  run(request());
  ConvertRequest fewer = request();
  fewer.cases.pop_back();
  expect_error(ErrorKind::kConfig, {"other cases", "b"}, [&] { run(fewer); });
  EXPECT_EQ(StoreSource(folder_ / "store").cases().size(), 2);
}

TEST_F(Convert, TrainingPatientsWithLabelsComeFirst) {
  add("a", 0, false);
  add("b", 0, false);
  add("c");
  run(request());
  const StoreSource store(folder_ / "store");
  EXPECT_EQ(store.cases()[0].id, "c");
  EXPECT_EQ(store.cases()[1].id, "a");
  EXPECT_FALSE(store.load(1).label.defined());
}

TEST_F(Convert, LabelValuesWithGapsNeedToBeNamed) {
  add("a");
  const at::Tensor label = at::zeros({4, 5, 6}, at::kByte);
  label[0].fill_(255);
  write_label_map(folder_ / "labels" / "a.nii.gz", label, {.size = {4, 5, 6}});
  expect_error(ErrorKind::kConfig, {"gaps", "0, 255", "--label-values"}, [&] { run(request()); });
  fs::remove_all(folder_ / "store");
  ConvertRequest how = request();
  how.preparation.label_values = {0, 255};
  how.classes = {"background", "atrium"};
  run(how);
  EXPECT_EQ(StoreSource(folder_ / "store").load(0).label.max().item<int64_t>(), 1);
  fs::remove_all(folder_ / "store");
  how.preparation.label_values = {0, 1};
  EXPECT_NE(run(how)[0].error.find("255"), std::string::npos);
}

TEST_F(Convert, ChannelsOnDifferentGridsAreLeftOut) {
  add("p1_t1", 0, false);
  add("p1_t2", 5, false);
  add("p2_t1", 0, false);
  add("p2_t2", 0, false, 1.25);
  ConvertRequest how = request();
  how.preparation.channels = {"_t1", "_t2"};
  how.cases = find_cases({folder_ / "images"}, how.preparation.channels);
  how.classes = {"background", "tumour"};
  const auto cases = run(how);
  ASSERT_EQ(cases.size(), 2);
  EXPECT_EQ(cases[0].channels, 2);
  EXPECT_NE(cases[1].error.find("different grids"), std::string::npos) << cases[1].error;
  const StoreSource store(folder_ / "store");
  EXPECT_EQ(store.info().channels, 2);
  EXPECT_EQ(store.load(0).image[1][0][0][0].item<float>(), 5);
}

TEST_F(Convert, InputsAreFilesFoldersAtAnyDepthAndDicomFolders) {
  add("b");
  add("deep/a");
  write_dicom_series(folder_ / "images" / "series", 2);
  std::vector<std::string> ids;
  for (const auto& one : find_cases({folder_ / "images"}, {})) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"b", "a", "series"}));
  expect_error(ErrorKind::kConfig, {"no such file", "none"},
               [&] { find_cases({folder_ / "none"}, {}); });
  add("deep/b");
  expect_error(ErrorKind::kConfig, {"two scans", "'b'"},
               [&] { find_cases({folder_ / "images"}, {}); });
  add("c_t1");
  expect_error(ErrorKind::kConfig, {"channel of 'c'", "c_t2"}, [&] {
    find_cases({folder_ / "images" / "c_t1.nii.gz"}, {"_t1", "_t2"});
  });
}

TEST_F(Convert, LabelsOfNoCaseAreAnError) {
  add("a");
  fs::rename(folder_ / "labels" / "a.nii.gz", folder_ / "labels" / "a_gt.nii.gz");
  expect_error(ErrorKind::kConfig, {"no label belongs", "a_gt"}, [&] { request(); });
}

std::vector<std::string> ids_of(const std::vector<CaseInfo>& cases, Split split) {
  std::vector<std::string> ids;
  for (const CaseInfo& one : cases) {
    if (one.split == split) ids.push_back(one.id);
  }
  return ids;
}

TEST(Splits, FractionsAreOfPatientsAndTheSameEveryTime) {
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back("p" + std::to_string(10 + i / 2) + "_frame" + std::to_string(i % 2));
  }
  const SplitRequest how{.val = "0.1", .test = "0.3", .patient_pattern = "(.*)_frame"};
  const auto cases = assign_splits(ids, how);
  EXPECT_EQ(ids_of(cases, Split::kVal).size(), 2);
  EXPECT_EQ(ids_of(cases, Split::kTest).size(), 6);
  for (size_t i = 0; i < cases.size(); i += 2) EXPECT_EQ(cases[i].split, cases[i + 1].split);
  EXPECT_EQ(ids_of(assign_splits(ids, how), Split::kTest), ids_of(cases, Split::kTest));
}

TEST(Splits, ListsNamePatients) {
  TemporaryFolder folder;
  write_file(folder / "val", "b\r\n\n");
  const auto cases = assign_splits({"a", "b", "c"}, {.val = folder / "val"});
  EXPECT_EQ(ids_of(cases, Split::kVal), (std::vector<std::string>{"b"}));
  write_file(folder / "val", "d\n");
  expect_error(ErrorKind::kConfig, {"in no case", "d"}, [&] {
    assign_splits({"a", "b"}, {.val = folder / "val"});
  });
}

TEST(Splits, WhatCannotBeIsRefused) {
  expect_error(ErrorKind::kConfig, {"fraction", "--val"},
               [] { assign_splits({"a"}, {.val = "1.5"}); });
  expect_error(ErrorKind::kConfig, {"neither", "x.txt"},
               [] { assign_splits({"a"}, {.val = "x.txt"}); });
  expect_error(ErrorKind::kConfig, {"no patient is left"}, [] {
    assign_splits({"a", "b"}, {.val = "0.5", .test = "0.5"});
  });
  expect_error(ErrorKind::kConfig, {"has no patient", "b"}, [] {
    assign_splits({"a1", "b"}, {.patient_pattern = "(.*)1"});
  });
}

}  // namespace
}  // namespace semiseg
