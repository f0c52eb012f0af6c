// SPDX-License-Identifier: Apache-2.0
// The generated data set: reproducible, varied, and shaped like ACDC.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/archive/case_store.h"
#include "framework/data/dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::unique_ptr<DatasetSource> phantom(const fs::path& root, const std::string& options) {
  return DatasetRegistry::instance()
      .find("cardiac_phantom")
      .make(parse_config("root = \"" + root.string() + "\"\n" + options));
}

const std::string kSmall = "patients_train = 8\npatients_val = 4\npatients_test = 4\nsize = 64\n";

std::vector<std::string> hashes(const DatasetSource& source) {
  std::vector<std::string> result;
  for (size_t i = 0; i < source.cases().size(); ++i) result.push_back(voxel_hash(source.load(i)));
  return result;
}

// One small set for all tests that only look.
class Phantom : public testing::Test {
 protected:
  void SetUp() override {
    if (!source_) source_ = phantom(root(), kSmall);
  }
  static fs::path root() {
    static const TemporaryFolder folder;
    return folder / "cache";
  }

  static inline std::unique_ptr<DatasetSource> source_;
};

TEST_F(Phantom, TheSameSeedGivesTheSameVoxels) {
  EXPECT_EQ(hashes(*source_), hashes(*phantom(root() / ".." / "again", kSmall)));
}

TEST_F(Phantom, AnotherSeedGivesOtherVoxels) {
  const auto other = phantom(root(), kSmall + "seed = 1\n");
  const auto first = hashes(*source_), second = hashes(*other);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NE(first[i], second[i]);
}

TEST_F(Phantom, APatientHasTwoDifferentFramesAndAllIdsDiffer) {
  std::set<std::string> ids;
  std::map<std::string, int> frames;
  for (const CaseInfo& one : source_->cases()) {
    EXPECT_TRUE(ids.insert(one.id).second) << one.id;
    ++frames[one.patient];
    EXPECT_TRUE(one.id == one.patient + "_ed" || one.id == one.patient + "_es") << one.id;
  }
  EXPECT_EQ(frames.size(), 16u);
  for (const auto& [patient, count] : frames) EXPECT_EQ(count, 2) << patient;
  const auto voxels = hashes(*source_);
  EXPECT_EQ(std::set<std::string>(voxels.begin(), voxels.end()).size(), voxels.size());
}

TEST_F(Phantom, EveryVendorIsInEverySplitAndHasItsGrid) {
  std::map<Split, std::set<std::string>> vendors;
  std::map<std::string, std::set<int64_t>> sizes;
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const CaseInfo& one = source_->cases()[i];
    vendors[one.split].insert(one.domain);
    sizes[one.domain].insert(source_->load(i).image.size(2));
  }
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    EXPECT_EQ(vendors[split], (std::set<std::string>{"A", "B", "C", "D"})) << to_string(split);
  }
  for (const auto& [vendor, sides] : sizes) EXPECT_EQ(sides.size(), 1u) << vendor;
  EXPECT_NE(sizes["A"], sizes["B"]);
}

TEST_F(Phantom, ImagesAreNormalisedAndSpacingIsThatOfAScanner) {
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const Volume volume = source_->load(i);
    EXPECT_EQ(volume.image.min().item<float>(), 0);
    EXPECT_EQ(volume.image.max().item<float>(), 1);
    EXPECT_GE(volume.image.size(1), 6);
    EXPECT_LE(volume.image.size(1), 10);
    ASSERT_TRUE(volume.has_spacing);
    EXPECT_GE(volume.spacing_mm[0], 6);
    EXPECT_LE(volume.spacing_mm[0], 10);
    EXPECT_EQ(volume.spacing_mm[1], volume.spacing_mm[2]);
    EXPECT_GT(volume.spacing_mm[1], 1);
  }
}

// [D, 4] voxels of each class in each slice.
at::Tensor class_counts(const Volume& volume) {
  const at::Tensor classes = at::arange(4, at::kByte).reshape({4, 1, 1, 1});
  return volume.label.unsqueeze(0).eq(classes).sum({2, 3}).t();
}

TEST_F(Phantom, MidSlicesHaveAllClasses) {
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const at::Tensor counts = class_counts(source_->load(i));
    EXPECT_GT(counts[counts.size(0) / 2].min().item<int64_t>(), 0) << source_->cases()[i].id;
  }
}

TEST_F(Phantom, SomeEndSlicesLackClasses) {
  int base_without_left = 0, apex_without_right = 0, apex_without_cavity = 0;
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const at::Tensor counts = class_counts(source_->load(i));
    const int64_t last = counts.size(0) - 1;
    base_without_left += counts[0][2].item<int64_t>() == 0;
    for (const int64_t slice : {last - 1, last}) {
      const bool wall = counts[slice][2].item<int64_t>() > 0;
      apex_without_right += wall && counts[slice][1].item<int64_t>() == 0;
      apex_without_cavity += wall && counts[slice][3].item<int64_t>() == 0;
    }
  }
  EXPECT_GT(base_without_left, 0);
  EXPECT_GT(apex_without_right, 0);
  EXPECT_GT(apex_without_cavity, 0);
}

TEST_F(Phantom, TheLeftVentricleContracts) {
  for (size_t i = 0; i + 1 < source_->cases().size(); i += 2) {
    ASSERT_EQ(source_->cases()[i].patient, source_->cases()[i + 1].patient);
    const int64_t diastole = source_->load(i).label.eq(3).sum().item<int64_t>();
    const int64_t systole = source_->load(i + 1).label.eq(3).sum().item<int64_t>();
    EXPECT_LT(systole, diastole) << source_->cases()[i].id;
    EXPECT_GT(systole, 0);
  }
}

TEST_F(Phantom, BloodIsBrighterThanMyocardium) {
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const Volume volume = source_->load(i);
    const auto mean = [&](int64_t value) {
      return volume.image[0].masked_select(volume.label.eq(value)).mean().item<double>();
    };
    EXPECT_GT(mean(3), 1.1 * mean(2)) << source_->cases()[i].id;
    EXPECT_GT(mean(1), 1.1 * mean(2)) << source_->cases()[i].id;
  }
}

TEST_F(Phantom, ACachedSetIsReusedAndOptionsHaveTheirOwn) {
  const auto folders = [] {
    return std::distance(fs::directory_iterator(root()), fs::directory_iterator());
  };
  const auto before = folders();
  const fs::path first = fs::directory_iterator(root())->path() / "index.csv";
  const auto written = fs::last_write_time(first);
  phantom(root(), kSmall);
  EXPECT_EQ(folders(), before);
  EXPECT_EQ(fs::last_write_time(first), written);
  phantom(root(), "patients_train = 1\npatients_val = 0\npatients_test = 0\nsize = 32\n");
  EXPECT_EQ(folders(), before + 1);
}

TEST(PhantomCache, SimultaneousMakersAgreeAndLeaveOneFolder) {
  const TemporaryFolder folder;
  const std::string options =
      "patients_train = 2\npatients_val = 0\npatients_test = 0\nsize = 32\n";
  std::vector<std::vector<std::string>> found(3);
  std::vector<std::thread> threads;
  for (auto& result : found) {
    threads.emplace_back([&] { result = hashes(*phantom(folder.path(), options)); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found[0].size(), 4u);
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(PhantomCache, AFullDiskLeavesNothingBehind) {
  const TemporaryFolder folder;
  set_file_fault([](std::string_view call, const fs::path&) { return call == "rename"; });
  expect_error(ErrorKind::kIo, {"rename"}, [&] {
    phantom(folder.path(), "patients_train = 1\npatients_val = 0\npatients_test = 0\nsize = 32\n");
  });
  set_file_fault({});
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace semiseg
