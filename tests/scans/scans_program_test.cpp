// SPDX-License-Identifier: Apache-2.0
// Scans through the whole program: convert, train, predict, and label maps that lie where the scans
// do.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/random/draws.h"
#include "framework/scans/image_file.h"
#include "tests/support/program.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Six small scans with labels, converted and trained on for a few steps.
class ScansProgram : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / "semiseg_scans";
    fs::remove_all(folder_);
    for (int i = 0; i < 6; ++i) add("p" + std::to_string(i));
    const std::string options =
        "--labels labels --val 0.17 --test 0.17 --spacing 4,1.5,1.5 --normalise zscore ";
    converted_ = run("convert images store " + options);
    trained_ = run(train("run", "seed=0"));
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static ProgramResult run(const std::string& arguments) {
    return run_program(arguments, folder_.string(), "OMP_NUM_THREADS=1");
  }

  static std::string train(const std::string& name, const std::string& more) {
    return "train method=supervised dataset=store dataset.root=store protocol=smoke labelled=2 "
           "threads=1 'backbone.filters=[4,8,8,8,8]' protocol.iterations=6 run.dir=" +
           name + " " + more;
  }

  // Stored with x to the left, y to the back and z downwards: not the canonical order.
  static ScanGeometry grid() {
    return {.size = {6, 20, 24},
            .spacing_mm = {5, 1.25, 1.25},
            .affine = {0, 0, -1.25, 90, 0, -1.25, 0, 80, -5, 0, 0, 70, 0, 0, 0, 1}};
  }

  static void add(const std::string& name) {
    const at::Tensor label = at::zeros({6, 20, 24}, at::kByte);
    label.slice(1, 5, 15).slice(2, 6, 18).fill_(1);
    const at::Tensor noise = Draws(0).normal(name, {6, 20, 24}, {0})[0] * 0.1;
    write_scan(folder_ / "images" / (name + ".nii.gz"), (label + noise).unsqueeze(0), grid());
    write_label_map(folder_ / "labels" / (name + ".nii.gz"), label, grid());
  }

  static inline fs::path folder_;
  static inline ProgramResult converted_, trained_;
};

TEST_F(ScansProgram, ConvertSaysWhatItMadeAndTrainingReadsIt) {
  EXPECT_EQ(converted_.exit_code, 0) << converted_.output;
  for (const char* part : {"6 of 6 cases in store", "8×17×20", "SAR", "4×1.5×1.5", "0 1"}) {
    EXPECT_NE(converted_.output.find(part), std::string::npos) << part << "\n" << converted_.output;
  }
  EXPECT_EQ(trained_.exit_code, 0) << trained_.output;
}

TEST_F(ScansProgram, APredictionLiesOnTheGridOfItsScan) {
  const ProgramResult result = run("predict run images/p0.nii.gz one/p0.nii.gz");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const LabelMap label = read_label_map(folder_ / "one" / "p0.nii.gz");
  EXPECT_TRUE(same_grid(label.geometry, read_scan(folder_ / "images" / "p0.nii.gz").geometry));
  EXPECT_LE(label.label.max().item<int64_t>(), 1);
}

TEST_F(ScansProgram, ClassesComeBackAsTheValuesOfTheLabelFiles) {
  for (int i = 0; i < 3; ++i) {
    const std::string name = "p" + std::to_string(i) + ".nii.gz";
    LabelMap map = read_label_map(folder_ / "labels" / name);
    write_label_map(folder_ / "masks" / name, 255 * map.label, map.geometry);
  }
  const ProgramResult converted =
      run("convert images/p0.nii.gz images/p1.nii.gz images/p2.nii.gz masked --labels masks "
          "--label-values 0,255 --spacing 4,1.5,1.5 --normalise zscore");
  ASSERT_EQ(converted.exit_code, 0) << converted.output;
  // No split: trained to the end, nothing measured.
  const ProgramResult trained = run(train("valued", "dataset.root=masked protocol.iterations=40"));
  ASSERT_EQ(trained.exit_code, 0) << trained.output;
  EXPECT_NE(trained.output.find("nothing is measured"), std::string::npos) << trained.output;
  const ProgramResult result = run("predict valued images/p0.nii.gz valued.nii.gz");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const at::Tensor label = read_label_map(folder_ / "valued.nii.gz").label;
  EXPECT_TRUE(at::logical_or(label == 0, label == 255).all().item<bool>());
  EXPECT_TRUE((label == 255).any().item<bool>());
}

TEST_F(ScansProgram, FoldersArePredictedWhatIsThereIsKeptAndForceRedoesIt) {
  ProgramResult result = run("predict run images out");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("6 predicted, 0 kept"), std::string::npos) << result.output;
  const std::string before = read_file(folder_ / "out" / "p3.nii.gz");
  write_file(folder_ / "out" / "p3.nii.gz", "a user's own");
  fs::remove(folder_ / "out" / "p5.nii.gz");
  result = run("predict run images out");
  EXPECT_NE(result.output.find("1 predicted, 5 kept"), std::string::npos) << result.output;
  EXPECT_EQ(read_file(folder_ / "out" / "p3.nii.gz"), "a user's own");
  result = run("predict run images out --force");
  EXPECT_NE(result.output.find("6 predicted, 0 kept"), std::string::npos) << result.output;
  EXPECT_EQ(read_file(folder_ / "out" / "p3.nii.gz"), before);
}

TEST_F(ScansProgram, ProbabilitiesOfAnEnsembleAddUpToOneAndDecideItsLabels) {
  const ProgramResult second = run(train("run2", "seed=1"));
  ASSERT_EQ(second.exit_code, 0) << second.output;
  ProgramResult result =
      run("predict run images/p1.nii.gz both.nii.gz --with run2 --probabilities");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const Scan scan = read_scan(folder_ / "both.nii.gz");
  EXPECT_EQ(scan.image.sizes(), (std::vector<int64_t>{2, 6, 20, 24}));
  EXPECT_TRUE(at::allclose(scan.image.sum(0), at::ones({6, 20, 24})));
  EXPECT_TRUE(same_grid(scan.geometry, grid()));

  result = run("predict run images/p1.nii.gz ensemble.nii.gz --with run2");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(same_grid(read_label_map(folder_ / "ensemble.nii.gz").geometry, grid()));
}

TEST_F(ScansProgram, ABadScanIsLeftOutAndTheOthersArePredicted) {
  fs::create_directories(folder_ / "mixed");
  fs::copy_file(folder_ / "images" / "p0.nii.gz", folder_ / "mixed" / "good.nii.gz");
  write_file(folder_ / "mixed" / "bad.nii.gz", "no image");
  const ProgramResult result = run("predict run mixed mixed_out");
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_NE(result.output.find("left out: bad"), std::string::npos) << result.output;
  EXPECT_TRUE(fs::exists(folder_ / "mixed_out" / "good.nii.gz"));
  const ProgramResult convert = run("convert mixed mixed_store --classes background,heart");
  EXPECT_EQ(convert.exit_code, 3) << convert.output;
  EXPECT_NE(convert.output.find("1 of 2 cases"), std::string::npos) << convert.output;
}

TEST_F(ScansProgram, AScanSmallerThanThePatchIsPredicted) {
  const ScanGeometry small{.size = {1, 3, 5}};
  write_scan(folder_ / "small.nrrd", at::arange(15, at::kFloat).view({1, 1, 3, 5}), small);
  const ProgramResult result = run("predict run small.nrrd small_label.mha");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(same_grid(read_label_map(folder_ / "small_label.mha").geometry, small));
}

TEST_F(ScansProgram, WrongUseIsSaidBeforeAnythingIsWritten) {
  ProgramResult result = run("predict run images one_file.nii.gz");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  result = run("predict run images/p0.nii.gz images --force");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("the input itself"), std::string::npos) << result.output;
  result = run("convert images other --window -5,-10");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  result = run("convert images other");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("classes are not known"), std::string::npos) << result.output;
}

TEST_F(ScansProgram, WeightsOfAnotherNetworkAreRefused) {
  fs::create_directories(folder_ / "wrong");
  fs::copy(folder_ / "run", folder_ / "wrong", fs::copy_options::recursive);
  std::string config = read_file(folder_ / "wrong" / "config.toml");
  const size_t at = config.find("filters = [4");
  ASSERT_NE(at, std::string::npos) << config;
  config.replace(at, 12, "filters = [6");
  write_file(folder_ / "wrong" / "config.toml", config);
  const ProgramResult result = run("predict wrong images/p0.nii.gz wrong.nii.gz");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "wrong.nii.gz")) << result.output;
}

// The content of the run folder suffices; a folder of an older version asks the data set.
TEST_F(ScansProgram, PredictionNeedsNoDataSet) {
  ASSERT_EQ(run("predict run images/p2.nii.gz with_data.nii.gz --probabilities").exit_code, 0);
  fs::rename(folder_ / "store", folder_ / "elsewhere");
  const ProgramResult result = run("predict run images/p2.nii.gz without.nii.gz --probabilities");
  const ProgramResult exported = run("export run without.safetensors");
  fs::copy(folder_ / "run", folder_ / "older", fs::copy_options::recursive);
  fs::remove(folder_ / "older" / "dataset.json");
  const ProgramResult older = run("predict older images/p2.nii.gz older.nii.gz");
  fs::rename(folder_ / "elsewhere", folder_ / "store");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(exported.exit_code, 0) << exported.output;
  EXPECT_TRUE(at::equal(read_scan(folder_ / "without.nii.gz").image,
                        read_scan(folder_ / "with_data.nii.gz").image));
  EXPECT_EQ(older.exit_code, 3) << older.output;
  EXPECT_NE(older.output.find("store"), std::string::npos) << older.output;

  EXPECT_EQ(run("predict older images/p2.nii.gz older.nii.gz --probabilities").exit_code, 0);
  EXPECT_TRUE(at::equal(read_scan(folder_ / "older.nii.gz").image,
                        read_scan(folder_ / "with_data.nii.gz").image));
  write_file(folder_ / "older" / "dataset.json", "{\"name\": \"x\"}");
  const ProgramResult damaged = run("predict older images/p2.nii.gz damaged.nii.gz");
  EXPECT_EQ(damaged.exit_code, 3) << damaged.output;
  EXPECT_NE(damaged.output.find("dataset.json"), std::string::npos) << damaged.output;
}

TEST_F(ScansProgram, AModelOfThePhantomPredictsScansToo) {
  const std::string phantom =
      "train method=supervised protocol=smoke dataset.patients_train=3 dataset.patients_val=1 "
      "dataset.patients_test=1 dataset.slices=5 dataset.size=32 dataset.root=data labelled=2 "
      "threads=1 "
      "'backbone.filters=[4,8,8,8,8]' protocol.iterations=6 run.dir=phantom_run";
  ASSERT_EQ(run(phantom).exit_code, 0);
  const ProgramResult result = run("predict phantom_run images/p0.nii.gz phantom.nii.gz");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(same_grid(read_label_map(folder_ / "phantom.nii.gz").geometry, grid()));
}

}  // namespace
}  // namespace semiseg
