// SPDX-License-Identifier: Apache-2.0
// 2-D training transforms; against the references in parity_cases_test.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/data/transforms/color_jitter.h"
#include "framework/data/transforms/transforms.h"
#include "framework/data/transforms/zoom.h"

namespace semiseg {
namespace {

using Branch = GeometryParameters::Branch;
using Indices = std::vector<int64_t>;

TEST(Zoom, OneDimensionalExamplesOfTheSpecification) {
  EXPECT_EQ(zoom_indices(5, 8), (Indices{0, 1, 1, 2, 2, 3, 3, 4}));
  EXPECT_EQ(zoom_indices(8, 5), (Indices{0, 2, 4, 5, 7}));
  EXPECT_EQ(zoom_indices(1, 3), (Indices{0, 0, 0}));
  EXPECT_EQ(zoom_indices(3, 1), (Indices{0}));
}

TEST(Zoom, ClampReplacesOnlyTheLostEnd) {
  Indices reference = zoom_indices(256, 216, ZoomEdge::kReference);
  EXPECT_EQ(reference.back(), -1);
  reference.back() = 255;
  EXPECT_EQ(zoom_indices(256, 216, ZoomEdge::kClamp), reference);
}

TEST(Zoom, ReferenceEdgeIsFilledWithZero) {
  const at::Tensor zoomed = zoom_order0(at::ones({2, 256}), {216}, ZoomEdge::kReference);
  EXPECT_EQ(zoomed.sum().item<double>(), 2 * 215);
  EXPECT_EQ(zoom_order0(at::ones({2, 256}), {216}).sum().item<double>(), 2 * 216);
}

TEST(Geometry, EveryTurnAndFlipMatchesTheLibrary) {
  const at::Tensor image = at::arange(12, at::kFloat).reshape({1, 3, 4});
  for (int64_t turns = 0; turns < 4; ++turns) {
    for (int64_t axis = 0; axis < 2; ++axis) {
      const at::Tensor expected = image.rot90(turns, {1, 2}).flip({axis + 1});
      const TransformOptions options{.patch_size = {expected.size(1), expected.size(2)}};
      const TransformParameters drawn{
          .placement = {
              .geometry = {.branch = Branch::kTurnFlip, .turns = turns, .flip_axis = axis}}};
      EXPECT_TRUE(at::equal(apply(options, drawn, image, {}).image, expected))
          << turns << " " << axis;
    }
  }
}

TEST(Jitter, OrderMattersAndValuesAreClamped) {
  const at::Tensor image = at::tensor({0.2f, 0.6f}).reshape({1, 1, 2});
  // Brightness 1.5: 0.3, 0.9; contrast 0.5 about 0.6: 0.45, 0.75.
  const at::Tensor brightness_first = jitter({.brightness = 1.5, .contrast = 0.5}, image);
  EXPECT_TRUE(at::allclose(brightness_first, at::tensor({0.45f, 0.75f}).reshape({1, 1, 2})));
  // Brightness 2: 0.4, 1 (1.2 is cut); contrast 1.5 about 0.7: 0.25, 1 (1.15 is cut).
  const at::Tensor clamped = jitter({.brightness = 2, .contrast = 1.5}, image);
  EXPECT_TRUE(at::allclose(clamped, at::tensor({0.25f, 1.0f}).reshape({1, 1, 2})));
  // Contrast 1.5 about 0.4: 0.1, 0.7; brightness 2: 0.2, 1.
  const at::Tensor contrast_first =
      jitter({.contrast_first = true, .brightness = 2, .contrast = 1.5}, image);
  EXPECT_TRUE(at::allclose(contrast_first, at::tensor({0.2f, 1.0f}).reshape({1, 1, 2})));
}

TEST(StrongView, OfASliceWithinTheUnitIntervalIsTheJitterItself) {
  const at::Tensor image =
      0.2 + 0.5 * Draws(1).at(0, 0).uniform("x", {1, 8, 8}, {0}).squeeze(0).to(at::kFloat);
  const JitterParameters drawn{.brightness = 1.7, .contrast = 1.3};
  for (const at::Tensor& each : {image, at::zeros({1, 8, 8}), at::ones({1, 8, 8})})
    EXPECT_TRUE(at::equal(jitter_in_range(drawn, each), jitter(drawn, each)));
}

TEST(StrongView, OfASliceOutsideTheUnitIntervalKeepsItsRangeAndItsPixels) {
  const at::Tensor unit =
      Draws(1).at(0, 0).uniform("x", {1, 32, 32}, {0}).squeeze(0).to(at::kFloat);
  const double low = unit.min().item<double>(), range = unit.max().item<double>() - low;
  const at::Tensor scores = (unit - low) / range * 6.5 - 3.5;  // as z-scores: -3.5 to 3
  const JitterParameters drawn{.brightness = 0.8, .contrast = 0.7};
  const at::Tensor strong = jitter_in_range(drawn, scores);
  const at::Tensor expected = jitter(drawn, (unit - low) / range) * 6.5 - 3.5;
  EXPECT_TRUE(at::allclose(strong, expected, 1e-5, 1e-5));
  EXPECT_LT(strong.min().item<double>(), -2);
  EXPECT_EQ((strong == strong.min()).sum().item<int64_t>(), 1) << "no pixel is clamped";
  // One side outside is enough, and a flat image has no range.
  EXPECT_TRUE(at::allclose(jitter_in_range(drawn, scores + 3.5), strong + 3.5, 1e-5, 1e-5));
  const at::Tensor flat = at::full({1, 8, 8}, 2.f);
  EXPECT_TRUE(at::equal(jitter_in_range(drawn, flat), flat));
}

TEST(Transform, EveryChannelHasTheSameGeometry) {
  const at::Tensor plane = at::arange(13 * 17, at::kFloat).reshape({13, 17});
  const TransformParameters drawn{
      .placement = {.geometry = {.branch = Branch::kRotate, .degrees = 11}}};
  const TransformOptions options{.patch_size = {16, 20}};
  const at::Tensor out = apply(options, drawn, at::stack({plane, 2 * plane}), {}).image;
  EXPECT_TRUE(at::equal(out[1], 2 * out[0]));
}

TEST(Transform, DrawsCoverEveryValueAndTheBranchesHaveTheirShares) {
  const int64_t samples = 20000;
  for (const std::string kind : {"random_generator", "bcp", "weak_strong", "none"}) {
    std::vector<int64_t> branches(3), turns(4), axes(2), degrees(40);
    for (int64_t i = 0; i < samples; ++i) {
      DrawSequence numbers = Draws(1).at(0, 0).sequence("augment", i);
      const TransformParameters drawn = draw_parameters({.kind = kind}, {1, 20, 24}, numbers);
      ++branches[static_cast<size_t>(drawn.placement.geometry.branch)];
      if (drawn.placement.geometry.branch == Branch::kTurnFlip) {
        ++turns[static_cast<size_t>(drawn.placement.geometry.turns)];
        ++axes[static_cast<size_t>(drawn.placement.geometry.flip_axis)];
      }
      if (drawn.placement.geometry.branch == Branch::kRotate)
        ++degrees.at(static_cast<size_t>(drawn.placement.geometry.degrees + 20));
    }
    const std::map<std::string, std::vector<double>> shares = {{"random_generator", {0, 0.5, 0.5}},
                                                               {"bcp", {0.25, 0.5, 0.25}},
                                                               {"weak_strong", {0, 1, 0}},
                                                               {"none", {1, 0, 0}}};
    for (size_t b = 0; b < 3; ++b)
      EXPECT_NEAR(branches[b] / 20000.0, shares.at(kind)[b], 0.015) << kind << b;
    if (branches[1] > 0) {
      for (const int64_t count : turns) EXPECT_NEAR(count, branches[1] / 4.0, 300);
      for (const int64_t count : axes) EXPECT_NEAR(count, branches[1] / 2.0, 300);
    }
    if (branches[2] > 0) {
      for (const int64_t count : degrees) EXPECT_GT(count, branches[2] / 60);
    }
  }
}

TEST(TransformOptions, AreReadAndChecked) {
  const Config config = parse_config("kind = 'bcp'\nzoom_reference = true");
  const TransformOptions options = TransformOptions::read(config, {32, 48});
  EXPECT_EQ(options.kind, "bcp");
  EXPECT_EQ(options.zoom_edge, ZoomEdge::kReference);
  EXPECT_EQ(options.patch_size, (Indices{32, 48}));
  EXPECT_THROW(TransformOptions::read(parse_config("kind = 'elastic'"), {32, 32}), Error);
  EXPECT_THROW(TransformOptions::read(parse_config("kind = 'weak_strong'"), {32, 48}), Error);
}

}  // namespace
}  // namespace semiseg
