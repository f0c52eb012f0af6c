// SPDX-License-Identifier: Apache-2.0
// LA in the layout of UA-MT, on a small tree of the same form.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/dataset.h"
#include "framework/data/label_budget.h"
#include "tests/support/acdc_tree.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::string id(char letter) { return std::string(20, letter); }

at::Tensor la_image() { return at::arange(4 * 5 * 3, at::kFloat).reshape({4, 5, 3}) - 30; }
at::Tensor la_label() {
  return at::arange(4 * 5 * 3).remainder(2).to(at::kByte).reshape({4, 5, 3});
}

// B and A train, C tests.
class LaTree : public testing::Test {
 protected:
  LaTree() {
    for (const char letter : {'A', 'B', 'C'}) write_pair(file(letter), la_image(), la_label());
    write_file(folder_ / "train.list", "\xef\xbb\xbf" + id('B') + "\r\n" + id('A') + "\n");
    write_file(folder_ / "test.list", id('C') + "\n");
  }

  fs::path file(char letter) const {
    return folder_.path() / "2018LA_Seg_Training Set" / id(letter) / "mri_norm2.h5";
  }
  static std::unique_ptr<DatasetSource> open(const fs::path& root, const std::string& more = "") {
    return DatasetRegistry::instance().find("la").make(
        parse_config("root = \"" + root.string() + "\"\n" + more));
  }
  std::unique_ptr<DatasetSource> open() const { return open(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(LaTree, CasesFollowTheLists) {
  const auto la = open();
  ASSERT_EQ(la->cases().size(), 3u);
  EXPECT_EQ(la->cases()[0].id, id('B'));
  EXPECT_EQ(la->cases()[2].split, Split::kTest);
  EXPECT_EQ(la->info().classes.size(), 2u);
  EXPECT_EQ(la->info().axial_axis, 2);
  EXPECT_TRUE(la->info().label_based_preparation);
  EXPECT_EQ(resolve_budget(la->training_samples(3), la->cases(), "1").patients,
            (std::vector<std::string>{id('B')}));
}

TEST_F(LaTree, VolumesAreReadAsStored) {
  const auto la = open();
  const Volume volume = la->load(1);
  EXPECT_TRUE(at::equal(volume.image, la_image().unsqueeze(0)));
  EXPECT_TRUE(at::equal(volume.label, la_label()));
  EXPECT_TRUE(volume.has_spacing);
  EXPECT_EQ(volume.spacing_mm[2], 0.625);
  ASSERT_EQ(la->training_samples(3).size(), 2u);
  EXPECT_TRUE(at::equal(la->load_sample(la->training_samples(3)[1]).image, volume.image));
}

TEST_F(LaTree, SlicesLieAlongTheLastAxis) {
  const auto la = open();
  const auto samples = la->training_samples(2);
  ASSERT_EQ(samples.size(), 6u);
  const Sample slice = la->load_sample(samples[4]);
  EXPECT_TRUE(at::equal(slice.image, la_image().select(2, 1).unsqueeze(0)));
  EXPECT_TRUE(at::equal(slice.label, la_label().select(2, 1)));
}

TEST_F(LaTree, TheFolderOfTheScansMayBeTheRoot) {
  EXPECT_EQ(open(folder_ / "2018LA_Seg_Training Set")->cases().size(), 3u);
}

TEST_F(LaTree, AValidationListIsUsedWhereItIs) {
  write_file(folder_ / "train.list", id('B') + "\n");
  write_file(folder_ / "val.list", id('A') + "\n");
  const auto la = open();
  EXPECT_EQ(la->cases()[1].id, id('A'));
  EXPECT_EQ(la->cases()[1].split, Split::kVal);
}

TEST_F(LaTree, TheLastTrainingScansMayValidate) {
  const auto la = open(folder_.path(), "validation = 1");
  EXPECT_EQ(la->cases()[0].split, Split::kTrain);
  EXPECT_EQ(la->cases()[1].id, id('A'));
  EXPECT_EQ(la->cases()[1].split, Split::kVal);
  EXPECT_EQ(la->training_samples(3).size(), 1u);
  expect_error(ErrorKind::kConfig, {"dataset.validation", "fewer than the 2", "got", "2"},
               [&] { open(folder_.path(), "validation = 2"); });
  write_file(folder_ / "val.list", id('A') + "\n");
  expect_error(ErrorKind::kConfig, {"dataset.validation", "val.list"},
               [&] { open(folder_.path(), "validation = 1"); });
}

TEST_F(LaTree, MissingAndDamagedThingsAreNamed) {
  expect_error(ErrorKind::kData, {"folder of LA is missing", "nowhere"},
               [&] { open(folder_ / "nowhere"); });
  write_file(folder_ / "test.list", "CCCC\n");
  expect_error(ErrorKind::kData, {"test.list:1", "CCCC", "repair"}, [&] { open(); });
  write_file(folder_ / "test.list", id('D') + "\n");
  expect_error(ErrorKind::kData, {"test.list:1", "mri_norm2.h5"}, [&] { open(); });
  write_file(folder_ / "test.list", id('A') + "\n");
  expect_error(ErrorKind::kData, {id('A'), "train", "test"}, [&] { open(); });
  fs::remove(folder_ / "test.list");
  expect_error(ErrorKind::kData, {"list of LA is missing", "test.list"}, [&] { open(); });
}

TEST_F(LaTree, BadContentsAreNamedWithTheFile) {
  write_pair(file('A'), la_image(), 255 * la_label());
  write_pair(file('B'), la_image(), la_label().slice(2, 0, 2));
  write_pair(file('C'), at::zeros({4, 5, 3}), la_label());
  const auto la = open();
  expect_error(ErrorKind::kData, {id('A'), "255"}, [&] { la->load(1); });
  expect_error(ErrorKind::kData, {id('B'), "differ in shape"}, [&] { la->load(0); });
  expect_error(ErrorKind::kData, {id('C'), "constant"}, [&] { la->load(2); });
}

}  // namespace
}  // namespace semiseg
