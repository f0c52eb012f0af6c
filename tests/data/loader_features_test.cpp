// SPDX-License-Identifier: Apache-2.0
// Features of another program: read from files, and moved as the image is.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "framework/config/compose.h"
#include "framework/data/archive/case_features.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_source.h"
#include "tests/support/npy_writer.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

// Patients as volumes [1,4,20,24], or as their slices.
class Scans : public FakeSource {
 public:
  explicit Scans(int dims) : dims_(dims) {}
  std::vector<SampleInfo> training_samples(int) const override {
    std::vector<SampleInfo> samples;
    for (size_t i = 0; i < cases().size(); ++i) samples.push_back({i, dims_ == 2 ? 2 : -1});
    return samples;
  }
  Sample load_sample(const SampleInfo& sample) const override {
    const Sample slice = FakeSource::load_sample(sample);
    if (dims_ == 2) return slice;
    return {slice.image.unsqueeze(1) + at::arange(4, at::kFloat).view({1, 4, 1, 1}),
            slice.label.unsqueeze(0).repeat({4, 1, 1})};
  }

 private:
  int dims_;
};

// Twice and three times the image, so that geometry that differs from the image's shows.
at::Tensor features_of(const at::Tensor& image) { return at::cat({2 * image, 3 * image}); }

LoaderParts parts_with(const Scans& source, int dims, const SampleCache::LoadFeatures& features,
                       const TransformOptions& transform) {
  const Pools pools = pools_of(resolve_budget(source.training_samples(dims), source.cases(), "4"));
  const std::vector<std::string> views = {"weak", "features"};
  const std::vector<StreamPlan> streams = {
      {.name = "labelled", .pool = "labelled", .samples = 2, .views = {"weak"}},
      {.name = "unlabelled", .pool = "unlabelled", .samples = 3, .views = views}};
  return {.samples = std::make_shared<SampleCache>(source, pools.samples, 64, features),
          .plan = BatchPlan(pools, streams, Draws(5), 0),
          .slots = share(streams, {}, 0, 1),
          .transform = transform,
          .views = Views::defaults(),
          .draws = Draws(5),
          .steps = 40};
}

void expect_moved_alike(int dims, const TransformOptions& transform) {
  const Scans source(dims);
  Loader loader(
      parts_with(
          source, dims,
          [](const SampleInfo&, const at::Tensor& image) { return features_of(image); }, transform),
      {.threads = 1});
  for (int step = 0; step < 12; ++step) {
    const Batch batch = loader.next();
    const Stream& stream = batch["unlabelled"];
    const at::Tensor image = stream.image(), features = stream.image("features");
    ASSERT_EQ(features.size(1), 2);
    EXPECT_TRUE(at::allclose(features, at::cat({2 * image, 3 * image}, 1))) << step;
    EXPECT_EQ(stream.placements("features"), stream.placements());
  }
}

TEST(Features, MoveAsSlicesDo) {
  for (const char* kind : {"random_generator", "bcp", "weak_strong", "none", "nnunet"})
    expect_moved_alike(2, {.kind = kind, .patch_size = {16, 16}});
}

TEST(Features, MoveAsVolumesDo) {
  for (const char* kind : {"rot_flip_crop", "crop", "none", "nnunet"})
    expect_moved_alike(3, {.kind = kind, .patch_size = {8, 12, 16}});
}

// Noise is of the image.
TEST(Features, HaveNoNoise) {
  const Scans source(3);
  const auto ones = [](const SampleInfo&, const at::Tensor& image) { return at::ones_like(image); };
  Loader loader(
      parts_with(source, 3, ones, {.kind = "crop", .patch_size = {4, 12, 16}, .noise = 1}),
      {.threads = 0});
  const at::Tensor features = loader.next()["unlabelled"].image("features");
  EXPECT_TRUE(((features == 0) | (features == 1)).all().item<bool>());
}

TEST(Features, CountInTheBoundOfTheCache) {
  const Scans source(2);
  const auto large = [](const SampleInfo&, const at::Tensor&) {
    return at::zeros({400, 20, 24});  // 750 KiB
  };
  SampleCache cache(source, source.training_samples(2), 1, large);
  for (size_t i = 0; i < cache.size(); ++i) EXPECT_EQ(cache.get(i).features.size(0), 400);
  EXPECT_GT(cache.bytes(), 700 << 10);
  EXPECT_LE(cache.bytes(), 1 << 20);
}

// Files of scan0 (HDF5) and scan1 (NumPy), [2,4,20,24]; slices along D.
class FeatureFiles : public testing::Test {
 protected:
  FeatureFiles() {
    Hdf5File file = Hdf5File::create(folder_ / "scan0.h5");
    file.write("features", array_);
    file.close();
    write_npy(folder_ / "scan1.npy", "<f2", array_.to(at::kHalf));
  }
  at::Tensor load(size_t index, int64_t slice, at::IntArrayRef image) const {
    return CaseFeatures(folder_.path(), source_.cases(), /*axial_axis=*/0)
        .load({index, slice}, at::zeros(image));
  }

  TemporaryFolder folder_;
  FakeSource source_;
  at::Tensor array_ = at::arange(2 * 4 * 20 * 24, at::kFloat).remainder(512).view({2, 4, 20, 24});
};

TEST_F(FeatureFiles, AreReadWholeAndBySlices) {
  for (const size_t index : {0, 1}) {
    EXPECT_TRUE(at::equal(load(index, -1, {1, 4, 20, 24}), array_)) << index;
    for (const int64_t slice : {0, 3})
      EXPECT_TRUE(at::equal(load(index, slice, {1, 20, 24}), array_.select(1, slice))) << index;
  }
  const at::Tensor along_last =
      CaseFeatures(folder_.path(), source_.cases(), 2).load({1, 7}, at::zeros({1, 4, 20}));
  EXPECT_TRUE(at::equal(along_last, array_.select(3, 7)));
}

TEST_F(FeatureFiles, OneFeatureNeedsNoAxis) {
  write_npy(folder_ / "scan2.npy", "<f4", array_[0].contiguous());
  EXPECT_TRUE(at::equal(load(2, 1, {1, 20, 24}), array_.slice(0, 0, 1).select(1, 1)));
  EXPECT_TRUE(at::equal(load(2, -1, {1, 4, 20, 24}), array_.slice(0, 0, 1)));
}

TEST_F(FeatureFiles, AnotherGridIsRefusedWithBothShapes) {
  expect_error(ErrorKind::kData, {"another grid", "scan0.h5", "[1,4,10,12]", "[2,4,20,24]"}, [&] {
    load(0, -1, {1, 4, 10, 12});
  });
  expect_error(ErrorKind::kData, {"another grid", "scan1.npy", "[1,10,12]", "[2,4,20,24]"}, [&] {
    load(1, 0, {1, 10, 12});
  });
  expect_error(ErrorKind::kData, {"another grid", "slice 4", "[2,4,20,24]"}, [&] {
    load(1, 4, {1, 20, 24});
  });
}

TEST_F(FeatureFiles, AMissingFileAndFolderAreNamed) {
  expect_error(ErrorKind::kData, {"scan5", "no features", "scan5.h5 or scan5.npy"}, [&] {
    load(5, -1, {1, 4, 20, 24});
  });
  expect_error(ErrorKind::kData, {"dataset.features", "/no/such/folder"},
               [&] { CaseFeatures("/no/such/folder", source_.cases(), 0); });
  write_npy(folder_ / "scan6.npy", "<f4", at::zeros({20, 24}));
  expect_error(ErrorKind::kData, {"number of axes", "[20,24]"}, [&] { load(6, 0, {1, 20, 24}); });
}

TEST(Features, OfDifferentLengthAreNamed) {
  const Scans source(2);
  const auto uneven = [](const SampleInfo& sample, const at::Tensor& image) {
    return image.repeat({static_cast<int64_t>(1 + sample.case_index % 2), 1, 1});
  };
  Loader loader(parts_with(source, 2, uneven, {.kind = "none", .patch_size = {16, 16}}),
                {.threads = 0});
  expect_error(ErrorKind::kData,
               {"features of training samples differ in their number of channels"}, [&] {
                 for (int step = 0; step < 10; ++step) loader.next();
               });
}

TEST(Views, FeaturesAreNoViewOfTheConfiguration) {
  expect_error(ErrorKind::kConfig, {"dataset.features"},
               [] { Views::read(parse_config("[features]\nsteps = []")); });
}

}  // namespace
}  // namespace semiseg
