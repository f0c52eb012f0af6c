// SPDX-License-Identifier: Apache-2.0
// Runs of data sets that are read in place predict scans: the label map of a scan is the one that
// the run's own evaluation made of the same scan in the layout of the data set.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/core/random/draws.h"
#include "framework/data/dataset.h"
#include "framework/metrics/metrics.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/scans/preparation.h"
#include "tests/support/acdc_tree.h"
#include "tests/support/npy_writer.h"
#include "tests/support/program.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Three training scans and one test scan with a bright block, oblique on the scanner's bed.
class ScanLayouts : public testing::Test {
 protected:
  static std::string id(int scan) { return std::string(20, static_cast<char>('A' + scan)); }
  static constexpr int kScans = 4, kTested = 3;

  static ScanGeometry grid() {
    return {.size = {6, 20, 24},
            .spacing_mm = {5, 1.25, 1.25},
            .affine = {0, 0, -1.25, 90, 0, -1.25, 0, 80, -5, 0, 0, 70, 0, 0, 0, 1}};
  }
  static at::Tensor label(int scan) {
    const at::Tensor label = at::zeros({6, 20, 24}, at::kByte);
    label.slice(0, 1, 5).slice(1, 4 + scan, 12 + scan).slice(2, 2, 16 + scan).fill_(1);
    return label;
  }
  static at::Tensor image(int scan) {
    const at::Tensor noise = Draws(0).normal(id(scan), {1, 6, 20, 24}, {0})[0];
    return 100 * label(scan) + 20 * noise + 300;
  }
  void write_scans(const std::string& images, const std::string& labels,
                   const std::string& ending = "") const {
    for (int scan = 0; scan < kScans; ++scan) {
      write_scan(folder_ / images / (id(scan) + ending + ".nii.gz"), image(scan), grid());
      if (!labels.empty())
        write_label_map(folder_ / labels / (id(scan) + ".nii.gz"), label(scan), grid());
    }
  }

  static std::unique_ptr<DatasetSource> open(const std::string& name, const std::string& options) {
    return DatasetRegistry::instance().find(name).make(parse_config(options));
  }
  // The voxels that the network sees of this file are those of the data set.
  void expect_prepared_alike(const DatasetSource& source,
                             const std::vector<fs::path>& files) const {
    const Preparation how = Preparation::parse(source.info().preparation, "test");
    const PreparedCase prepared =
        prepare(read_channels(files, how.reading()), nullptr, how, files.front());
    for (size_t i = 0; i < source.cases().size(); ++i) {
      if (source.cases()[i].split == Split::kTest) {
        EXPECT_TRUE(at::equal(prepared.image, source.load(i).image));
      }
    }
  }

  // Trains a little and predicts the tested scan; returns what predict said.
  std::string expect_predicted_as_evaluated(const std::string& dataset, const std::string& input) {
    const ProgramResult trained =
        run("train method=supervised backbone=unet protocol=smoke labelled=all threads=1 seed=0 "
            "run.dir=run "
            "'backbone.filters=[4,8,8,8,8]' protocol.iterations=60 protocol.select=last "
            "protocol.optimiser.learning_rate=0.05 " +
            dataset);
    EXPECT_EQ(trained.exit_code, 0) << trained.output;
    const ProgramResult predicted = run("predict run " + input + " out.nii.gz");
    EXPECT_EQ(predicted.exit_code, 0) << predicted.output;
    const LabelMap made = read_label_map(folder_ / "out.nii.gz");
    EXPECT_TRUE(same_grid(made.geometry, grid()));
    const ClassMetrics ours = compute_metrics(made.label, label(kTested), 2).at(0);
    const auto rows = read_cases(folder_ / "run" / "cases.csv").rows;
    EXPECT_EQ(rows.size(), 1u);
    const ClassMetrics& theirs = rows.at(0).metrics;
    EXPECT_GT(ours.dice, 0.1) << "an empty label map shows nothing";
    EXPECT_LT(ours.dice, 1) << "nor does a perfect one";
    EXPECT_NEAR(ours.dice, theirs.dice, 1e-9);
    EXPECT_NEAR(ours.hd95, theirs.hd95, 1e-9);
    EXPECT_NEAR(ours.asd, theirs.asd, 1e-9);
    return predicted.output;
  }
  ProgramResult run(const std::string& arguments) const {
    return run_program(arguments, folder_.path().string(), "OMP_NUM_THREADS=1");
  }

  TemporaryFolder folder_;
};

// Files of LA have axes x, y, z and the z-score of the scan.
TEST_F(ScanLayouts, LaIsPredictedFromWholeScans) {
  std::string train;
  for (int scan = 0; scan < kScans; ++scan) {
    const at::Tensor xyz = image(scan).permute({0, 3, 2, 1}).contiguous();
    write_pair(folder_ / "la" / id(scan) / "mri_norm2.h5", normalise(xyz, {.scale = "zscore"})[0],
               label(scan).permute({2, 1, 0}).contiguous());
    if (scan != kTested) train += id(scan) + "\n";
  }
  write_file(folder_ / "la" / "train.list", train);
  write_file(folder_ / "la" / "test.list", id(kTested) + "\n");
  write_scans("scans", "");
  const std::string scan = "scans/" + id(kTested) + ".nii.gz";
  expect_prepared_alike(*open("la", fmt::format("root = '{}'", (folder_ / "la").string())),
                        {folder_ / scan});
  const std::string said = expect_predicted_as_evaluated("dataset=la dataset.root=la", scan);
  EXPECT_NE(said.find("cropped to its labels; scans are predicted whole"), std::string::npos);
}

TEST_F(ScanLayouts, NumpyPairsArePredictedFromScansMadeAlike) {
  std::string train;
  for (int scan = 0; scan < kScans; ++scan) {
    write_npy(folder_ / "np" / "npy" / (id(scan) + "_image.npy"), "<f4", image(scan)[0]);
    write_npy(folder_ / "np" / "npy" / (id(scan) + "_label.npy"), "|u1", label(scan));
    if (scan != kTested) train += id(scan) + "\n";
  }
  write_file(folder_ / "np" / "split_txts" / "train.txt", train);
  write_file(folder_ / "np" / "split_txts" / "test.txt", id(kTested) + "\n");
  write_scans("scans", "");
  const std::string scan = "scans/" + id(kTested) + ".nii.gz";
  expect_prepared_alike(
      *open("numpy_pairs",
            fmt::format("root = '{}'\nclasses = ['background', 'x']\nlabelled_list = 'train'\n"
                        "test_list = 'test'\nintensity.clip_percentile = [0.5, 99.5]",
                        (folder_ / "np").string())),
      {folder_ / scan});
  const std::string said = expect_predicted_as_evaluated(
      "dataset=numpy_pairs dataset.root=np 'dataset.classes=[background,x]' "
      "dataset.labelled_list=train dataset.test_list=test",
      scan);
  EXPECT_NE(said.find("give scans that were made alike"), std::string::npos) << said;
}

TEST_F(ScanLayouts, NnunetRawIsPredictedFromItsOwnFiles) {
  write_file(folder_ / "nn" / "dataset.json", R"({"channel_names": {"0": "MRI"},
    "labels": {"background": 0, "x": 1}, "file_ending": ".nii.gz"})");
  write_scans("nn/imagesTr", "nn/labelsTr", "_0000");
  const std::string scan = "nn/imagesTr/" + id(kTested) + "_0000.nii.gz";
  const std::string splits = fmt::format("val_fraction = 0\ntest = ['{}']", id(kTested));
  expect_prepared_alike(
      *open("nnunet_raw", fmt::format("root = '{}'\n{}", (folder_ / "nn").string(), splits)),
      {folder_ / scan});
  const std::string said = expect_predicted_as_evaluated(
      "dataset=nnunet_raw dataset.root=nn dataset.val_fraction=0.0 'dataset.test=[" + id(kTested) +
          "]'",
      scan);
  EXPECT_EQ(said.find("note:"), std::string::npos) << said;
}

// Two channels, a file each, scaled as a CT is.
TEST_F(ScanLayouts, ChannelsOfNnunetRawAreFoundByTheirEndings) {
  write_file(folder_ / "nn" / "dataset.json", R"({"channel_names": {"0": "a", "1": "b"},
    "labels": {"background": 0, "x": 1}, "file_ending": ".nii.gz"})");
  write_scans("nn/imagesTr", "nn/labelsTr", "_0000");
  write_scans("nn/imagesTr", "", "_0001");
  const auto source = open(
      "nnunet_raw",
      fmt::format("root = '{}'\nval_fraction = 0\ntest = ['{}']\n[intensity]\nscale = 'fixed'\n"
                  "mean = 310.5\nstd = 17.25\nclip = [250, 420]",
                  (folder_ / "nn").string(), id(kTested)));
  expect_prepared_alike(*source, {folder_ / ("nn/imagesTr/" + id(kTested) + "_0000.nii.gz"),
                                  folder_ / ("nn/imagesTr/" + id(kTested) + "_0001.nii.gz")});
  EXPECT_EQ(Preparation::parse(source->info().preparation, "test").channels,
            (std::vector<std::string>{"_0000", "_0001"}));
}

}  // namespace
}  // namespace semiseg
