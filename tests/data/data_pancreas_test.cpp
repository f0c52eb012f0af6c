// SPDX-License-Identifier: Apache-2.0
// Pancreas-CT in its two forms, on small trees.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/label_budget.h"
#include "tests/support/acdc_tree.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

at::Tensor scan() { return at::arange(4 * 5 * 3, at::kFloat).reshape({4, 5, 3}) / 59; }
at::Tensor organ() { return at::arange(4 * 5 * 3).remainder(2).to(at::kByte).reshape({4, 5, 3}); }

// Scans 3 and 1 train, 2 tests.
class PancreasTree : public testing::Test {
 protected:
  void write(const std::string& folder, const std::string& before, const std::string& behind) {
    for (const char* id : {"0001", "0002", "0003"})
      write_pair(folder_.path() / folder / (before + id + behind + ".h5"), scan(), organ());
  }
  void write_resampled() { write("Pancreas_h5", "image", "_norm"); }
  void write_released() { write("data", "", ""); }
  void list(const std::string& name, const std::string& text) const {
    write_file(folder_ / name, text);
  }
  std::unique_ptr<DatasetSource> open(const std::string& more = "") const {
    return DatasetRegistry::instance()
        .find("pancreas")
        .make(parse_config("root = \"" + folder_.path().string() + "\"\n" + more));
  }

  TemporaryFolder folder_;
};

TEST_F(PancreasTree, TheFormOfMcNetHasMillimetres) {
  write_resampled();
  list("train.list", "image0003\nimage0001\n");
  list("test.list", "image0002\n");
  const auto pancreas = open();
  ASSERT_EQ(pancreas->cases().size(), 3u);
  EXPECT_EQ(pancreas->cases()[0].id, "0003");
  EXPECT_EQ(pancreas->cases()[2].split, Split::kTest);
  EXPECT_TRUE(pancreas->info().label_based_preparation);
  EXPECT_NE(pancreas->info().preparation.find("zscore"), std::string::npos);
  EXPECT_EQ(resolve_budget(pancreas->training_samples(3), pancreas->cases(), "1").patients,
            std::vector<std::string>{"0003"});
  const Volume volume = pancreas->load(1);
  EXPECT_TRUE(at::equal(volume.image[0], scan()));
  EXPECT_TRUE(at::equal(volume.label, organ()));
  EXPECT_TRUE(volume.has_spacing);
  EXPECT_EQ(pancreas->training_samples(2).size(), 6u) << "slices lie along the last axis";
}

TEST_F(PancreasTree, TheFormOfBcpHasVoxels) {
  write_released();
  list("train.list", "0003\n0001\n");
  list("test.list", "0002\n");
  const auto pancreas = open("validation = 1");
  EXPECT_FALSE(pancreas->load(0).has_spacing);
  EXPECT_NE(pancreas->info().preparation.find("minmax"), std::string::npos);
  EXPECT_EQ(pancreas->cases()[1].split, Split::kVal);
}

TEST_F(PancreasTree, BadInputHasOneMessage) {
  expect_error(ErrorKind::kData, {"form of Pancreas-CT", "neither"}, [&] { open(); });
  write_released();
  list("test.list", "0002\n");
  expect_error(ErrorKind::kData, {"train.list", "neither"}, [&] { open(); });
  list("train.list", "0003\n0004\n");
  expect_error(ErrorKind::kData, {"train.list:2", "0004.h5"}, [&] { open(); });
  list("train.list", "0003\n0002\n");
  expect_error(ErrorKind::kData, {"case '0002'", "train", "test"}, [&] { open(); });
  list("train.list", "0003\n0001\n");
  write_pair(folder_.path() / "data/0003.h5", scan(), organ() * 2);
  expect_error(ErrorKind::kData, {"0003.h5", "0 to 1", "2"}, [&] { open()->load(0); });
  write_resampled();
  expect_error(ErrorKind::kData, {"form of Pancreas-CT", "both"}, [&] { open(); });
}

}  // namespace
}  // namespace semiseg
