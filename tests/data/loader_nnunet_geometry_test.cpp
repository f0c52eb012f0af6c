// SPDX-License-Identifier: Apache-2.0
// The geometry of nnU-Net: how often patches turn, how far, and where they lie.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "framework/config/compose.h"
#include "framework/data/transforms/transforms.h"
#include "tests/data/random_samples.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

TransformOptions geometry(std::vector<int64_t> patch, const std::string& options = "") {
  return TransformOptions::read(parse_config("kind = 'nnunet'\n" + options), std::move(patch));
}

std::vector<AffineGeometry> drawn(const TransformOptions& options, const at::Tensor& image,
                                  const at::Tensor& label = {}) {
  std::vector<AffineGeometry> all;
  for (int sample = 0; sample < kSamples; ++sample) {
    DrawSequence numbers = numbers_of(sample);
    all.push_back(draw_parameters(options, image, label, numbers).affine);
  }
  return all;
}

TEST(NnunetGeometry, RotatesScalesAndMirrorsAsOftenAndAsFarAsTheReference) {
  int rotated = 0, scaled = 0, mirrored = 0;
  double degrees = 0, least = 9, most = 0;
  std::set<int64_t> offsets;
  for (const AffineGeometry& g : drawn(geometry({4, 6, 8}), at::zeros({1, 7, 9, 8}))) {
    rotated += g.degrees != std::array<double, 3>{} ? 1 : 0;
    scaled += g.scale[0] != 1 ? 1 : 0;
    mirrored += g.mirrored[1] ? 1 : 0;
    for (const double d : g.degrees) degrees = std::max(degrees, std::abs(d));
    EXPECT_TRUE(g.scale[0] == g.scale[1] && g.scale[1] == g.scale[2]);
    least = std::min(least, g.scale[0]);
    most = std::max(most, g.scale[0]);
    offsets.insert(g.offset[0]);
    EXPECT_EQ(g.offset[2], 0);
  }
  expect_share(0.2, rotated, "rotated");
  expect_share(0.2, scaled, "scaled");
  expect_share(0.5, mirrored, "mirrored");
  EXPECT_EQ(offsets, (std::set<int64_t>{0, 1, 2, 3}));
  EXPECT_LE(degrees, 30);
  EXPECT_GT(degrees, 28);
  EXPECT_GE(least, 0.7);
  EXPECT_LT(least, 0.73);
  EXPECT_LE(most, 1.4);
  EXPECT_GT(most, 1.37);
}

TEST(NnunetGeometry, TheShapeOfThePatchDecidesTheRotation) {
  EXPECT_EQ(largest_rotation({64, 64, 64}), 30);
  EXPECT_EQ(largest_rotation({16, 64, 64}), 180);
  EXPECT_EQ(largest_rotation({256, 256}), 180);
  EXPECT_EQ(largest_rotation({256, 128}), 15);
  for (const AffineGeometry& g : drawn(geometry({2, 8, 8}), at::zeros({1, 4, 8, 8}))) {
    EXPECT_EQ(g.degrees[1], 0);
    EXPECT_EQ(g.degrees[2], 0);
    EXPECT_EQ(g.scale[0], 1);
  }
}

TEST(NnunetGeometry, WithoutRotationItIsACropAndAMirrorImage) {
  const TransformOptions options = geometry(
      {4, 5, 6}, "rotation_probability = 0\nscaling_probability = 0\nmirror_axes = [0, 2]");
  const at::Tensor image = ramp({2, 7, 9, 5});
  const at::Tensor label = at::arange(7 * 9 * 5).remainder(4).to(at::kByte).view({7, 9, 5});
  for (int sample = 0; sample < 40; ++sample) {
    DrawSequence numbers = numbers_of(sample);
    const TransformParameters p = draw_parameters(options, image, label, numbers);
    const auto& o = p.affine.offset;
    EXPECT_EQ(o[2], -1);  // one voxel of padding before, none behind
    std::vector<int64_t> flips;
    for (int64_t axis = 0; axis < 3; ++axis)
      if (p.affine.mirrored[static_cast<size_t>(axis)]) flips.push_back(axis);
    const auto expected = [&](const at::Tensor& x, int64_t first) {
      std::vector<int64_t> axes;
      for (const int64_t axis : flips) axes.push_back(axis + first);
      return at::constant_pad_nd(x, {1, 0})
          .slice(first, o[0], o[0] + 4)
          .slice(first + 1, o[1], o[1] + 5)
          .flip(axes);
    };
    const TransformedSample got = apply(options, p, image, label);
    EXPECT_TRUE(at::equal(got.image, expected(image, 1))) << sample;
    EXPECT_TRUE(at::equal(got.label, expected(label, 0))) << sample;
    EXPECT_FALSE(p.affine.mirrored[1]);
  }
}

// A quarter-turn of a slice and of the plane of each axis of a volume.
TEST(NnunetGeometry, QuarterTurnsMatchTheLibrary) {
  const at::Tensor slice = ramp({1, 5, 5}), volume = ramp({1, 5, 5, 5});
  const AffineGeometry quarter{.degrees = {90, 0, 0}};
  EXPECT_TRUE(
      at::allclose(sample_linear(quarter, {5, 5}, slice), slice.rot90(-1, {1, 2}), 1e-5, 1e-5) ||
      at::allclose(sample_linear(quarter, {5, 5}, slice), slice.rot90(1, {1, 2}), 1e-5, 1e-5));
  const std::vector<std::vector<int64_t>> planes = {{2, 3}, {1, 3}, {1, 2}};
  for (size_t axis = 0; axis < 3; ++axis) {
    AffineGeometry g;
    g.degrees[axis] = 90;
    const at::Tensor got = sample_linear(g, {5, 5, 5}, volume);
    const at::Tensor left = volume.rot90(1, planes[axis]), right = volume.rot90(-1, planes[axis]);
    EXPECT_TRUE(at::allclose(got, left, 1e-5, 1e-5) || at::allclose(got, right, 1e-5, 1e-5))
        << axis;
  }
}

TEST(NnunetGeometry, ALabelFollowsItsImage) {
  const TransformOptions options =
      geometry({24, 20}, "rotation_probability = 1\nscaling_probability = 1");
  const at::Tensor y = at::arange(40, at::kFloat).unsqueeze(1), x = at::arange(36, at::kFloat);
  // A disc of radius 8 in an image that falls with the distance from its centre: 0 is outside.
  const at::Tensor distance = ((y - 22).square() + (x - 15).square()).sqrt();
  const at::Tensor image = (50 - distance).unsqueeze(0).contiguous();
  const at::Tensor label = (distance <= 8).to(at::kByte).contiguous();
  // The nearest pixel is at most half of a diagonal away.
  const double inner = 50 - 7.25, outer = 50 - 8.75;
  for (int sample = 0; sample < 40; ++sample) {
    DrawSequence numbers = numbers_of(sample);
    const TransformedSample got =
        apply(options, draw_parameters(options, image, label, numbers), image, label);
    EXPECT_FALSE(((got.image[0] > inner) & (got.label == 0)).any().item<bool>()) << sample;
    EXPECT_FALSE(((got.image[0] < outer) & (got.label == 1)).any().item<bool>()) << sample;
    EXPECT_TRUE((got.label == 1).any().item<bool>()) << sample;
  }
}

TEST(NnunetGeometry, AThirdOfLabelledPatchesHoldsTheForeground) {
  const TransformOptions options = geometry({4, 4});
  const at::Tensor image = at::zeros({1, 60, 60});
  at::Tensor label = at::zeros({60, 60}, at::kByte);
  label[30][41] = 1;
  label[50][2] = 2;
  const auto holds = [](const AffineGeometry& g, int64_t y, int64_t x) {
    return y >= g.offset[0] && y < g.offset[0] + 4 && x >= g.offset[1] && x < g.offset[1] + 4;
  };
  int first = 0, second = 0, without = 0;
  for (const AffineGeometry& g : drawn(options, image, label)) {
    first += holds(g, 30, 41) ? 1 : 0;
    second += holds(g, 50, 2) ? 1 : 0;
  }
  for (const AffineGeometry& g : drawn(options, image)) without += holds(g, 30, 41) ? 1 : 0;
  const double by_chance = 16.0 / (57 * 57);
  expect_share(1.0 / 6 + by_chance, first, "one class");
  expect_share(1.0 / 6 + by_chance, second, "the other");
  EXPECT_LT(without, 12);
}

TEST(NnunetGeometry, AnAxisThatThePatchLacksIsRefused) {
  expect_error(ErrorKind::kConfig, {"mirror_axes", "axes below 2"}, [] {
    geometry({8, 8}, "mirror_axes = [2]");
  });
}

}  // namespace
}  // namespace semiseg
