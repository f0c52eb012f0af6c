// SPDX-License-Identifier: Apache-2.0
// 3-D training transforms (against the references in parity_cases_test), and the loader on volumes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "framework/data/transforms/color_jitter.h"
#include "framework/data/transforms/transforms.h"
#include "tests/support/fake_source.h"

namespace semiseg {
namespace {

using Branch = GeometryParameters::Branch;

TEST(VolumeTransform, PaddingOfTheSpecification) {
  // A side of 80 for a patch of 80: 3 at each end, 86, offsets 0 to 5; larger sides join in.
  EXPECT_EQ(crop_padding({80, 90, 82}, {80, 80, 80}, 3), (VolumeSize{3, 0, 2}));
  EXPECT_EQ(crop_padding({81, 81, 81}, {80, 80, 80}, 3), VolumeSize{});
  // GenericSSL: 32 for 32 becomes 34, 80 for 112 becomes 114.
  EXPECT_EQ(crop_padding({32, 80, 200}, {32, 112, 128}, 1), (VolumeSize{1, 17, 0}));
  EXPECT_EQ(centre_offset(6), 3);
  EXPECT_EQ(centre_offset(5), 2);  // 2.5
  EXPECT_EQ(centre_offset(7), 4);  // 3.5
}

TEST(VolumeTransform, EveryTurnFlipAndAxisMatchesTheLibrary) {
  const at::Tensor image = at::arange(2 * 60, at::kFloat).reshape({2, 3, 4, 5});
  for (int64_t axial = 0; axial < 3; ++axial) {
    const int64_t first = axial == 0 ? 2 : 1, second = axial == 2 ? 2 : 3;
    for (int64_t turns = 0; turns < 4; ++turns) {
      for (int64_t axis = 0; axis < 2; ++axis) {
        const at::Tensor expected =
            image.rot90(turns, {first, second}).flip({axis == 0 ? first : second});
        const TransformOptions options{.kind = "rot_flip_crop",
                                       .patch_size = expected.sizes().slice(1).vec(),
                                       .axial_axis = axial};
        const TransformParameters drawn{
            .placement = {
                .geometry = {.branch = Branch::kTurnFlip, .turns = turns, .flip_axis = axis}}};
        EXPECT_TRUE(at::equal(apply(options, drawn, image, {}).image, expected))
            << axial << " " << turns << " " << axis;
      }
    }
  }
}

TEST(VolumeTransform, ACropOfATurnedVolumeIsTurnedFirst) {
  const at::Tensor image = at::arange(6 * 9 * 11, at::kFloat).reshape({1, 6, 9, 11});
  const TransformOptions options{.kind = "rot_flip_crop", .patch_size = {4, 6, 5}};
  const TransformParameters drawn{
      .placement = {.geometry = {.branch = Branch::kTurnFlip, .turns = 1, .flip_axis = 1},
                    .crop = {.offset = {1, 4, 2}}}};
  const at::Tensor expected =
      image.rot90(1, {2, 3}).flip({3}).slice(1, 1, 5).slice(2, 4, 10).slice(3, 2, 7);
  EXPECT_TRUE(at::equal(apply(options, drawn, image, {}).image, expected));
}

TEST(VolumeTransform, OffsetsCoverAllThatTheReferenceDraws) {
  const TransformOptions options{.kind = "rot_flip_crop", .patch_size = {4, 8, 8}};
  std::vector<std::set<int64_t>> even(3), odd(3);
  for (int64_t i = 0; i < 2000; ++i) {
    DrawSequence numbers = Draws(3).at(0, 0).sequence("augment", i);
    const TransformParameters drawn = draw_parameters(options, {1, 6, 11, 13}, numbers);
    EXPECT_EQ(drawn.placement.crop.padding, VolumeSize{});
    auto& offsets = drawn.placement.geometry.turns % 2 == 0 ? even : odd;
    for (size_t axis = 0; axis < 3; ++axis) offsets[axis].insert(drawn.placement.crop.offset[axis]);
  }
  EXPECT_EQ(even, (std::vector<std::set<int64_t>>{{0, 1}, {0, 1, 2}, {0, 1, 2, 3, 4}}));
  EXPECT_EQ(odd, (std::vector<std::set<int64_t>>{{0, 1}, {0, 1, 2, 3, 4}, {0, 1, 2}}));
}

TEST(VolumeTransform, NoiseIsCutAndOnlyOnTheImage) {
  const TransformOptions options{.kind = "crop", .patch_size = {8, 8, 8}, .noise = 0.1};
  DrawSequence numbers = Draws(3).sequence("augment");
  const TransformParameters drawn = draw_parameters(options, {2, 9, 9, 9}, numbers);
  ASSERT_EQ(drawn.noise.size(), 2 * 512u);
  const at::Tensor label = at::ones({9, 9, 9}, at::kByte);
  const TransformedSample out = apply(options, drawn, at::zeros({2, 9, 9, 9}), label);
  EXPECT_NEAR(out.image.std().item<double>(), 0.0959, 0.01);  // a normal number cut at 2 sigma
  EXPECT_FLOAT_EQ(out.image.abs().max().item<float>(), 0.2f);
  EXPECT_EQ(out.label.sum().item<int64_t>(), 512);
}

TEST(VolumeTransform, TheStrongViewIsTheJitterBetweenSmallestAndLargestValue) {
  const at::Tensor image = at::tensor({-3.0f, 5.0f}).reshape({1, 1, 1, 2});
  // On [0, 1]: 0 and 1; brightness 0.5: 0, 0.5; contrast 0.5 about 0.25: 0.125, 0.375; times 8 - 3.
  const JitterParameters drawn{.brightness = 0.5, .contrast = 0.5};
  EXPECT_TRUE(
      at::allclose(jitter_in_range(drawn, image), at::tensor({-2.0f, 0.0f}).reshape({1, 1, 1, 2})));
  const at::Tensor flat = at::full({1, 1, 1, 2}, 7.0f);
  EXPECT_TRUE(at::equal(jitter_in_range(drawn, flat), flat));
}

TEST(VolumeTransform, OptionsAreReadAndChecked) {
  const TransformOptions defaults = TransformOptions::read(parse_config(""), {8, 8, 4}, 2);
  EXPECT_EQ(defaults.kind, "rot_flip_crop");
  EXPECT_EQ(defaults.axial_axis, 2);
  EXPECT_EQ(defaults.crop_margin, 3);
  EXPECT_EQ(TransformOptions::read(parse_config("kind = 'crop'\nnoise = 0.1"), {8, 8, 4}).noise,
            0.1);
  EXPECT_THROW(TransformOptions::read(parse_config("kind = 'bcp'"), {8, 8, 4}), Error);
  EXPECT_THROW(TransformOptions::read(parse_config("kind = 'crop'"), {8, 8}), Error);
  EXPECT_THROW(TransformOptions::read(parse_config("crop_margin = 0"), {8, 8, 4}), Error);
}

// FakeSource's patients as volumes of two channels; patient p has 5 + p slices, so that some are
// padded.
class FakeVolumes : public FakeSource {
 public:
  std::vector<SampleInfo> training_samples(int dims) const override {
    std::vector<SampleInfo> samples;
    for (size_t i = 0; i < cases().size() && dims == 3; ++i) samples.push_back({i, -1});
    return samples;
  }

  Sample load_sample(const SampleInfo& sample) const override {
    const Sample slice = FakeSource::load_sample(sample);
    const auto depth = static_cast<int64_t>(5 + sample.case_index);
    const at::Tensor image = at::cat({slice.image, 2 * slice.image}).unsqueeze(1);
    return {image.repeat({1, depth, 1, 1}), slice.label.unsqueeze(0).repeat({depth, 1, 1})};
  }
};

LoaderParts volume_parts(const FakeVolumes& source, int64_t first_step = 0, int64_t cache_mb = 64,
                         const std::string& kind = "rot_flip_crop") {
  const Pools pools = pools_of(resolve_budget(source.training_samples(3), source.cases(), "4"));
  const std::vector<std::string> views = {"weak", "strong"};
  const std::vector<StreamPlan> streams = {
      {.name = "labelled", .pool = "labelled", .samples = 2, .views = views},
      {.name = "unlabelled", .pool = "unlabelled", .samples = 3, .views = views}};
  return {.samples = std::make_shared<SampleCache>(source, pools.samples, cache_mb),
          .plan = BatchPlan(pools, streams, Draws(5), 0),
          .slots = share(streams, {}, 0, 1),
          .transform = {.kind = kind, .patch_size = {8, 12, 16}, .noise = 0.1},
          .views = Views::defaults(),
          .draws = Draws(5),
          .first_step = first_step,
          .steps = 100};
}

std::vector<Batch> volume_batches(int64_t threads, int64_t first, int64_t last, int64_t cache_mb,
                                  const std::string& kind = "rot_flip_crop") {
  const FakeVolumes source;
  Loader loader(volume_parts(source, first, cache_mb, kind), {.threads = threads, .prefetch = 3});
  std::vector<Batch> result;
  for (int64_t step = first; step < last; ++step) result.push_back(loader.next());
  return result;
}

TEST(VolumeLoader, ThreadsCacheAndFirstStepDoNotChangeBatches) {
  for (const std::string kind : {"rot_flip_crop", "svda"}) {
    const auto alone = volume_batches(0, 0, 12, 64, kind);
    const auto expect_same = [&](const std::vector<Batch>& others, size_t first) {
      ASSERT_EQ(others.size() + first, alone.size());
      for (size_t i = 0; i < others.size(); ++i) {
        EXPECT_TRUE(at::equal(others[i].joined(), alone[first + i].joined())) << i;
        EXPECT_TRUE(at::equal(others[i].joined("strong"), alone[first + i].joined("strong"))) << i;
        EXPECT_TRUE(at::equal(others[i]["labelled"].label, alone[first + i]["labelled"].label))
            << i;
      }
    };
    expect_same(volume_batches(1, 0, 12, 64, kind), 0);
    expect_same(volume_batches(3, 0, 12, 64, kind), 0);
    expect_same(volume_batches(3, 0, 12, 0, kind), 0);
    expect_same(volume_batches(3, 5, 12, 64, kind), 5);
  }
}

TEST(VolumeLoader, BatchesHaveTheDocumentedShapes) {
  const Batch batch = volume_batches(1, 0, 1, 64)[0];
  EXPECT_EQ(batch.joined().sizes(), (at::IntArrayRef{5, 2, 8, 12, 16}));
  EXPECT_EQ(batch.joined("strong").sizes(), batch.joined().sizes());
  EXPECT_EQ(batch["labelled"].label.sizes(), (at::IntArrayRef{2, 8, 12, 16}));
  EXPECT_EQ(batch["labelled"].label.scalar_type(), at::kLong);
  const FakeVolumes source;
  LoaderParts parts = volume_parts(source);
  parts.slots = {3, 4};
  EXPECT_EQ(Loader(std::move(parts), {.threads = 1}).next()["labelled"].label.sizes(),
            (at::IntArrayRef{0, 8, 12, 16}));
}

TEST(VolumeLoader, PaddingIsSaidOnceInTheLog) {
  const FakeVolumes source;
  testing::internal::CaptureStderr();
  Loader loader(volume_parts(source), {.threads = 3});
  for (int step = 0; step < 6; ++step) loader.next();
  loader.stop();
  const std::string text = testing::internal::GetCapturedStderr();
  const size_t first = text.find("padded with zeros");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find("[8,12,16]"), std::string::npos) << text;
  EXPECT_EQ(text.find("padded with zeros", first + 1), std::string::npos) << text;
}

TEST(VolumeLoader, VolumesAreDecodedOnce) {
  const FakeVolumes source;
  Loader loader(volume_parts(source), {.threads = 3});
  for (int step = 0; step < 10; ++step) loader.next();
  for (size_t patient = 0; patient < 10; ++patient)
    EXPECT_EQ(source.decoded(patient), 1) << patient;
}

}  // namespace
}  // namespace semiseg
