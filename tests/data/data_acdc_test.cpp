// SPDX-License-Identifier: Apache-2.0
// ACDC in the layout of SSL4MIS, on a small tree of the same form.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/dataset.h"
#include "framework/data/label_budget.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/acdc_tree.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Patients 3 and 1 train, 2 validates, 4 tests; one frame, two slices of 4 × 6; slices count
// from 1.
class AcdcTree : public testing::Test {
 protected:
  AcdcTree() { write_acdc_tree(folder_.path(), {3, 1}, {2}, {4}); }

  std::unique_ptr<DatasetSource> open() const { return open(folder_.path()); }
  static std::unique_ptr<DatasetSource> open(const fs::path& root) {
    return DatasetRegistry::instance().find("acdc").make(
        parse_config("root = \"" + root.string() + "\""));
  }

  TemporaryFolder folder_;
};

TEST_F(AcdcTree, CasesPatientsAndSplitsFollowTheLists) {
  const auto acdc = open();
  ASSERT_EQ(acdc->cases().size(), 4u);
  EXPECT_EQ(acdc->cases()[0].id, "patient003_frame01");
  EXPECT_EQ(acdc->cases()[0].patient, "patient003");
  EXPECT_EQ(acdc->cases()[2].split, Split::kVal);
  EXPECT_EQ(acdc->cases()[3].split, Split::kTest);
  EXPECT_EQ(acdc->info().classes.size(), 4u);
}

TEST_F(AcdcTree, VolumesAndSlicesAreTheSameVoxels) {
  const auto acdc = open();
  const Volume volume = acdc->load(1);
  EXPECT_EQ(volume.image.sizes(), at::IntArrayRef({1, 2, 4, 6}));
  EXPECT_EQ(volume.image.scalar_type(), at::kFloat);
  EXPECT_FALSE(volume.has_spacing);
  const auto samples = acdc->training_samples(2);
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[3].case_index, 1u);
  EXPECT_EQ(samples[3].slice, 1);
  const Sample slice = acdc->load_sample(samples[3]);
  EXPECT_TRUE(at::equal(slice.image, volume.image.select(1, 1)));
  EXPECT_TRUE(at::equal(slice.label, volume.label[1]));
  EXPECT_TRUE(at::equal(acdc->load_sample(acdc->training_samples(3)[1]).image, volume.image));
}

TEST_F(AcdcTree, TheBudgetTakesPatientsInTheOrderOfTheSliceList) {
  const auto acdc = open();
  const LabelBudget budget = resolve_budget(acdc->training_samples(2), acdc->cases(), "1");
  EXPECT_EQ(budget.patients, (std::vector<std::string>{"patient003"}));
  EXPECT_EQ(budget.labelled.size(), 2u);
  EXPECT_EQ(budget.unlabelled.size(), 2u);
}

TEST_F(AcdcTree, SlicesThatCountFromZeroAreUnderstood) {
  for (const char* patient : {"patient001", "patient003"}) {
    const fs::path slices = folder_ / "data/slices";
    fs::rename(slices / (std::string(patient) + "_frame01_slice_1.h5"),
               slices / (std::string(patient) + "_frame01_slice_0.h5"));
    fs::rename(slices / (std::string(patient) + "_frame01_slice_2.h5"),
               slices / (std::string(patient) + "_frame01_slice_1.h5"));
  }
  write_file(folder_ / "train_slices.list",
             "patient003_frame01_slice_0\npatient003_frame01_slice_1\n"
             "patient001_frame01_slice_0\npatient001_frame01_slice_1\n");
  const auto acdc = open();
  EXPECT_EQ(acdc->training_samples(2)[1].slice, 1);
  EXPECT_TRUE(at::equal(acdc->load_sample(acdc->training_samples(2)[1]).image,
                        acdc->load(0).image.select(1, 1)));
}

TEST_F(AcdcTree, ListsMayLieAboveTheRoot) {
  const fs::path inner = folder_ / "inner";
  fs::create_directories(inner);
  fs::rename(folder_ / "data", inner / "data");
  EXPECT_EQ(open(inner)->cases().size(), 4u);
  EXPECT_EQ(open(inner / "")->cases().size(), 4u);
}

TEST_F(AcdcTree, MissingThingsAreNamed) {
  expect_error(ErrorKind::kData, {"folder of ACDC is missing", "nowhere"},
               [&] { open(folder_ / "nowhere"); });
  fs::remove(folder_ / "data/slices/patient001_frame01_slice_2.h5");
  expect_error(ErrorKind::kData, {"train_slices.list:4", "patient001_frame01_slice_2.h5"},
               [&] { open(); });
  fs::remove(folder_ / "data/patient002_frame01.h5");
  expect_error(ErrorKind::kData, {"val.list:1", "patient002_frame01.h5"}, [&] { open(); });
  fs::remove(folder_ / "test.list");
  write_pair(folder_ / "data/patient002_frame01.h5", at::ones({1}), at::zeros({1}));
  expect_error(ErrorKind::kData, {"list of ACDC is missing", "test.list"}, [&] { open(); });
}

TEST_F(AcdcTree, DamagedListLinesAreNamedByNumber) {
  const std::string good = "patient003_frame01_slice_1\n";
  write_file(folder_ / "train_slices.list", good + "patient003_fra\n");
  expect_error(ErrorKind::kData, {"train_slices.list:2", "patient003_fra", "repair"},
               [&] { open(); });
  write_file(folder_ / "train_slices.list", good + "\n" + good);
  expect_error(ErrorKind::kData, {"train_slices.list:3", "twice"}, [&] { open(); });
  write_file(folder_ / "train_slices.list", "patient002_frame01_slice_1\n");
  expect_error(ErrorKind::kData, {"train_slices.list:1", "no training volume"}, [&] { open(); });
}

TEST_F(AcdcTree, APatientInTwoSplitsIsRefused) {
  write_pair(folder_ / "data/patient001_frame02.h5", at::ones({1}), at::zeros({1}));
  write_file(folder_ / "test.list", "patient001_frame02\n");
  expect_error(ErrorKind::kData, {"patient001", "train", "test"}, [&] { open(); });
}

TEST_F(AcdcTree, BadContentsAreNamedWithTheFile) {
  const at::Tensor image = at::arange(24, at::kFloat).reshape({4, 6});
  write_pair(folder_ / "data/slices/patient003_frame01_slice_1.h5", image,
             at::full({4, 6}, 4, at::kByte));
  write_pair(folder_ / "data/slices/patient003_frame01_slice_2.h5", image,
             at::zeros({6, 4}, at::kByte));
  write_pair(folder_ / "data/patient001_frame01.h5", at::zeros({2, 4, 6}),
             at::zeros({2, 4, 6}, at::kByte));
  const auto acdc = open();
  const auto samples = acdc->training_samples(2);
  expect_error(ErrorKind::kData, {"slice_1.h5", "0 to 3", "4 ("},
               [&] { acdc->load_sample(samples[0]); });
  expect_error(ErrorKind::kData, {"slice_2.h5", "differ in shape"},
               [&] { acdc->load_sample(samples[1]); });
  expect_error(ErrorKind::kData, {"patient001_frame01.h5", "constant"}, [&] { acdc->load(1); });
}

}  // namespace
}  // namespace semiseg
