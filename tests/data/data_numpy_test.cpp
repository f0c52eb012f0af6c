// SPDX-License-Identifier: Apache-2.0
// NumPy files, and data sets of pairs of them in the layout of GenericSSL.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/dataset.h"
#include "framework/data/label_budget.h"
#include "framework/files/npy_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy_writer.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

TEST(Npy, TypesAndShapesAreRead) {
  const TemporaryFolder folder;
  const at::Tensor values = at::arange(24).reshape({2, 3, 4});
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, at::ScalarType>>{{"<f4", at::kFloat},
                                                           {"<f8", at::kDouble},
                                                           {"<f2", at::kHalf},
                                                           {"|u1", at::kByte},
                                                           {"|i1", at::kChar},
                                                           {"<i2", at::kShort},
                                                           {"<i4", at::kInt},
                                                           {"<i8", at::kLong}}) {
    write_npy(folder / "a.npy", name, values.to(type));
    const at::Tensor read = read_npy(folder / "a.npy");
    EXPECT_EQ(read.scalar_type(), type);
    EXPECT_TRUE(at::equal(read, values.to(type))) << name;
  }
  EXPECT_EQ(read_npy_shape(folder / "a.npy"), (std::vector<int64_t>{2, 3, 4}));
  write_npy(folder / "a.npy", "<u2", at::tensor({65535, 1}, at::kInt).to(at::kUInt16));
  EXPECT_TRUE(at::equal(read_npy(folder / "a.npy"), at::tensor({65535, 1}, at::kInt)));
}

TEST(Npy, FortranOrderIsUndone) {
  const TemporaryFolder folder;
  const at::Tensor values = at::arange(24, at::kFloat).reshape({2, 3, 4});
  write_file(folder / "a.npy", npy_text("<f4", "2, 3, 4", values.permute({2, 1, 0}), true));
  EXPECT_TRUE(at::equal(read_npy(folder / "a.npy"), values));
}

TEST(Npy, HostileHeadersAreRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.npy";
  const auto refused = [&](const std::string& dictionary, const std::string& word) {
    const size_t size = dictionary.size();
    write_file(path, std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(size % 256) +
                         static_cast<char>(size / 256) + dictionary);
    expect_error(ErrorKind::kData, {"a.npy", word}, [&] { read_npy(path); });
    expect_error(ErrorKind::kData, {"a.npy", word}, [&] { read_npy_shape(path); });
  };
  const auto header = [](const std::string& type, const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  };
  refused(header("<" + std::string(48000, 'f'), "1"), "at most 4096");
  refused(header("<f4", std::string(48000, ' ')), "at most 4096");
  refused(header("<f4", std::string(3000, '1')), "cannot be read");
  refused(header("<f4", "-1"), "no array has");
  refused(header("<f4", "0, 1000000000000, 1000000000000"), "no array has");
  refused(header("<f4", "1, , 2"), "cannot be read");
  refused(header("<f4", "1, x"), "cannot be read");
  std::string axes;
  for (int i = 0; i < 1000; ++i) axes += "1,";
  refused(header("<f4", axes), "no array has");
  refused("{'descr': '<f4", "cannot be read");
  refused("", "cannot be read");
}

TEST(Npy, WhatIsNoWholeFileIsRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.npy";
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    write_file(path, text);
    expect_error(ErrorKind::kData, words, [&] { read_npy(path); });
  };
  const std::string good = npy_text("<f4", "2, 3", at::zeros({2, 3}));
  refused(good.substr(0, good.size() - 1), {"a.npy", "cut or damaged", "24 bytes", "23"});
  refused(good + "x", {"cut or damaged", "25"});
  refused(good.substr(0, 40), {"cut"});
  refused("P6 no array", {"not a .npy file"});
  refused(npy_text(">f4", "2, 3", at::zeros({2, 3})), {"big-endian"});
  refused(npy_text("|O", "2,", at::zeros({2})), {"another type", "O"});
  refused(npy_text("<c8", "1,", at::zeros({2})), {"another type", "c8"});
  expect_error(ErrorKind::kData, {"missing", "b.npy"}, [&] { read_npy(folder / "b.npy"); });
}

at::Tensor pair_image() { return at::arange(2 * 3 * 4, at::kFloat).reshape({2, 3, 4}); }

// Two frames of patient b and one of a with labels; c without; v and t validate and test.
class NumpyTree : public testing::Test {
 protected:
  NumpyTree() {
    for (const char* name : {"b_sa_1", "b_sa_0", "a_sa_0", "v", "t"}) write_case(name);
    write_npy(npy("c", "image"), "<f4", pair_image());
    list("labeled", "b_sa_1\nb_sa_0\na_sa_0\n");
    list("unlabeled", "c\n");
    list("eval", "v\n");
    list("test", "t\n");
  }

  fs::path npy(const std::string& name, const char* of) const {
    return folder_.path() / "npy" / fmt::format("{}_{}.npy", name, of);
  }
  void write_case(const std::string& name) const {
    write_npy(npy(name, "image"), "<f4", pair_image());
    write_npy(npy(name, "label"), "|i1",
              at::arange(24).remainder(3).to(at::kChar).reshape({2, 3, 4}));
  }
  void list(const std::string& name, const std::string& text) const {
    write_file(folder_.path() / "split_txts" / (name + ".txt"), text);
  }
  std::unique_ptr<DatasetSource> open(const std::string& more = "") const {
    return DatasetRegistry::instance()
        .find("numpy_pairs")
        .make(parse_config(fmt::format(
            "root = \"{}\"\nclasses = ['background', 'x', 'y']\nlabelled_list = 'labeled'\n"
            "unlabelled_list = 'unlabeled'\nval_list = 'eval'\ntest_list = 'test'\n"
            "patient_mark = '_sa_'\n{}",
            folder_.path().string(), more)));
  }

  TemporaryFolder folder_;
};

TEST_F(NumpyTree, LabelledPatientsComeFirstInOrderOfNames) {
  const auto pairs = open();
  std::vector<std::string> names;
  for (const auto& one : pairs->cases()) names.push_back(one.id);
  EXPECT_EQ(names, (std::vector<std::string>{"a_sa_0", "b_sa_0", "b_sa_1", "c", "v", "t"}));
  const LabelBudget budget = resolve_budget(pairs->training_samples(3), pairs->cases(), "2");
  EXPECT_EQ(budget.patients, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(budget.unlabelled.size(), 1u);
}

TEST_F(NumpyTree, VolumesAreScaledToOne) {
  const auto pairs = open();
  const Volume volume = pairs->load(0);
  EXPECT_TRUE(at::allclose(volume.image[0], pair_image() / 23));
  EXPECT_EQ(volume.label.scalar_type(), at::kByte);
  EXPECT_FALSE(volume.has_spacing);
  EXPECT_FALSE(pairs->load(3).label.defined());
  EXPECT_TRUE(at::allclose(open("[intensity]\nclip = [0, 10]")->load(0).image[0],
                           pair_image().clamp(0, 10) / 10));
}

TEST_F(NumpyTree, SlicesFollowTheAxialAxis) {
  EXPECT_EQ(open()->training_samples(2).size(), 8u);
  const auto pairs = open("axial_axis = 2");
  const auto samples = pairs->training_samples(2);
  ASSERT_EQ(samples.size(), 16u);
  EXPECT_TRUE(
      at::allclose(pairs->load_sample(samples[3]).image[0], pair_image().select(2, 3) / 23));
}

TEST_F(NumpyTree, SeveralChannelsAreTheFirstAxis) {
  for (const char* name : {"b_sa_1", "b_sa_0", "a_sa_0", "v", "t", "c"})
    write_npy(npy(name, "image"), "<f4", at::stack({pair_image(), 2 * pair_image()}));
  const auto pairs = open("channels = 2");
  EXPECT_EQ(pairs->load(0).image.sizes(), (at::IntArrayRef{2, 2, 3, 4}));
  EXPECT_EQ(pairs->training_samples(2).size(), 8u);
  expect_error(ErrorKind::kData, {"a_sa_0_image.npy", "1 channel(s)"}, [&] { open()->load(0); });
}

TEST_F(NumpyTree, MissingThingsAreNamed) {
  fs::remove(npy("v", "label"));
  expect_error(ErrorKind::kData, {"eval.txt:1", "v_label.npy"}, [&] { open(); });
  list("eval", "a_sa_7\n");
  write_case("a_sa_7");
  expect_error(ErrorKind::kData, {"patient 'a'", "train", "val"}, [&] { open(); });
  fs::remove(folder_ / "split_txts/test.txt");
  list("eval", "t\n");
  expect_error(ErrorKind::kData, {"test.txt"}, [&] { open(); });
  fs::remove_all(folder_ / "npy");
  expect_error(ErrorKind::kData, {"folder of NumPy pairs", "npy"}, [&] { open(); });
}

TEST_F(NumpyTree, BadContentsAreNamedWithTheFile) {
  write_npy(npy("a_sa_0", "label"), "|i1", at::full({2, 3, 4}, -1, at::kChar));
  write_npy(npy("b_sa_0", "label"), "|i1", at::zeros({2, 4, 3}, at::kChar));
  write_npy(npy("b_sa_1", "image"), "<f4", at::full({2, 3, 4}, NAN));
  write_npy(npy("v", "image"), "<f4", at::ones({2, 3, 4}));
  const auto pairs = open();
  expect_error(ErrorKind::kData, {"a_sa_0_label.npy", "0 to 2", "-1"}, [&] { pairs->load(0); });
  expect_error(ErrorKind::kData, {"b_sa_0", "differ in shape"}, [&] { pairs->load(1); });
  expect_error(ErrorKind::kData, {"b_sa_1", "not finite"}, [&] { pairs->load(2); });
  expect_error(ErrorKind::kData, {"v_image.npy", "constant"}, [&] { pairs->load(4); });
}

TEST_F(NumpyTree, ClassesMustBeNamed) {
  expect_error(ErrorKind::kConfig, {"classes", "background"}, [&] {
    DatasetRegistry::instance()
        .find("numpy_pairs")
        .make(parse_config("root = 'x'\nlabelled_list = 'labeled'"));
  });
}

}  // namespace
}  // namespace semiseg
