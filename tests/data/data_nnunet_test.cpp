// SPDX-License-Identifier: Apache-2.0
// The raw layout of nnU-Net and of the Decathlon, on a small tree of the same form.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "datasets/nnunet/nnunet_raw_json.h"
#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/core/ignore_label.h"
#include "framework/data/dataset.h"
#include "framework/data/label_budget.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

using Names = std::vector<std::string>;

constexpr const char* kTwoChannels = R"({"channel_names": {"0": "T1", "1": "T2"},
  "labels": {"background": 0, "tumour": 2, "oedema": 1}, "file_ending": ".nii.gz"})";

ScanGeometry grid(double slice_mm = 5) {
  return make_geometry({2, 3, 4}, {0, 0, 0.5, 1, 0, 0.7, 0, 2, slice_mm, 0, 0, 3, 0, 0, 0, 1},
                       "grid");
}

at::Tensor nnunet_image(double shift = 0) {
  return at::arange(24, at::kFloat).reshape({1, 2, 3, 4}) + shift;
}
at::Tensor nnunet_label() { return at::arange(24).remainder(3).to(at::kByte).reshape({2, 3, 4}); }

// Cases a, b, c, d with two channels and labels, u without labels.
class NnunetTree : public testing::Test {
 protected:
  NnunetTree() {
    write_file(folder_ / "dataset.json", kTwoChannels);
    for (const char* id : {"a", "b", "c", "d", "u"}) write_channels("Tr", id);
    for (const char* id : {"a", "b", "c", "d"}) write_label("Tr", id);
  }

  fs::path file(const std::string& folder, const std::string& stem) const {
    return folder_.path() / folder / (stem + ".nii.gz");
  }
  void write_channels(const std::string& part, const std::string& id) const {
    fs::create_directories(folder_ / ("images" + part));
    write_scan(file("images" + part, id + "_0000"), nnunet_image(), grid());
    write_scan(file("images" + part, id + "_0001"), nnunet_image(100), grid());
  }
  void write_label(const std::string& part, const std::string& id) const {
    fs::create_directories(folder_ / ("labels" + part));
    write_label_map(file("labels" + part, id), nnunet_label(), grid());
  }
  std::unique_ptr<DatasetSource> open(const std::string& more = "") const {
    return DatasetRegistry::instance()
        .find("nnunet_raw")
        .make(parse_config(fmt::format("root = \"{}\"\n{}", folder_.path().string(), more)));
  }
  static Names ids(const DatasetSource& source, Split split) {
    Names names;
    for (const auto& one : source.cases())
      if (one.split == split) names.push_back(one.id);
    return names;
  }

  TemporaryFolder folder_;
};

TEST_F(NnunetTree, ClassesAreInOrderOfTheirValues) {
  EXPECT_EQ(open()->info().classes, (Names{"background", "oedema", "tumour"}));
  EXPECT_EQ(open()->info().channels, 2);
}

TEST_F(NnunetTree, CasesWithoutLabelsTrainAndComeLast) {
  const auto source = open("val = ['a']\ntest = ['c']");
  EXPECT_EQ(ids(*source, Split::kTrain), (Names{"b", "d", "u"}));
  EXPECT_EQ(ids(*source, Split::kVal), (Names{"a"}));
  EXPECT_EQ(ids(*source, Split::kTest), (Names{"c"}));
  EXPECT_FALSE(source->load(4).label.defined());
  EXPECT_EQ(source->training_samples(3).size(), 3u);
  EXPECT_EQ(source->training_samples(2).size(), 6u);
}

TEST_F(NnunetTree, FractionsSplitThePatientsWithLabels) {
  const auto source = open("val_fraction = 0.25\ntest_fraction = 0.5");
  EXPECT_EQ(ids(*source, Split::kVal).size(), 1u);
  EXPECT_EQ(ids(*source, Split::kTest).size(), 2u);
  EXPECT_EQ(ids(*source, Split::kTrain).size(), 2u);
}

TEST_F(NnunetTree, ChannelsSpacingAndLabelsAreRead) {
  const Volume volume = open("[intensity]\nscale = 'none'")->load(0);
  EXPECT_TRUE(at::equal(volume.image, at::cat({nnunet_image(), nnunet_image(100)})));
  EXPECT_TRUE(at::equal(volume.label, nnunet_label()));
  EXPECT_TRUE(volume.has_spacing);
  EXPECT_NEAR(volume.spacing_mm[0], 5, 1e-6);
  EXPECT_NEAR(volume.spacing_mm[1], 0.7, 1e-6);
  EXPECT_NEAR(volume.spacing_mm[2], 0.5, 1e-6);
}

TEST_F(NnunetTree, EachChannelHasMeanZeroAndDeviationOne) {
  const at::Tensor image = open()->load(0).image;
  EXPECT_LT(image.mean(at::IntArrayRef{1, 2, 3}).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(at::allclose(image[0], image[1], 1e-5, 1e-5));
}

TEST_F(NnunetTree, ATestFolderWithLabelsIsTheTestSplit) {
  write_channels("Ts", "t");
  write_label("Ts", "t");
  const auto source = open("val = ['a']");
  EXPECT_EQ(ids(*source, Split::kTest), (Names{"t"}));
  EXPECT_EQ(ids(*source, Split::kTrain), (Names{"b", "c", "d", "u"}));
  EXPECT_TRUE(source->load(5).label.defined());
}

TEST_F(NnunetTree, FramesOfAPatientStayTogether) {
  for (const char* id : {"p_f1", "p_f2"}) {
    write_channels("Tr", id);
    write_label("Tr", id);
  }
  const auto source = open("patient_mark = '_f'\ntest = ['p']\nval = ['a']");
  EXPECT_EQ(ids(*source, Split::kTest), (Names{"p_f1", "p_f2"}));
}

TEST_F(NnunetTree, TheDecathlonsFilesAreUnderstood) {
  fs::remove_all(folder_ / "imagesTr");
  fs::create_directories(folder_ / "imagesTr");
  write_file(folder_ / "dataset.json", R"({"name": "Task", "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "x", "2": "y"}, "numTraining": 4, "training": [
    {"image": "./imagesTr/d.nii.gz", "label": "./labelsTr/d.nii.gz"},
    {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"}], "test": []})");
  for (const char* id : {"b", "d", "case_0001"})
    write_scan(file("imagesTr", id), nnunet_image(), grid());
  write_file(folder_ / "imagesTr/._d.nii.gz", "of a Mac");
  const auto source = open("val_fraction = 0\ntest_fraction = 0");
  EXPECT_EQ(ids(*source, Split::kTrain), (Names{"d", "b", "case_0001"}));
  EXPECT_EQ(ids(*open("val_fraction = 0\ntest_fraction = 0\norder = 'name'"), Split::kTrain),
            (Names{"b", "d", "case_0001"}));
  EXPECT_EQ(source->info().classes[2], "y");
  EXPECT_TRUE(at::equal(source->load(0).label, nnunet_label()));
}

TEST_F(NnunetTree, OneFileMayHoldAllChannels) {
  const at::Tensor both = at::cat({nnunet_image(), nnunet_image(100)});
  for (const char* id : {"a", "b", "c", "d", "u"}) {
    for (const char* channel : {"_0000", "_0001"})
      fs::remove(file("imagesTr", std::string(id) + channel));
    write_scan(file("imagesTr", id), both, grid());
  }
  const auto source = open("[intensity]\nscale = 'none'");
  EXPECT_TRUE(at::equal(source->load(0).image, both));
  EXPECT_EQ(source->cases().back().id, "u");
}

// Ids of the Decathlon may end in four digits: "case_0003" is no channel of "case".
TEST_F(NnunetTree, NoFileStandsForTwoCases) {
  fs::remove_all(folder_ / "imagesTr");
  fs::remove_all(folder_ / "labelsTr");
  write_file(folder_ / "dataset.json",
             R"({"channel_names": {"0": "CT"}, "labels": {"background": 0, "x": 1, "y": 2}})");
  for (int i = 0; i < 4; ++i) {
    const std::string id = fmt::format("case_{:04}", i);
    write_scan(file("imagesTr", id), nnunet_image(i), grid());
    if (i < 2) write_label("Tr", id);
  }
  const auto source = open("val_fraction = 0\ntest_fraction = 0\n[intensity]\nscale = 'none'");
  EXPECT_EQ(ids(*source, Split::kTrain),
            (Names{"case_0000", "case_0001", "case_0002", "case_0003"}));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(at::equal(source->load(i).image, nnunet_image(static_cast<double>(i)))) << i;
    EXPECT_EQ(source->cases()[i].has_label, i < 2) << i;
  }
  // A planted collision: the label "case" with an image of its own, beside case_0000.
  write_label("Tr", "other");
  write_scan(file("imagesTr", "other"), nnunet_image(), grid());
  write_scan(file("imagesTr", "other_0000"), nnunet_image(7), grid());
  expect_error(ErrorKind::kData, {"two files may be the image", "other_0000.nii.gz"},
               [&] { open(); });
}

TEST_F(NnunetTree, AnEmptyTestFolderLeavesTheFraction) {
  fs::create_directories(folder_ / "labelsTs");
  EXPECT_EQ(ids(*open("val_fraction = 0\ntest_fraction = 0.5"), Split::kTest).size(), 2u);
}

TEST_F(NnunetTree, MissingFilesAreNamed) {
  fs::remove(file("imagesTr", "b_0001"));
  expect_error(ErrorKind::kData, {"channel", "b_0001.nii.gz"}, [&] { open(); });
  fs::remove(file("imagesTr", "b_0000"));
  expect_error(ErrorKind::kData, {"image is missing", "b_0000.nii.gz"}, [&] { open(); });
  fs::remove_all(folder_ / "labelsTr");
  expect_error(ErrorKind::kData, {"no labels", "labelsTr"}, [&] { open(); });
  fs::remove(folder_ / "dataset.json");
  expect_error(ErrorKind::kData, {"dataset.json", "dataset.root"}, [&] { open(); });
}

TEST_F(NnunetTree, GridsThatDifferAreRefused) {
  write_scan(file("imagesTr", "a_0001"), nnunet_image(), grid(4));
  write_label_map(file("labelsTr", "b"), nnunet_label(), grid(4));
  write_label_map(file("labelsTr", "c"), 2 * nnunet_label(), grid());
  const auto source = open("val_fraction = 0\ntest_fraction = 0");
  expect_error(ErrorKind::kData, {"channels", "a_0001.nii.gz", "a_0000.nii.gz", "×0.5 mm"},
               [&] { source->load(0); });
  expect_error(ErrorKind::kData, {"image and label", "labelsTr/b.nii.gz"},
               [&] { source->load(1); });
  expect_error(ErrorKind::kData, {"labelsTr/c.nii.gz", "0 to 2", "4"}, [&] { source->load(2); });
}

// Value 2 of the files is no class: its voxels are labelled kIgnoreLabel.
TEST_F(NnunetTree, VoxelsWithTheIgnoreLabelHaveNoClass) {
  write_file(folder_ / "dataset.json", R"({"channel_names": {"0": "T1", "1": "T2"},
    "labels": {"background": 0, "tumour": 1, "ignore": 2}})");
  write_label_map(file("labelsTr", "b"), 4 * nnunet_label(), grid());
  const auto source = open("val_fraction = 0\ntest_fraction = 0");
  EXPECT_EQ(source->info().classes, (Names{"background", "tumour"}));
  EXPECT_TRUE(source->info().has_ignore_label);
  const at::Tensor expected =
      nnunet_label().masked_fill(nnunet_label() == 2, static_cast<int64_t>(kIgnoreLabel));
  EXPECT_TRUE(at::equal(source->load(0).label, expected));
  EXPECT_TRUE(at::equal(source->load_sample({0, 1}).label, expected[1]));
  expect_error(ErrorKind::kData, {"labelsTr/b.nii.gz", "0 to 1, or the ignore label"},
               [&] { source->load(1); });
}

TEST(NnunetJson, TheIgnoreLabelIsNoClassAndNoRegion) {
  const TemporaryFolder folder;
  const fs::path path = folder / "dataset.json";
  const auto read = [&](const std::string& labels) {
    write_file(path, R"({"channel_names": {"0": "CT"}, "labels": )" + labels + "}");
    return read_nnunet_description(path);
  };
  EXPECT_FALSE(read(R"({"background": 0, "a": 1})").ignore_label);
  EXPECT_EQ(read(R"({"background": 0, "ignore": 300, "a": 1})").ignore_label, 300);
  EXPECT_EQ(read(R"({"background": "0", "a": "1", "ignore": "2"})").ignore_label, 2);
  const NnunetDescription regions = read(
      R"({"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}, "regions_class_order": [1, 2])");
  EXPECT_EQ(regions.classes, (Names{"background", "whole_label_1", "core_label_2"}));
  EXPECT_EQ(regions.ignore_label, 3);
  for (const char* wrong : {"1", "0", "[2]", "-1", "2.5", "\"two\""}) {
    expect_error(ErrorKind::kData, {"ignore label", "above those of the 2 classes"}, [&] {
      read(std::string(R"({"background": 0, "a": 1, "ignore": )") + wrong + "}");
    });
  }
}

TEST(NnunetJson, RegionsThatDoNotFitTheirOrderAreRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder / "dataset.json";
  for (const char* labels :
       {R"({"background": 0, "whole": [1, 2, 3], "core": [2]}, "regions_class_order": [1, 2])",
        R"({"background": 0, "whole": [1, 2], "core": [2]}, "regions_class_order": [1, 3])",
        R"({"background": 0, "whole": [1, 2], "core": [2]}, "regions_class_order": [2, 1])",
        R"({"background": 0, "whole": ["a"], "core": []}, "regions_class_order": [1, 2])",
        R"({"background": 0, "whole": [0, 1]}, "regions_class_order": [1])"}) {
    write_file(path, R"({"channel_names": {"0": "CT"}, "labels": )" + std::string(labels) + "}");
    expect_error(ErrorKind::kData, {"regions", "within its region"},
                 [&] { read_nnunet_description(path); });
  }
}

TEST(NnunetJson, RegionsAreTheLabelsThatTheyAreWrittenAs) {
  const TemporaryFolder folder;
  write_file(folder / "dataset.json", R"({"channel_names": {"0": "MRI"}, "labels":
    {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3},
    "regions_class_order": [1, 2, 3]})");
  EXPECT_EQ(read_nnunet_description(folder / "dataset.json").classes,
            (Names{"background", "whole_label_1", "core_label_2", "enhancing_label_3"}));
}

TEST(NnunetJson, WhatCannotBeTrainedOnIsRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder / "dataset.json";
  const auto refused = [&](const std::string& text, const Names& words) {
    write_file(path, text);
    expect_error(ErrorKind::kData, words, [&] { read_nnunet_description(path); });
  };
  const std::string channels = R"("channel_names": {"0": "CT"}, "labels": )";
  refused("{ no json", {"damaged", "dataset.json"});
  refused("{" + channels + std::string(200000, '[') + std::string(200000, ']') + "}",
          {"nested too deeply"});
  std::string many;
  for (int i = 0; i <= 10000; ++i) many += ", \"n" + std::to_string(i) + "\": 0";
  refused("{" + channels + "{}" + many + "}", {"too many names"});
  refused("{" + channels + R"({"background": 0, "whole": [1, 2]}})",
          {"regions", "regions_class_order"});
  refused("{" + channels + R"({"background": 0, "a": 2}})", {"labels", "the number 1", "2"});
  refused("{" + channels + R"({"background": 0, "a": 1, "b": 1}})", {"every number once"});
  refused("{" + channels + R"({"background": 0}})", {"too little"});
  refused(R"({"labels": {"background": 0, "a": 1}})", {"no modality"});
}

}  // namespace
}  // namespace semiseg
