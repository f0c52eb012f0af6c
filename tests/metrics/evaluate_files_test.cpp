// SPDX-License-Identifier: Apache-2.0
// Label files against label files, without a run.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/scans/image_file.h"
#include "launch/evaluate/grid.h"
#include "launch/evaluate/label_files.h"
#include "tests/metrics/label_files_case.h"
#include "tests/support/cube_source.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

TEST_F(EvaluateLabelFiles, MeasuresPairsOfOneNameInMillimetres) {
  write_cubes("a.nii.gz");
  write_cubes("b.nrrd");
  ASSERT_EQ(run(), 0) << errors_;
  const CasesTable table = cases();
  EXPECT_EQ(table.terms.unit, "mm");
  ASSERT_EQ(table.rows.size(), 2);
  EXPECT_EQ(table.rows[0].case_id, "a");
  EXPECT_EQ(table.rows[1].case_id, "b");
  for (const EvaluationRow& row : table.rows) {
    EXPECT_DOUBLE_EQ(row.metrics.dice, 0.75);
    EXPECT_DOUBLE_EQ(row.metrics.hd, 2);                         // one column
    EXPECT_DOUBLE_EQ(row.metrics.asd, (16 * 2 + 4 * 1.5) / 56);  // 4 are nearer along the rows
  }
  EXPECT_NE(output_.find("75.00"), std::string::npos) << output_;
  EXPECT_NE(output_.find("distances in mm"), std::string::npos) << output_;
}

TEST_F(EvaluateLabelFiles, TheFormatsOfAPairMayDiffer) {
  write("predictions/a.nrrd", box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
  write("references/a.nii.gz", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.dice, 0.75);
}

TEST_F(EvaluateLabelFiles, SpacingMayBeVoxelsOrGiven) {
  write_cubes("a.nii");
  request_.spacing = "voxel";
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().terms.unit, "voxel");
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.hd, 1);
  request_.spacing = "1,1,0.5";
  request_.force = true;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.hd, 0.5);
  for (const char* wrong : {"1,1", "1,1,0", "1,1,1,1", "mm"}) {
    request_.spacing = wrong;
    EXPECT_EQ(refused(), ErrorKind::kConfig) << wrong;
  }
}

TEST_F(EvaluateLabelFiles, ClassesHaveTheirNamesAndMissingOnesARow) {
  write_cubes("a.nii");
  request_.classes = {"heart", "liver"};
  ASSERT_EQ(run(), 0) << errors_;
  ASSERT_EQ(cases().rows.size(), 2);
  EXPECT_EQ(cases().rows[0].class_name, "heart");
  EXPECT_EQ(cases().rows[1].class_name, "liver");
  EXPECT_TRUE(cases().rows[1].metrics.both_empty());
  request_.classes = {"background", "heart", "liver"};
  request_.force = true;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().rows.at(0).class_name, "heart");
}

TEST_F(EvaluateLabelFiles, ValuesThatNoFileUsesAreNoClasses) {
  write("predictions/a.nii.gz", 255 * box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
  write("references/a.nii.gz", 255 * box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  ASSERT_EQ(run(), 0) << errors_;
  const CasesTable table = cases();
  ASSERT_EQ(table.rows.size(), 1);
  EXPECT_EQ(table.rows[0].label, 255);
  EXPECT_DOUBLE_EQ(summarise(table.rows).overall.dice.mean, 0.75);
  EXPECT_EQ(summarise(table.rows).class_names, std::vector<std::string>{"255"});
}

// The columns that only one of the two cubes has: 48 voxels of each are left.
TEST_F(EvaluateLabelFiles, VoxelsOfTheReferenceWithoutAClassAreNotMeasured) {
  write("predictions/a.nii", box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
  const at::Tensor reference = box({10, 10, 10}, {3, 3, 4}, {7, 7, 8});
  for (const int64_t column : {3, 7}) reference.select(2, column).fill_(9);
  write("references/a.nii", reference, grid_);
  request_.classes = {"heart"};
  request_.ignore_label = 9;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().rows.at(0).metrics.prediction_voxels, 48);
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.dice, 1);
}

TEST_F(EvaluateLabelFiles, TwoFoldersOfFilesAreAsked) {
  write_cubes("a.nii");
  for (const char* not_another : {".", "a.nii"}) {
    request_.predictions = request_.references / not_another;
    EXPECT_EQ(refused(), ErrorKind::kConfig) << not_another;
  }
}

TEST_F(EvaluateLabelFiles, OtherGridsAreRefusedUnlessResamplingIsAsked) {
  write_cubes("a.nii");
  write("references/b.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  // The prediction of b, on a grid that begins two planes earlier.
  ScanGeometry moved = grid_;
  moved.affine[11] -= 2 * 3;
  write("predictions/b.nii", box({10, 10, 10}, {5, 3, 3}, {9, 7, 7}), moved);
  EXPECT_EQ(run(), 3);
  EXPECT_NE(errors_.find("1 of 2 cases failed"), std::string::npos) << errors_;
  EXPECT_NE(errors_.find("different grids"), std::string::npos) << errors_;
  EXPECT_NE(errors_.find("--resample"), std::string::npos) << errors_;
  ASSERT_EQ(cases().rows.size(), 1);
  EXPECT_EQ(cases().rows[0].case_id, "a");
  request_.resample = request_.force = true;
  ASSERT_EQ(run(), 0) << errors_;
  ASSERT_EQ(cases().rows.size(), 2);
  EXPECT_DOUBLE_EQ(cases().rows[1].metrics.dice, 0.75);
}

TEST_F(EvaluateLabelFiles, AnotherOrderOfAxesIsTheSameGrid) {
  write("references/b.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  // The prediction of b, with its planes in the opposite order.
  ScanGeometry turned = grid_;
  turned.affine[8] = -turned.affine[8];
  turned.affine[11] += 9 * 3;
  write("predictions/b.nii", box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}).flip({0}), turned);
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows[0].metrics.dice, 0.75);
}

TEST_F(EvaluateLabelFiles, OneBadFileLeavesTheOthersMeasured) {
  write_cubes("a.nii");
  write_cubes("b.nii");
  write_file(folder_ / "predictions/b.nii", "not an image");
  write("references/c.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  write("predictions/d.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  write_file(folder_ / "predictions/._c.nii", "of a Mac");
  EXPECT_EQ(run(), 3);
  EXPECT_NE(errors_.find("2 of 3 cases failed"), std::string::npos) << errors_;
  EXPECT_NE(errors_.find("c: no prediction has this name"), std::string::npos) << errors_;
  EXPECT_NE(output_.find("1 predictions have no reference"), std::string::npos) << output_;
  EXPECT_EQ(cases().rows.size(), 1);
}

TEST_F(EvaluateLabelFiles, TwoFilesOfOneNameAndLabelsWithoutClassFail) {
  write_cubes("a.nii");
  write_cubes("b.nii");
  write_cubes("b.nrrd");
  write("predictions/c.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}, 2), grid_);
  write("references/c.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  request_.classes = {"heart"};
  EXPECT_EQ(run(), 3);
  EXPECT_NE(errors_.find("several files have the name 'b'"), std::string::npos) << errors_;
  EXPECT_NE(errors_.find("label 2 has no class"), std::string::npos) << errors_;
  EXPECT_EQ(cases().rows.size(), 1);
}

TEST_F(EvaluateLabelFiles, MorePredictionsThanReferencesAreNoFailure) {
  write("references/a.nii", box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  // The image's name in nnU-Net's form.
  write("predictions/a_0000.nii", box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
  write("predictions/b.nii", box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
  EXPECT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.dice, 0.75);
  EXPECT_NE(output_.find("no reference"), std::string::npos) << output_;
}

TEST_F(EvaluateLabelFiles, AClassThatWasNeverFoundHasDiceZero) {
  for (const char* name : {"a.nii", "b.nii", "c.nii"}) write_cubes(name);
  at::Tensor lesion = box({10, 10, 10}, {3, 3, 4}, {7, 7, 8});
  lesion[0][0][0] = 2;
  write("references/a.nii", lesion, grid_);
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().terms.empty, "ignore");
  EXPECT_DOUBLE_EQ(summarise(cases().rows).classes.at(1).dice.mean, 0);
  EXPECT_EQ(summarise(cases().rows).classes.at(1).both_empty, 2);
}

TEST_F(EvaluateLabelFiles, FilesWithoutAPlaceAreMeasuredWhenAsked) {
  for (const char* folder : {"predictions", "references"}) {
    write_file(folder_ / folder / "a.nrrd",
               "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nspacings: 1 2 3\n"
               "encoding: raw\n\n" +
                   std::string(24, '\1'));
  }
  EXPECT_EQ(refused(), ErrorKind::kData);
  request_.allow_missing_affine = true;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.dice, 1);
}

TEST_F(EvaluateLabelFiles, NothingIsOverwrittenUnasked) {
  write_cubes("a.nii");
  write_file(request_.output, "mine");
  EXPECT_EQ(refused(), ErrorKind::kConfig);
  EXPECT_EQ(read_file(request_.output), "mine");
  request_.force = true;
  EXPECT_EQ(run(), 0);
}

TEST_F(EvaluateLabelFiles, NothingToMeasureIsAnError) {
  EXPECT_EQ(refused(), ErrorKind::kData);
  EXPECT_FALSE(fs::exists(request_.output));
  request_.references = folder_ / "nowhere";
  EXPECT_EQ(refused(), ErrorKind::kConfig);
  request_.definition = "medpie";
  EXPECT_EQ(refused(), ErrorKind::kConfig);
}

// One plane is an image: its voxels are inner where their four neighbours are.
TEST_F(EvaluateLabelFiles, OnePlaneIsMeasuredAsAnImage) {
  const ScanGeometry plane = grid({1, 9, 9}, {8, 1, 1});
  write("predictions/a.nii", box({1, 9, 9}, {0, 1, 1}, {1, 8, 8}), plane);
  write("references/a.nii", box({1, 9, 9}, {0, 4, 4}, {1, 5, 5}), plane);
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.hd95,
                   std::hypot(3, 3));  // 24 border voxels, four of them corners, and one at 3
}

TEST(OnGrid, TakesTheNearestVoxelAndNothingBeyondTheMap) {
  LabelMap map{at::arange(1, 9).to(at::kByte).view({2, 2, 2}), grid({2, 2, 2}, {2, 2, 2})};
  ScanGeometry fine = grid({4, 2, 3}, {1, 2, 2});
  // z of 0 1 2 3 mm: voxels 0, 1 (half way goes up), 1, 2 (outside).
  const at::Tensor label = on_grid(map, fine).label;
  EXPECT_TRUE(at::equal(label[0].slice(1, 0, 2), map.label[0]));
  EXPECT_TRUE(at::equal(label[1].slice(1, 0, 2), map.label[1]));
  EXPECT_TRUE(at::equal(label[2].slice(1, 0, 2), map.label[1]));
  EXPECT_EQ(label[3].sum().item<int64_t>(), 0);
  EXPECT_EQ(label.select(2, 2).sum().item<int64_t>(), 0);
}

}  // namespace
}  // namespace semiseg
