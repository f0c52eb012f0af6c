// SPDX-License-Identifier: Apache-2.0
// Tests the conversion of files to a case store: what is converted, kept, left out and recorded.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "datasets/convert/convert.h"
#include "framework/core/files.h"
#include "framework/core/ignore_label.h"
#include "framework/data/archive/case_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

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

TEST_F(Convert, VoxelsWithTheIgnoreLabelAreNoClass) {
  add("a");
  ConvertRequest how = request();
  how.preparation.ignore_label = 1;
  how.classes = {"background", "heart"};
  EXPECT_EQ(run(how)[0].classes, std::vector<int64_t>{0});
  const StoreSource store(folder_ / "store");
  EXPECT_TRUE(store.info().has_ignore_label);
  EXPECT_EQ((store.load(0).label == kIgnoreLabel).sum().item<int64_t>(), 6);
  how.preparation.ignore_label.reset();
  expect_error(ErrorKind::kConfig, {"other options", "ignore_label=1"}, [&] { run(how); });
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

TEST_F(Convert, AFailedSecondConversionLeavesTheStoreAsItWas) {
  add("b");
  run(request());
  const std::string before = read_file(folder_ / "store" / "index.csv");
  add("a");
  add("c");
  set_file_fault([](std::string_view call, const fs::path& path) {
    return call == "write" && path.filename().string().starts_with("c.h5");
  });
  expect_error(ErrorKind::kIo, {"c.h5"}, [&] { run(request()); });
  set_file_fault({});
  EXPECT_EQ(read_file(folder_ / "store" / "index.csv"), before);
  EXPECT_EQ(StoreSource(folder_ / "store").load(0).label.max().item<int64_t>(), 1);
}

TEST_F(Convert, AMixtureIsFoundBeforeAnythingIsWritten) {
  add("b");
  run(request());
  fs::remove(folder_ / "store" / "index.csv");  // as after an interruption
  add("a");
  ConvertRequest other = request();
  other.preparation.intensity.scale = "zscore";
  expect_error(ErrorKind::kConfig, {"other options", "b.h5"}, [&] { run(other); });
  EXPECT_FALSE(fs::exists(folder_ / "store" / "a.h5"));
}

std::map<std::string, Split> splits_of(const std::vector<ConvertedCase>& cases) {
  std::map<std::string, Split> splits;
  for (const ConvertedCase& one : cases) splits[one.info.id] = one.info.split;
  return splits;
}

int64_t count(const std::map<std::string, Split>& splits, Split split) {
  return std::count_if(splits.begin(), splits.end(),
                       [&](const auto& one) { return one.second == split; });
}

TEST_F(Convert, AStoreGrowsWithItsPatientsInTheirSplits) {
  for (int i = 0; i < 5; ++i) add("p" + std::to_string(2 * i));
  const auto split = [&] {
    ConvertRequest how = request();
    how.splits = {.val = "0.2", .test = "0.4"};
    return splits_of(run(how));
  };
  const auto before = split();
  for (int i = 0; i < 5; ++i) add("p" + std::to_string(2 * i + 1));
  auto after = split();
  EXPECT_EQ(count(after, Split::kVal), 2);
  EXPECT_EQ(count(after, Split::kTest), 4);
  for (const auto& [id, was] : before) EXPECT_EQ(after[id], was) << id;
  EXPECT_EQ(StoreSource(folder_ / "store").cases().size(), 10);
}

TEST_F(Convert, AnInterruptedConversionGoesOnWithTheSameSplits) {
  for (int i = 0; i < 8; ++i) add("p" + std::to_string(i));
  ConvertRequest how = request();
  how.splits = {.val = "0.25", .test = "0.25"};
  const auto whole = splits_of(run(how));
  for (const char* name : {"index.csv", "p1.h5", "p3.h5", "p4.h5", "p6.h5"}) {
    fs::remove(folder_ / "store" / name);
  }
  EXPECT_EQ(splits_of(run(how)), whole);
}

TEST_F(Convert, ACaseMadeAnewStaysInItsSplit) {
  for (int i = 0; i < 5; ++i) add("p" + std::to_string(i));
  ConvertRequest how = request();
  write_file(folder_ / "test", "p1\n");
  how.splits = {.test = folder_ / "test"};
  run(how);
  fs::remove(folder_ / "store" / "p1.h5");
  how.splits = {};
  EXPECT_EQ(splits_of(run(how)).at("p1"), Split::kTest);
}

TEST_F(Convert, KeptCasesDecideTheNumberOfChannels) {
  add("b");
  run(request());
  add("a");
  ConvertRequest how = request();
  how.cases[0].images.push_back(how.cases[0].images[0]);
  const auto cases = run(how);
  EXPECT_NE(cases[0].error.find("2 channels"), std::string::npos) << cases[0].error;
  EXPECT_EQ(StoreSource(folder_ / "store").cases()[0].id, "b");
}

TEST_F(Convert, ALabelThatCameLaterIsSaidOfItsCaseAndTheOthersJoin) {
  add("a", 0, false);
  add("b");
  run(request());
  add("a");
  add("c");
  const auto cases = run(request());
  EXPECT_NE(cases[0].error.find("without a label"), std::string::npos) << cases[0].error;
  EXPECT_NE(cases[0].error.find("a.h5"), std::string::npos) << cases[0].error;
  EXPECT_TRUE(cases[0].kept && cases[0].listed);
  EXPECT_EQ(StoreSource(folder_ / "store").cases().size(), 3);
  fs::remove(folder_ / "store" / "a.h5");
  EXPECT_EQ(run(request())[0].error, "");
}

TEST_F(Convert, ALabelThatIsGoneIsSaidOfItsCase) {
  add("a");
  add("b");
  run(request());
  fs::remove(folder_ / "labels" / "a.nii.gz");
  const auto cases = run(request());
  EXPECT_NE(cases[0].error.find("with a label"), std::string::npos) << cases[0].error;
  EXPECT_EQ(cases[1].error, "");
  EXPECT_TRUE(StoreSource(folder_ / "store").load(0).label.defined());
}

}  // namespace
}  // namespace semiseg
