// SPDX-License-Identifier: Apache-2.0
// Tests how files make cases and find their labels: by their names, and DICOM by its mark.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "datasets/convert/convert_inputs.h"
#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class Inputs : public testing::Test {
 protected:
  // Nothing reads images to find them.
  void add(const std::string& name) const { write_file(folder_ / name, "image"); }
  std::vector<CaseFiles> find() const { return find_cases({folder_ / "images"}, {}); }

  TemporaryFolder folder_;
};

TEST_F(Inputs, AreFilesFoldersAtAnyDepthAndDicomFolders) {
  add("images/b.nii.gz");
  add("images/deep/a.nrrd");
  write_dicom_series(folder_ / "images" / "series", 2);
  std::vector<std::string> ids;
  for (const auto& one : find()) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"b", "a", "series"}));
}

TEST_F(Inputs, APipeIsNoScan) {
  const fs::path pipe = folder_ / "a.nii.gz";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_error(ErrorKind::kData, {"a.nii.gz"}, [&] { read_scan(pipe); });
}

TEST_F(Inputs, ALinkThatLeadsBackIsNotFollowed) {
  add("images/deep/a.nrrd");
  fs::create_directory_symlink("..", folder_ / "images/deep/back");
  fs::create_directory_symlink(".", folder_ / "images/self");
  EXPECT_EQ(find().size(), 1u);
}

TEST_F(Inputs, WhatIsMissingOrThereTwiceIsAnError) {
  expect_error(ErrorKind::kConfig, {"no such file", "images"}, [&] { find(); });
  add("images/b.nii.gz");
  add("images/deep/b.nii.gz");
  expect_error(ErrorKind::kConfig, {"two scans", "'b'"}, [&] { find(); });
  add("images/c_t1.nii.gz");
  expect_error(ErrorKind::kConfig, {"channel of 'c'", "c_t2"}, [&] {
    find_cases({folder_ / "images" / "c_t1.nii.gz"}, {"_t1", "_t2"});
  });
}

// Scanners write "CT.1.2.840" and bare UIDs, which seem to have an ending.
TEST_F(Inputs, DicomFilesAreKnownByTheirMark) {
  for (int slice = 0; slice < 2; ++slice) {
    write_file(
        folder_ / "images" / ("1.2.840." + std::to_string(slice)),
        RawDicom{.instance = "1.2.3.4." + std::to_string(slice + 1), .position = {0, 0, 4. * slice}}
            .bytes({0, 1, 2, 3, 4, 5}));
  }
  add("images/notes/read.me");
  const auto cases = find();
  ASSERT_EQ(cases.size(), 1);
  EXPECT_EQ(read_scan(cases[0].images[0]).geometry.size, (std::array<int64_t, 3>{2, 2, 3}));
}

TEST_F(Inputs, LabelsAreMatchedByTheirStems) {
  add("images/a.nii.gz");
  add("images/b.nii.gz");
  add("labels/b.nrrd");
  auto cases = find();
  match_labels(cases, folder_ / "labels");
  EXPECT_EQ(cases[0].label, "");
  EXPECT_EQ(cases[1].label, folder_ / "labels" / "b.nrrd");
}

TEST_F(Inputs, TwoLabelsOfOneStemAreAnError) {
  add("images/a.nii.gz");
  add("labels/a.nii.gz");
  add("labels/second/a.nrrd");
  auto cases = find();
  expect_error(ErrorKind::kConfig, {"two labels", "labels/a.nii.gz", "second/a.nrrd"},
               [&] { match_labels(cases, folder_ / "labels"); });
}

TEST_F(Inputs, LabelsOfNoCaseAreAnError) {
  add("images/a.nii.gz");
  add("labels/a_gt.nii.gz");
  auto cases = find();
  expect_error(ErrorKind::kConfig, {"no label belongs", "a_gt"},
               [&] { match_labels(cases, folder_ / "labels"); });
}

// KiTS and TCIA: files and folders of one name in the folder of each patient.
TEST_F(Inputs, EqualNamesInFoldersAreCalledByTheirFolders) {
  for (const char* patient : {"p1", "p2"}) {
    add(std::string("images/") + patient + "/2000/imaging.nii.gz");
    add(std::string("labels/") + patient + "/2000/segmentation.nii.gz");
  }
  auto cases = find();
  match_labels(cases, folder_ / "labels");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].id, "p1");
  EXPECT_EQ(cases[1].label, folder_ / "labels/p2/2000/segmentation.nii.gz");
}

TEST_F(Inputs, FormsOfNamesTellImagesFromLabels) {
  for (const char* name : {"images/c0/imaging.nii.gz", "images/c0/segmentation.nii.gz",
                           "images/c1/imaging.nii.gz", "images/c1/segmentation.nii.gz"}) {
    add(name);
  }
  auto cases = find_cases({folder_ / "images"}, {}, "{id}/imaging");
  match_labels(cases, folder_ / "images", "{id}/segmentation");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[1].id, "c1");
  EXPECT_EQ(cases[1].label, folder_ / "images/c1/segmentation.nii.gz");
  expect_error(ErrorKind::kConfig, {"{id} once", "imaging"},
               [&] { find_cases({folder_ / "images"}, {}, "imaging"); });
}

TEST_F(Inputs, ChannelsAndEndingsOfLabelsAreOneCase) {
  for (const char* name :
       {"images/b/b_t1.nii.gz", "images/b/b_t2.nii.gz", "images/b/b_seg.nii.gz"}) {
    add(name);
  }
  auto cases = find_cases({folder_ / "images"}, {"_t1", "_t2"});
  match_labels(cases, folder_ / "images", "{id}_seg");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].label, folder_ / "images/b/b_seg.nii.gz");
}

TEST_F(Inputs, AnImageIsNotItsOwnLabel) {
  add("images/a.nii.gz");
  add("images/a_seg.nii.gz");
  auto cases = find();
  expect_error(ErrorKind::kConfig, {"label of a case is its image", "--label-names"},
               [&] { match_labels(cases, folder_ / "images"); });
}

// BIDS: derivatives with the labels lie below the folder of the images.
TEST_F(Inputs, ALabelOfACaseIsNoImageOfAnother) {
  add("images/sub-1/anat/sub-1_T1w.nii.gz");
  add("images/sub-2/anat/sub-2_T1w.nii.gz");
  add("images/derivatives/manual/sub-1/sub-1_T1w_dseg.nii.gz");
  auto cases = find();
  match_labels(cases, folder_ / "images/derivatives/manual", "{id}_dseg");
  std::vector<std::string> ids;
  for (const auto& one : cases) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"sub-1_T1w", "sub-2_T1w"}));
}

TEST_F(Inputs, TheOnlyChannelsEndingIsTakenOff) {
  add("images/organ_0000.nii.gz");
  add("images/plain.nii.gz");
  const auto cases = find_cases({folder_ / "images"}, {"_0000"});
  EXPECT_EQ(cases[0].id, "organ");
  EXPECT_EQ(cases[1].id, "plain");
  add("images/organ.nii.gz");
  expect_error(ErrorKind::kConfig, {"two scans", "'organ'"},
               [&] { find_cases({folder_ / "images"}, {"_0000"}); });
}

TEST_F(Inputs, ImagesBesideSlicesAreBothFound) {
  write_dicom_series(folder_ / "images" / "series", 2);
  add("images/series/other.nii.gz");
  add("images/series/README");
  write_file(folder_ / "images/series/DICOMDIR", std::string(128, '\0') + "DICM");
  EXPECT_EQ(find().size(), 2u);
  EXPECT_EQ(read_scan(folder_ / "images/series").geometry.size[0], 2);
}

}  // namespace
}  // namespace semiseg
