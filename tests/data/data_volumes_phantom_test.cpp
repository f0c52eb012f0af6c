// SPDX-License-Identifier: Apache-2.0
// The generated 3-D sets: reproducible from any thread, every organ there, volumes as unequal as
// real ones.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "datasets/phantom/abdomen_phantom_organs.h"
#include "datasets/phantom/phantom_signal.h"
#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_store.h"
#include "framework/data/label_budget.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::unique_ptr<DatasetSource> make(const std::string& name, const fs::path& root,
                                    const std::string& options) {
  return DatasetRegistry::instance().find(name).make(
      parse_config("root = \"" + root.string() + "\"\n" + options));
}

const std::string kFew = "patients_train = 3\npatients_val = 1\npatients_test = 1\n";

std::vector<std::string> hashes(const DatasetSource& source) {
  std::vector<std::string> result;
  for (size_t i = 0; i < source.cases().size(); ++i) result.push_back(voxel_hash(source.load(i)));
  return result;
}

// Returns the volume of each class in a case.
std::vector<double> millilitres(const Volume& volume, int64_t classes) {
  const at::Tensor count = volume.label.flatten().bincount({}, classes);
  const double voxel = volume.spacing_mm[0] * volume.spacing_mm[1] * volume.spacing_mm[2] / 1000;
  std::vector<double> result;
  for (int64_t k = 0; k < classes; ++k)
    result.push_back(static_cast<double>(count[k].item<int64_t>()) * voxel);
  return result;
}

TEST(AbdomenPhantom, LabelsTheOrgansThatAreAskedFor) {
  const TemporaryFolder folder;
  const std::string one =
      "patients_train = 1\npatients_val = 1\npatients_test = 1\nslices = 24\n"
      "size = 64\nmodality = \"ct\"\n";
  const auto whole = make("abdomen_phantom", folder / "all", one),
             two =
                 make("abdomen_phantom", folder / "two", one + "organs = [\"liver\", \"spleen\"]");
  EXPECT_EQ(two->info().classes, (std::vector<std::string>{"background", "liver", "spleen"}));
  const Volume all = whole->load(0), chosen = two->load(0);
  EXPECT_TRUE(at::equal(all.image, chosen.image));
  EXPECT_TRUE(at::equal(chosen.label == 1, all.label == 6));
  EXPECT_TRUE(at::equal(chosen.label == 2, all.label == 1));
  EXPECT_THROW(make("abdomen_phantom", folder / "no", one + "organs = [\"heart\"]"), Error);
}

// Both sets, small, made once.
class VolumePhantoms : public testing::TestWithParam<std::string> {
 protected:
  static std::string options(const std::string& name) {
    return kFew +
           (name == "atrium_phantom" ? "slices = 16\nsize = 48\n" : "slices = 24\nsize = 64\n");
  }
  static fs::path root() {
    static const TemporaryFolder folder;
    return folder / "cache";
  }
  static const DatasetSource& source(const std::string& name) {
    static std::map<std::string, std::unique_ptr<DatasetSource>> made;
    auto& one = made[name];
    if (!one) one = make(name, root(), options(name));
    return *one;
  }
};

TEST_P(VolumePhantoms, TheSameSeedGivesTheSameBitsWithOneThreadAndWithMany) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto alone = hashes(*make(GetParam(), root() / "one", options(GetParam())));
  at::set_num_threads(4);
  const auto together = hashes(*make(GetParam(), root() / "four", options(GetParam())));
  at::set_num_threads(threads);
  EXPECT_EQ(alone, together);
  EXPECT_EQ(alone, hashes(source(GetParam())));
}

TEST_P(VolumePhantoms, AnotherSeedGivesOtherVoxels) {
  const auto first = hashes(source(GetParam()));
  const auto second = hashes(*make(GetParam(), root() / "other", options(GetParam()) + "seed = 1"));
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NE(first[i], second[i]);
}

TEST_P(VolumePhantoms, VoxelsAreNormalisedAndLongerAcrossTheSlices) {
  for (size_t i = 0; i < source(GetParam()).cases().size(); ++i) {
    const Volume volume = source(GetParam()).load(i);
    EXPECT_EQ(volume.image.min().item<float>(), 0);
    EXPECT_EQ(volume.image.max().item<float>(), 1);
    ASSERT_TRUE(volume.has_spacing);
    EXPECT_GT(volume.spacing_mm[0], 1.2 * volume.spacing_mm[1]);
    EXPECT_EQ(volume.spacing_mm[1], volume.spacing_mm[2]);
  }
}

TEST_P(VolumePhantoms, EveryCaseHasEveryClass) {
  const DatasetSource& set = source(GetParam());
  const auto classes = static_cast<int64_t>(set.info().classes.size());
  for (size_t i = 0; i < set.cases().size(); ++i) {
    const auto volumes = millilitres(set.load(i), classes);
    for (int64_t k = 0; k < classes; ++k)
      EXPECT_GT(volumes[k], 0) << set.info().classes[k] << " in " << set.cases()[i].id;
  }
}

TEST_P(VolumePhantoms, TrainingSamplesAreSlicesOrWholeVolumes) {
  const DatasetSource& set = source(GetParam());
  const int64_t cases = GetParam() == "atrium_phantom" ? 3 : 6;
  EXPECT_EQ(std::ssize(set.training_samples(3)), cases);
  EXPECT_EQ(std::ssize(set.training_samples(2)), cases * set.load(0).label.size(0));
}

INSTANTIATE_TEST_SUITE_P(Sets, VolumePhantoms, testing::Values("atrium_phantom", "abdomen_phantom"),
                         [](const auto& info) { return info.param; });

TEST_F(VolumePhantoms, AnAtriumHasTheVolumeOfAnAtriumAndIsBrighterThanItsWall) {
  const DatasetSource& set = source("atrium_phantom");
  for (size_t i = 0; i < set.cases().size(); ++i) {
    const Volume volume = set.load(i);
    const double cavity = millilitres(volume, 2)[1];
    EXPECT_GT(cavity, 40) << set.cases()[i].id;
    EXPECT_LT(cavity, 200) << set.cases()[i].id;
    const at::Tensor inside = volume.label.eq(1);
    EXPECT_GT(volume.image[0].masked_select(inside).mean().item<float>(),
              1.3 * volume.image[0].masked_select(inside.logical_not()).mean().item<float>());
  }
}

// The numbers that methods for unequal classes weigh them by.
TEST_F(VolumePhantoms, TheVoxelsOfALabelledPoolAreCountedByClass) {
  const DatasetSource& set = source("abdomen_phantom");
  const Pools pools = pools_of(resolve_budget(set.training_samples(2), set.cases(), "2"));
  const auto counts = class_voxels(set, pools, "labelled");
  at::Tensor expected = at::zeros({14}, at::kLong);
  for (size_t i = 0; i < 4; ++i)  // two patients, each seen twice
    expected += set.load(i).label.flatten().bincount({}, 14);
  EXPECT_TRUE(at::equal(at::tensor(counts), expected)) << expected;
  EXPECT_GT(*std::max_element(counts.begin() + 1, counts.end()),
            100 * *std::min_element(counts.begin(), counts.end()));
  expect_error(ErrorKind::kConfig, {"'unlabelled' is hidden"},
               [&] { class_voxels(set, pools, "unlabelled"); });
  expect_error(ErrorKind::kConfig, {"no pool", "'unlabeled'"},
               [&] { class_voxels(set, pools, "unlabeled"); });
}

// The mean of a few bodies against the ratios that the anatomy documents.
TEST_F(VolumePhantoms, OrgansAreAsUnequalAsInAbdomens) {
  const DatasetSource& set = source("abdomen_phantom");
  std::map<std::string, double> mean;
  for (size_t i = 0; i < set.cases().size(); ++i) {
    const auto volumes = millilitres(set.load(i), 14);
    for (int64_t k = 1; k < 14; ++k)
      mean[set.info().classes[k]] += volumes[k] / static_cast<double>(set.cases().size());
  }
  const std::map<std::string, double> documented = {{"liver", 1250},
                                                    {"stomach", 250},
                                                    {"spleen", 170},
                                                    {"left_kidney", 140},
                                                    {"right_kidney", 140},
                                                    {"pancreas", 65},
                                                    {"aorta", 70},
                                                    {"inferior_vena_cava", 70},
                                                    {"portal_and_splenic_veins", 20},
                                                    {"gallbladder", 22},
                                                    {"esophagus", 12},
                                                    {"right_adrenal_gland", 2.5},
                                                    {"left_adrenal_gland", 2.5}};
  for (const auto& [organ, expected] : documented) {
    EXPECT_GT(mean[organ], 0.6 * expected) << organ;
    EXPECT_LT(mean[organ], 1.6 * expected) << organ;
  }
  EXPECT_GT(mean["liver"], 200 * mean["left_adrenal_gland"]);
  EXPECT_GT(mean["liver"], 5 * mean["spleen"]);
}

TEST_F(VolumePhantoms, TwoModalitiesShowOneAnatomyInDifferentImages) {
  const DatasetSource& set = source("abdomen_phantom");
  for (size_t i = 0; i + 1 < set.cases().size(); i += 2) {
    EXPECT_EQ(set.cases()[i].patient, set.cases()[i + 1].patient);
    EXPECT_EQ(set.cases()[i].domain, "ct");
    EXPECT_EQ(set.cases()[i + 1].domain, "mr");
    const Volume ct = set.load(i), mr = set.load(i + 1);
    EXPECT_TRUE(ct.label.equal(mr.label));
    const auto mean = [](const Volume& volume, int64_t label) {
      return volume.image[0].masked_select(volume.label.eq(label)).mean().item<double>();
    };
    EXPECT_GT(mean(ct, 1), mean(ct, 6));  // the spleen is brighter than the liver in CT,
    EXPECT_LT(mean(mr, 1), mean(mr, 6));  // and darker in T1
  }
}

TEST_F(VolumePhantoms, OneModalityAloneHasOneCaseAPatientWithTheSameVoxels) {
  const auto ct =
      make("abdomen_phantom", root() / "ct", options("abdomen_phantom") + "modality = \"ct\"\n");
  ASSERT_EQ(ct->cases().size(), 5u);
  EXPECT_EQ(voxel_hash(ct->load(0)), voxel_hash(source("abdomen_phantom").load(0)));
}

TEST(PhantomSignal, BlurKeepsAConstantAndSpreadsAPointAlongItsAxisOnly) {
  std::vector<float> flat(2 * 3 * 4, 0.5f);
  phantom::blur(flat, {2, 3, 4}, {1, 0.7, 2});
  for (const float value : flat) EXPECT_FLOAT_EQ(value, 0.5f);
  std::vector<float> point(3 * 5, 0.f);
  point[1 * 5 + 2] = 1;
  phantom::blur(point, {3, 5}, {0, 0.5});
  // exp(-2) and exp(-8), the weights one and two pixels away, over their sum.
  const double one = std::exp(-2.0), two = std::exp(-8.0), sum = 1 + 2 * one + 2 * two;
  EXPECT_NEAR(point[7], 1 / sum, 1e-7);
  EXPECT_NEAR(point[6], one / sum, 1e-7);
  EXPECT_NEAR(point[9], two / sum, 1e-7);
  EXPECT_EQ(point[2], 0);
}

TEST(PhantomSignal, AVolumesFirstSliceIsItsFirstPlane) {
  DrawSequence one(1, 2), two(1, 2);
  const phantom::SmoothVolume volume(4, 2, 8, 3, one);
  const phantom::SmoothField field(8, 3, two);
  for (int64_t row = 0; row < 8; ++row) EXPECT_EQ(volume.at(0, row, 5), field.at(row, 5));
}

TEST(PhantomSolid, DistancesOfABallAndATubeAreExact) {
  const phantom::Solid ball{{{{1, 0, 0}, {2, 2, 2}}}, {}};
  EXPECT_NEAR(ball.distance({4, 0, 0}), 1, 1e-12);
  EXPECT_NEAR(ball.distance({1, 1, 0}), -1, 1e-12);
  const phantom::Solid tube{{}, {{{{0, 0, 0}, 1}, {{0, 0, 10}, 2}}}};
  EXPECT_NEAR(tube.distance({5, 0, 5}), 3.5, 1e-12);
  EXPECT_NEAR(tube.distance({0, 0, 14}), 2, 1e-12);
}

}  // namespace
}  // namespace semiseg
