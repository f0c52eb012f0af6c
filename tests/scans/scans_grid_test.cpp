// SPDX-License-Identifier: Apache-2.0
// Grids: turned, cut and resampled, and the way back to the file's grid.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/scans/orientation.h"
#include "framework/scans/preparation.h"
#include "framework/scans/resample.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

ScanGeometry grid(std::array<int64_t, 3> size, std::array<double, 16> affine) {
  return make_geometry(size, affine, "test");
}

// A sagittal scan: D to the left, H downwards, W to the back.
ScanGeometry sagittal() {
  return grid({2, 3, 4}, {-3, 0, 0, 50, 0, 0, -1, 60, 0, -2, 0, 70, 0, 0, 0, 1});
}

std::array<double, 3> place(const ScanGeometry& g, std::array<double, 3> voxel) {
  std::array<double, 3> mm;
  for (int row = 0; row < 3; ++row) {
    mm[row] = g.affine[4 * row + 3];
    for (int axis = 0; axis < 3; ++axis) mm[row] += g.affine[4 * row + axis] * voxel[axis];
  }
  return mm;
}

TEST(Grid, ASagittalScanTurnsSoThatDIsUpHIsFrontWIsRight) {
  const ScanGeometry from = sagittal();
  EXPECT_EQ(orientation_letters(from), "LIP");
  const ScanGeometry to = reorient(from, to_canonical(from));
  EXPECT_EQ(orientation_letters(to), "SAR");
  EXPECT_EQ(to.size, (std::array<int64_t, 3>{3, 4, 2}));
  EXPECT_EQ(to.spacing_mm, (std::array<double, 3>{2, 1, 3}));
  EXPECT_EQ(place(to, {0, 0, 0}), place(from, {1, 2, 3}));
  EXPECT_EQ(place(to, {2, 3, 1}), place(from, {0, 0, 0}));
}

TEST(Grid, VoxelsTurnWithTheirGridAndComeBack) {
  const Orientation turn = to_canonical(sagittal());
  const at::Tensor values = at::arange(48).view({2, 2, 3, 4});
  const at::Tensor turned = reorient(values, turn);
  EXPECT_EQ(turned[1][0][0][0].item<int64_t>(), values[1][1][2][3].item<int64_t>());
  EXPECT_EQ(turned[0][2][3][0].item<int64_t>(), values[0][1][0][0].item<int64_t>());
  EXPECT_TRUE(at::equal(undo_reorient(turned, turn), values));
}

TEST(Grid, ObliqueAxesTakeTheirNearestDirections) {
  const double a = 0.8, b = 0.6;
  // D points to the front and a little up, H upwards and a little to the back.
  const ScanGeometry g = grid({2, 2, 2}, {0, 0, 1, 0, a, -b, 0, 0, b, a, 0, 0, 0, 0, 0, 1});
  const std::array<int, 3> axes = to_canonical(g).axis;
  EXPECT_EQ(axes, (std::array<int, 3>{1, 0, 2}));
}

// Spacing 2 → 1 about the same centre: new voxel i lies at old index i/2 - 1/4.
TEST(Grid, LinearResamplingInterpolatesBetweenCentres) {
  const ScanGeometry from = grid({1, 1, 3}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1});
  const ScanGeometry to = with_spacing(from, {1, 1, 1});
  EXPECT_EQ(to.size, (std::array<int64_t, 3>{1, 1, 6}));
  EXPECT_NEAR(place(to, {0, 0, 0})[2], -0.5, 1e-12);
  const at::Tensor values = at::tensor({0.f, 4.f, 8.f}).view({1, 1, 3});
  EXPECT_TRUE(at::allclose(resample(values, from, to, Interpolation::kLinear).flatten(),
                           at::tensor({0.f, 1.f, 3.f, 5.f, 7.f, 8.f})));
  const at::Tensor labels = at::tensor({1, 2, 3}).to(at::kByte).view({1, 1, 3});
  EXPECT_TRUE(at::equal(resample(labels, from, to, Interpolation::kNearest).flatten(),
                        at::tensor({1, 1, 2, 2, 3, 3}).to(at::kByte)));
}

TEST(Grid, APartComesBackToItsPlaceAndTheRestIsOutside) {
  const ScanGeometry whole = sagittal();
  const ScanGeometry part = sub_grid(whole, {0, 1, 1}, {2, 3, 3});
  const at::Tensor values = at::arange(24, at::kFloat).view({2, 3, 4}) + 1;
  const at::Tensor cut = resample(values, whole, part, Interpolation::kLinear);
  EXPECT_TRUE(at::equal(cut, values.slice(1, 1, 3).slice(2, 1, 3)));
  const at::Tensor back = resample(cut, part, whole, Interpolation::kLinear);
  at::Tensor expected = at::zeros_like(values);
  expected.slice(1, 1, 3).slice(2, 1, 3).copy_(cut);
  EXPECT_TRUE(at::equal(back, expected));
}

TEST(Preparation, TextsComeBackAsTheyWere) {
  Preparation how{.channels = {"_t1", "_t2"},
                  .label_values = {0, 255},
                  .allow_missing_affine = true,
                  .orientation = "stored",
                  .crop = "nonzero",
                  .margin = 3,
                  .intensity = {.clip = {-160, 240.5}, .scale = "zscore"},
                  .spacing_mm = {{1.5, 1, 0.75}}};
  EXPECT_EQ(Preparation::parse(how.text(), "test").text(), how.text());
  EXPECT_EQ(Preparation::parse(Preparation().text(), "test").text(), Preparation().text());
  how.earlier_unknown = true;
  how.intensity = {
      .clip = {}, .clip_percentile = {0.5, 99.5}, .scale = "fixed", .mean = -3.25, .std = 1e-3};
  const Preparation back = Preparation::parse(how.text(), "test");
  EXPECT_EQ(back.text(), how.text());
  EXPECT_TRUE(back.earlier_unknown);
  EXPECT_EQ(back.intensity.clip_percentile, how.intensity.clip_percentile);
  EXPECT_EQ(back.intensity.mean, -3.25);
  EXPECT_EQ(back.intensity.std, 1e-3);
  expect_error(ErrorKind::kData, {"not known", "here"},
               [] { Preparation::parse("phantom 2", "here"); });
  expect_error(ErrorKind::kData, {"damaged", "1,2"},
               [] { Preparation::parse("spacing=1,2", "x"); });
  expect_error(ErrorKind::kData, {"damaged", "none"},
               [] { Preparation::parse("fixed=none", "x"); });
}

// Clamped to 30: 10 and 30 in air have mean 20 and deviation 10; with the air mean 10 and √150.
TEST(Preparation, StepsComeInTheirOrder) {
  const ScanGeometry g = grid({1, 1, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  const Scan scan{.image = at::tensor({0.f, 10.f, 50.f, 0.f}).view({1, 1, 1, 4}), .geometry = g};
  const auto values = [&](Preparation how) {
    return prepare(scan, nullptr, how, "test").image.flatten();
  };
  const std::vector<double> clip = {0, 30};
  EXPECT_TRUE(at::equal(values({}), scan.image.flatten()));
  EXPECT_TRUE(at::allclose(values({.intensity = {.clip = clip, .scale = "zscore_nonzero"}}),
                           at::tensor({0.f, -1.f, 1.f, 0.f})));
  EXPECT_TRUE(at::allclose(values({.intensity = {.clip = clip, .scale = "zscore"}}),
                           at::tensor({-10.f, 0.f, 20.f, -10.f}) / 12.247449));
  EXPECT_TRUE(
      at::allclose(values({.intensity = {.scale = "minmax"}}), at::tensor({0.f, 0.2f, 1.f, 0.f})));
  EXPECT_TRUE(at::equal(values({.crop = "nonzero"}), at::tensor({10.f, 50.f})));
  EXPECT_TRUE(at::equal(values({.crop = "nonzero", .margin = 1}), scan.image.flatten()));
}

TEST(Preparation, LabelsFollowTheImageAndMustLieOnItsGrid) {
  const ScanGeometry g = sagittal();
  const Scan scan{.image = at::arange(24, at::kFloat).view({1, 2, 3, 4}), .geometry = g};
  LabelMap label{.label = at::zeros({2, 3, 4}, at::kByte), .geometry = g};
  label.label[1][2][3] = 2;
  const Preparation how{.crop = "labels"};
  const PreparedCase made = prepare(scan, &label, how, "case");
  EXPECT_EQ(made.image.sizes(), (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(made.image.item<float>(), 23);
  const at::Tensor back = to_file_grid(made.label, made, Interpolation::kNearest);
  EXPECT_TRUE(at::equal(back, label.label));
  label.label.zero_();
  expect_error(ErrorKind::kData, {"nothing is left", "case"},
               [&] { prepare(scan, &label, how, "case"); });
  label.geometry.affine[3] += 1;
  expect_error(ErrorKind::kData, {"different grids", "case"},
               [&] { prepare(scan, &label, how, "case"); });
}

TEST(Preparation, APredictionOnTheTrainingSpacingComesBackToTheFilesGrid) {
  const ScanGeometry g = grid({8, 8, 8}, {0, 0, -1, 0, 0, -1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1});
  const at::Tensor box = at::zeros({8, 8, 8}, at::kByte);
  box.slice(0, 2, 6).slice(1, 4, 8).slice(2, 0, 4).fill_(1);
  const LabelMap label{.label = box, .geometry = g};
  const Scan scan{.image = box.to(at::kFloat).unsqueeze(0), .geometry = g};
  const PreparedCase made = prepare(scan, &label, {.spacing_mm = {{1, 0.5, 0.5}}}, "test");
  EXPECT_EQ(made.label.sizes(), (std::vector<int64_t>{16, 16, 16}));
  EXPECT_TRUE(at::equal(to_file_grid(made.label, made, Interpolation::kNearest), box));
}

}  // namespace
}  // namespace semiseg
