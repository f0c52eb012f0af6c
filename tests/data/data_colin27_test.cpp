// SPDX-License-Identifier: Apache-2.0
// Real brains from Debian's mricron-data: slabs that do not overlap, classes, splits, errors.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "datasets/atlas/atlas_slabs.h"
#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/archive/case_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

Config config_of(const fs::path& root, const std::string& options) {
  return parse_config("root = \"" + root.string() + "\"\n" + options);
}

std::unique_ptr<DatasetSource> make(const std::string& name, const fs::path& root,
                                    const std::string& options = "") {
  return DatasetRegistry::instance().find(name).make(config_of(root, options));
}

class Colin27 : public testing::Test {
 protected:
  void SetUp() override {
    if (!source_) source_ = make("colin27", root());
  }
  static fs::path root() {
    static const TemporaryFolder folder;
    return folder / "cache";
  }
  // The made case with its affine.
  static StoredCase stored(const CaseInfo& info) {
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.path().filename() == info.id + ".h5") return read_case(entry.path());
    }
    ADD_FAILURE() << info.id << " is not there";
    return {};
  }

  static inline std::unique_ptr<DatasetSource> source_;
};

TEST_F(Colin27, SlabsAreSixSlicesOfTwoMillimetrePixels) {
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const Volume volume = source_->load(i);
    EXPECT_EQ(volume.image.sizes(), (at::IntArrayRef{1, 6, 108, 90}));
    EXPECT_EQ(volume.label.sizes(), (at::IntArrayRef{6, 108, 90}));
    EXPECT_EQ(volume.spacing_mm, (std::array<double, 3>{1, 2, 2}));
    EXPECT_TRUE(volume.has_spacing);
    EXPECT_GE(volume.image.min().item<float>(), 0);
    EXPECT_LE(volume.image.max().item<float>(), 1);
  }
}

TEST_F(Colin27, TenSlabsTrainTwoValidateAndFourTestEachAPatient) {
  std::map<Split, int> count;
  std::set<std::string> patients;
  for (const CaseInfo& one : source_->cases()) {
    ++count[one.split];
    EXPECT_TRUE(patients.insert(one.patient).second);
    EXPECT_EQ(one.domain, "colin27");
  }
  EXPECT_EQ(count[Split::kTrain], 10);
  EXPECT_EQ(count[Split::kVal], 2);
  EXPECT_EQ(count[Split::kTest], 4);
}

TEST_F(Colin27, ThreeUnusedSlicesLieBetweenNeighbours) {
  std::set<double> heights;  // mm of the first slices
  for (const CaseInfo& one : source_->cases()) heights.insert((*stored(one).affine)[11]);
  ASSERT_EQ(heights.size(), 16u);
  double before = *heights.begin() - 9;
  for (const double height : heights) {
    EXPECT_EQ(height, before + 9);  // six slices of 1 mm and a gap of three
    before = height;
  }
  EXPECT_EQ(*heights.begin(), -61);  // slice 10, the lowest of the cerebellum: 10 - 71
}

TEST_F(Colin27, AVoxelOfTwoMillimetresLiesInTheMiddleOfItsFour) {
  const auto affine = *stored(source_->cases()[0]).affine;
  const std::array<double, 16> expected = {0, 0, 2, -89.5,      0, 2, 0, -124.5,
                                           1, 0, 0, affine[11], 0, 0, 0, 1};
  EXPECT_EQ(affine, expected);
}

TEST_F(Colin27, ThreeLabelledSlabsShowEveryClass) {
  at::Tensor seen = at::zeros({8}, at::kLong);
  for (size_t i = 0; i < 3; ++i) seen += source_->load(i).label.flatten().bincount({}, 8);
  EXPECT_GT(seen.min().item<int64_t>(), 200);
}

TEST_F(Colin27, EachClassIsInEverySplit) {
  std::map<Split, at::Tensor> seen;
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    at::Tensor& count = seen.try_emplace(source_->cases()[i].split, at::zeros({8})).first->second;
    count += source_->load(i).label.flatten().bincount({}, 8);
  }
  for (const auto& [split, count] : seen) {
    EXPECT_GT(count.min().item<float>(), 100) << to_string(split);
  }
}

TEST_F(Colin27, TablesSayThatLabelsDecidedWhereSlabsBegin) {
  EXPECT_TRUE(source_->info().label_based_preparation);
}

TEST_F(Colin27, TheSameOptionsGiveTheSameVoxels) {
  const auto again = make("colin27", root() / ".." / "again");
  for (size_t i = 0; i < again->cases().size(); ++i) {
    EXPECT_EQ(again->cases()[i].id, source_->cases()[i].id);
    EXPECT_EQ(voxel_hash(again->load(i)), voxel_hash(source_->load(i)));
  }
}

TEST_F(Colin27, GroupsOfOnesOwnAndOtherAtlasesGiveTheirClasses) {
  const auto nuclei = make("colin27", root() / "nuclei",
                           "groups = [\"caudate=71-72\", \"putamen=73-74\"]\nslab_slices = 3\n");
  EXPECT_EQ(nuclei->info().classes, (std::vector<std::string>{"background", "caudate", "putamen"}));
  for (const char* atlas : {"brodmann", "harvard_oxford"}) {
    const auto lobes =
        make("colin27", root() / atlas, "atlas = \"" + std::string(atlas) + "\"\nreduce = 4\n");
    ASSERT_EQ(lobes->info().classes.size(), 6u);
    at::Tensor seen = at::zeros({6}, at::kLong);
    for (size_t i = 0; i < lobes->cases().size(); ++i)
      seen += lobes->load(i).label.flatten().bincount({}, 6);
    EXPECT_GT(seen.min().item<int64_t>(), 1000) << atlas;
  }
}

TEST_F(Colin27, TheMacaqueJoinsAsATestCentreWithTheSameClasses) {
  const auto both = make("colin27", root() / "both", "inia19 = \"test\"\n");
  std::map<std::string, std::map<Split, int>> count;
  at::Tensor seen = at::zeros({8}, at::kLong);
  for (size_t i = 0; i < both->cases().size(); ++i) {
    const CaseInfo& one = both->cases()[i];
    ++count[one.domain][one.split];
    if (one.domain == "inia19") seen += both->load(i).label.flatten().bincount({}, 8);
  }
  EXPECT_EQ(count["colin27"][Split::kTrain], 10);
  EXPECT_EQ(count["inia19"].size(), 1u);
  EXPECT_GE(count["inia19"][Split::kTest], 6);
  EXPECT_GT(seen.min().item<int64_t>(), 500);
}

TEST(Inia19, HasTheClassesOfColin27AndBothHemispheres) {
  const TemporaryFolder folder;
  const auto source = make("inia19", folder.path());
  EXPECT_EQ(source->info().classes[7], "cerebellum");
  for (size_t i = 0; i < source->cases().size(); ++i) {
    const at::Tensor label = source->load(i).label;
    EXPECT_EQ(label.sizes(), (at::IntArrayRef{6, 206, 168}));
    const at::Tensor left = label.narrow(2, 0, 84).gt(0), right = label.narrow(2, 84, 84).gt(0);
    EXPECT_GT(left.sum().item<int64_t>(), 100) << source->cases()[i].id;
    EXPECT_GT(right.sum().item<int64_t>(), 100) << source->cases()[i].id;
  }
}

TEST(SlabErrors, AMissingPackageIsNamedWithItsCommand) {
  const TemporaryFolder folder;
  for (const char* name : {"colin27", "inia19"}) {
    expect_error(ErrorKind::kData, {"mricron-data", "apt-get install mricron-data", "nowhere"},
                 [&] { make(name, folder.path(), "templates = \"/nowhere\"\n"); });
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SlabErrors, SlabsTooThickForThreeSplitsAreRefused) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kData, {"too few slabs", "dataset.slab_slices"},
               [&] { make("colin27", folder.path(), "slab_slices = 40\n"); });
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SlabErrors, ClassesOfTwoCentresMustAgree) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kConfig, {"inia19", "classes"}, [&] {
    make("colin27", folder.path(), "atlas = \"brodmann\"\ninia19 = \"split\"\n");
  });
}

TEST(SpreadOrder, MiddleThenQuartersThenEighths) {
  EXPECT_EQ(spread_order(8), (std::vector<int64_t>{4, 2, 6, 1, 5, 3, 7, 0}));
  EXPECT_EQ(spread_order(1), (std::vector<int64_t>{0}));
  EXPECT_EQ(spread_order(0), (std::vector<int64_t>{}));
}

TEST(AtlasGroupLines, NumberRegionsByTheOrderOfLines) {
  const Config config = parse_config("");
  const AtlasGroups groups = read_groups({"a=2,4-5", "b=1"}, config, "groups");
  EXPECT_EQ(groups.classes, (std::vector<std::string>{"background", "a", "b"}));
  EXPECT_EQ(groups.class_of, (std::vector<uint8_t>{0, 2, 1, 0, 1, 1}));
}

TEST(AtlasGroupLines, BadLinesAreConfigErrorsWithTheLine) {
  const Config config = parse_config("");
  for (const char* line : {"a", "a=", "=1", "a=1-", "a=5-2", "a=0", "a=1;2", "a=99999"}) {
    expect_error(ErrorKind::kConfig, {"groups", line},
                 [&] { read_groups({line}, config, "groups"); });
  }
  expect_error(ErrorKind::kConfig, {"region 3 has two classes"}, [&] {
    read_groups({"a=1-3", "b=3"}, config, "groups");
  });
  expect_error(ErrorKind::kConfig, {"a class is there twice"}, [&] {
    read_groups({"a=1", "a=2"}, config, "groups");
  });
}

TEST(DatasetToml, SaysWhichRegionsTheDefaultClassesHave) {
  const std::string text = read_file(source_folder() / "experiments/dataset/colin27.toml");
  for (const char* line :
       {"frontal     1-28", "parietal    57-70", "temporal    55-56, 79-90", "occipital   43-54",
        "limbic      29-42", "deep_grey   71-78", "cerebellum  91-116"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace semiseg
