// SPDX-License-Identifier: Apache-2.0
// The case store, and what every case is held to.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <limits>

#include "framework/core/files.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_store.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

DatasetInfo three_classes() {
  return {.name = "made", .classes = {"background", "one", "two"}, .channels = 2};
}

// Two channels, 3 × 4 × 5, label values 0, 1, 2 in turn.
StoredCase some_case(const std::string& id, const std::string& patient, Split split) {
  StoredCase made;
  made.info = {id, patient, "north", split};
  made.volume.image = at::arange(120, at::kFloat).reshape({2, 3, 4, 5});
  made.volume.label = at::arange(60, at::kInt).remainder(3).to(at::kByte).reshape({3, 4, 5});
  made.volume.spacing_mm = {8, 1.5, 1.25};
  made.volume.has_spacing = true;
  made.preparation = "made by a test";
  return made;
}

// A finished store of two training cases of one patient and one test case.
void make_store(const fs::path& folder) {
  const std::vector<StoredCase> stored = {some_case("b_1", "b", Split::kTrain),
                                          some_case("b_2", "b", Split::kTrain),
                                          some_case("a_1", "a", Split::kTest)};
  std::vector<CaseInfo> infos;
  for (const auto& one : stored) {
    write_case(folder, one);
    infos.push_back(one.info);
  }
  write_index(folder, three_classes(), infos);
}

TEST(CaseStore, ComesBackInPublishedOrder) {
  const TemporaryFolder folder;
  make_store(folder / "s");
  const StoreSource store(folder / "s");
  EXPECT_EQ(store.info().name, "made");
  EXPECT_EQ(store.info().classes, three_classes().classes);
  EXPECT_EQ(store.info().channels, 2);
  ASSERT_EQ(store.cases().size(), 3u);
  EXPECT_EQ(store.cases()[0].id, "b_1");
  EXPECT_EQ(store.cases()[2].id, "a_1");
  EXPECT_EQ(store.cases()[2].split, Split::kTest);
  EXPECT_EQ(store.cases()[1].domain, "north");
  const Volume volume = store.load(1);
  const StoredCase written = some_case("b_2", "b", Split::kTrain);
  EXPECT_TRUE(at::equal(volume.image, written.volume.image));
  EXPECT_TRUE(at::equal(volume.label, written.volume.label));
  EXPECT_TRUE(volume.has_spacing);
  EXPECT_EQ(volume.spacing_mm, written.volume.spacing_mm);
}

TEST(CaseStore, ASliceIsThatSliceOfTheVolume) {
  const TemporaryFolder folder;
  make_store(folder / "s");
  const StoreSource store(folder / "s");
  const auto samples = store.training_samples(2);
  ASSERT_EQ(samples.size(), 6u);  // two training cases of three slices
  EXPECT_EQ(samples[4].case_index, 1u);
  EXPECT_EQ(samples[4].slice, 1);
  const Sample sample = store.load_sample(samples[4]);
  EXPECT_TRUE(at::equal(sample.image, store.load(1).image.select(1, 1)));
  EXPECT_TRUE(at::equal(sample.label, store.load(1).label[1]));
  EXPECT_EQ(store.training_samples(3).size(), 2u);
  EXPECT_TRUE(
      at::equal(store.load_sample(store.training_samples(3)[1]).image, store.load(1).image));
}

TEST(CaseStore, CasesWithoutLabelOrSpacingStayWithout) {
  const TemporaryFolder folder;
  StoredCase made = some_case("a", "a", Split::kTrain);
  made.volume.label = at::Tensor();
  made.volume.has_spacing = false;
  write_case(folder.path(), made);
  write_index(folder.path(), three_classes(), {made.info});
  const StoreSource store(folder.path());
  EXPECT_FALSE(store.load(0).label.defined());
  EXPECT_FALSE(store.load(0).has_spacing);
  EXPECT_FALSE(store.load_sample({0, 2}).label.defined());
}

TEST(CaseStore, KeepsAffinePreparationAndHash) {
  const TemporaryFolder folder;
  StoredCase made = some_case("a", "p", Split::kVal);
  made.affine.emplace().fill(0.25);
  write_case(folder.path(), made);
  const StoredCase read = read_case(folder / "a.h5");
  EXPECT_EQ(read.affine, made.affine);
  EXPECT_EQ(read.preparation, made.preparation);
  EXPECT_EQ(read.info.patient, "p");
  EXPECT_EQ(read.info.split, Split::kVal);
  EXPECT_EQ(voxel_hash(read.volume),
            Hdf5File::open(folder / "a.h5").text_attribute("/", "voxel_hash"));
}

TEST(CaseStore, TheHashSeesImageAndLabel) {
  const Volume volume = some_case("a", "a", Split::kTrain).volume;
  Volume other = volume;
  other.label = volume.label.clone();
  other.label[0][0][0] = 2;
  EXPECT_NE(voxel_hash(volume), voxel_hash(other));
  other = volume;
  other.image = volume.image + 1;
  EXPECT_NE(voxel_hash(volume), voxel_hash(other));
}

TEST(CaseStore, HalfMadeAndMissingStoresAreRefused) {
  const TemporaryFolder folder;
  write_case(folder / "half", some_case("a", "a", Split::kTrain));
  expect_error(ErrorKind::kData, {"not finished", "index.csv"},
               [&] { StoreSource(folder / "half"); });
  expect_error(ErrorKind::kData, {"no such data set"}, [&] { StoreSource(folder / "none"); });
}

TEST(CaseStore, ACaseIsNotOverwritten) {
  const TemporaryFolder folder;
  make_store(folder / "s");
  expect_error(ErrorKind::kIo, {"exists already", "b_1.h5"},
               [&] { write_case(folder / "s", some_case("b_1", "b", Split::kTrain)); });
}

TEST(CaseStore, AFinishedStoreStaysAsItIsUntilItsIndexIsReplaced) {
  const TemporaryFolder folder;
  make_store(folder / "s");
  const StoredCase added = some_case("new", "c", Split::kTrain);
  write_case(folder / "s", added);
  EXPECT_EQ(StoreSource(folder / "s").cases().size(), 3u);
  write_index(folder / "s", three_classes(), {added.info});
  EXPECT_EQ(StoreSource(folder / "s").cases()[0].id, "new");
}

TEST(CaseStore, AHeaderSaysWhatTheCaseHolds) {
  const TemporaryFolder folder;
  StoredCase made = some_case("a", "p", Split::kVal);
  write_case(folder.path(), made);
  const CaseHeader header = read_case_header(folder / "a.h5");
  EXPECT_EQ(header.info.id, "a");
  EXPECT_EQ(header.info.patient, "p");
  EXPECT_EQ(header.info.split, Split::kVal);
  EXPECT_EQ(header.preparation, "made by a test");
  EXPECT_TRUE(header.has_label);
  made.info.id = "b";
  made.volume.label = at::Tensor();
  write_case(folder.path(), made);
  EXPECT_FALSE(read_case_header(folder / "b.h5").has_label);
}

TEST(CaseStore, AFailedWriteLeavesNoFile) {
  const TemporaryFolder folder;
  set_file_fault([](std::string_view call, const fs::path&) { return call == "rename"; });
  expect_error(ErrorKind::kIo, {"rename"},
               [&] { write_case(folder.path(), some_case("a", "a", Split::kTrain)); });
  set_file_fault({});
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(CaseStore, IndexErrorsNameTheLine) {
  const TemporaryFolder folder;
  const std::string head = "# name: x\n# classes: a,b\n# channels: 1\nid,patient,centre,split\n";
  write_file(folder / "index.csv", head + "c1,p1,,train\nc2,p2,,tes\n");
  expect_error(ErrorKind::kData, {"index.csv:6", "tes"}, [&] { StoreSource(folder.path()); });
  write_file(folder / "index.csv", head + "c1,p1\n");
  expect_error(ErrorKind::kData, {"index.csv:5", "id,patient,centre,split"},
               [&] { StoreSource(folder.path()); });
}

TEST(CaseStore, AnyNumberOfChannelsAboveZeroIsRead) {
  const TemporaryFolder folder;
  const auto index = [&](const std::string& channels) {
    write_file(folder / "index.csv", "# name: x\n# classes: a,b\n# channels: " + channels +
                                         "\nid,patient,centre,split\nc1,p1,,train\n");
    return StoreSource(folder.path()).info().channels;
  };
  EXPECT_EQ(index("1"), 1);
  EXPECT_EQ(index("12"), 12);
  for (const char* bad : {"", "0", "-1", "2.5", "3x", "99999999999999999999"}) {
    expect_error(ErrorKind::kData, {"index.csv:3", "channels", "above 0"}, [&] { index(bad); });
  }
}

TEST(CaseStore, NamesThatWouldBreakTheIndexAreRefused) {
  const TemporaryFolder folder;
  for (const char* id : {"", "a,b", "../a", "a\nb", "a\tb", "a\x7f"}) {
    expect_error(ErrorKind::kData, {"case id"},
                 [&] { write_case(folder.path(), some_case(id, "p", Split::kTrain)); });
  }
}

TEST(CaseChecks, ACaseInTwoSplitsIsNamedWithBoth) {
  const std::vector<CaseInfo> cases = {{"c1", "p1", "", Split::kTrain},
                                       {"c1", "p1", "", Split::kTest}};
  expect_error(ErrorKind::kData, {"'c1'", "train", "test", "here"},
               [&] { check_cases(cases, "here"); });
}

TEST(CaseChecks, APatientInTwoSplitsIsNamedWithBoth) {
  const std::vector<CaseInfo> cases = {{"c1", "p1", "", Split::kTrain},
                                       {"c2", "p2", "", Split::kTrain},
                                       {"c3", "p1", "", Split::kVal}};
  expect_error(ErrorKind::kData, {"patient 'p1'", "c1 in train", "c3 in val"},
               [&] { check_cases(cases, "here"); });
}

TEST(CaseChecks, BadVolumesAreNamedWithFileAndValue) {
  const auto broken = [](const std::vector<std::string>& words,
                         const std::function<void(Volume&)>& change) {
    Volume volume = some_case("a", "a", Split::kTrain).volume;
    change(volume);
    expect_error(ErrorKind::kData, words, [&] { check_volume(volume, three_classes(), "bad.h5"); });
  };
  broken({"bad.h5", "nan at [1,2,3,4]", "1 such"},
         [](Volume& v) { v.image[1][2][3][4] = std::numeric_limits<float>::quiet_NaN(); });
  broken({"bad.h5", "inf at [0,0,0,0]"},
         [](Volume& v) { v.image[0][0][0][0] = std::numeric_limits<float>::infinity(); });
  broken({"bad.h5", "constant", "0.5 everywhere"}, [](Volume& v) { v.image.fill_(0.5); });
  broken({"bad.h5", "0 to 2", "3 (1 such"}, [](Volume& v) { v.label[0][0][0] = 3; });
  broken({"bad.h5", "differ in shape", "[3,4,5]", "[2,4,5]"},
         [](Volume& v) { v.label = v.label.slice(0, 0, 2); });
  broken({"bad.h5", "2 channel", "[1,3,4,5]"}, [](Volume& v) { v.image = v.image.slice(0, 0, 1); });
  broken({"bad.h5", "spacing", "[8,0,1.25]"}, [](Volume& v) { v.spacing_mm[1] = 0; });
}

TEST(CaseStore, AnIndexThatAnEditorSavedIsRead) {
  const TemporaryFolder folder;
  make_store(folder / "s");
  std::string text = "\xef\xbb\xbf";
  for (const char c : read_file(folder / "s/index.csv"))
    text += c == '\n' ? "\r\n" : std::string(1, c);
  write_file(folder / "s/index.csv", text);
  const StoreSource store(folder / "s");
  EXPECT_EQ(store.info().classes, three_classes().classes);
  EXPECT_EQ(store.cases().at(2).split, Split::kTest);
}

TEST(CaseChecks, AConstantSliceIsFineAndABadOneIsNot) {
  const DatasetInfo info = three_classes();
  check_sample({at::zeros({2, 4, 5}), at::zeros({4, 5}, at::kByte)}, info, "s.h5");
  expect_error(ErrorKind::kData, {"s.h5", "nan"}, [&] {
    check_sample({at::full({2, 4, 5}, std::numeric_limits<float>::quiet_NaN()), at::Tensor()}, info,
                 "s.h5");
  });
}

TEST(CaseChecks, LabelsAreCheckedBeforeTheyAreNarrowed) {
  DatasetInfo three = three_classes();
  EXPECT_TRUE(at::equal(to_label(at::tensor({0, 2}, at::kLong), three, "l.h5"),
                        at::tensor({0, 2}, at::kByte)));
  for (const double value : {256.0, -1.0, 3.0, 0.5}) {
    expect_error(ErrorKind::kData, {"l.h5", "0 to 2"}, [&] {
      to_label(at::tensor({0.0, value}, at::kDouble), three, "l.h5");
    });
  }
  const at::Tensor ignored = at::tensor({0, 255}, at::kLong);
  expect_error(ErrorKind::kData, {"l.h5", "0 to 2"}, [&] { to_label(ignored, three, "l.h5"); });
  three.has_ignore_label = true;
  EXPECT_TRUE(at::equal(to_label(ignored, three, "l.h5"), at::tensor({0, 255}, at::kByte)));
  expect_error(ErrorKind::kData, {"l.h5", "0 to 2, or the ignore label", "254"}, [&] {
    to_label(at::tensor({0, 254}, at::kLong), three, "l.h5");
  });
}

TEST(CaseStore, VoxelsChangedLaterAreFound) {
  const TemporaryFolder folder;
  const StoredCase made = some_case("a", "a", Split::kTrain);
  Hdf5File file = Hdf5File::create(folder / "a.h5");
  file.write("image", made.volume.image);
  for (const char* key : {"case", "patient", "centre", "preparation"})
    file.write_attribute("/", key, "a");
  file.write_attribute("/", "split", "train");
  file.write_attribute("/", "voxel_hash", "0000000000000000");
  file.close();
  expect_error(ErrorKind::kData, {"changed", "0000000000000000"},
               [&] { read_case(folder / "a.h5"); });
}

}  // namespace
}  // namespace semiseg
