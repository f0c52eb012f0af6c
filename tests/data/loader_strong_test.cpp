// SPDX-License-Identifier: Apache-2.0
// The strong augmentation of volumes and its transforms, against numbers of SciPy 1.17 and NumPy.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>
#include <numbers>
#include <set>

#include "framework/config/compose.h"
#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/svda/spline_volume.h"
#include "framework/data/transforms/transforms.h"
#include "framework/data/views.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

at::Tensor wave() {
  return at::sin(0.7 * at::arange(60, at::kDouble)).to(at::kFloat).reshape({1, 2, 5, 6});
}

// A block of class 1 in both slices and of class 2 in the first.
at::Tensor blocks() {
  const at::Tensor label = at::zeros({2, 5, 6}, at::kByte);
  label.slice(1, 1, 4).slice(2, 1, 3).fill_(1);
  label[0].slice(0, 2, 5).slice(1, 3, 6).fill_(2);
  return label;
}

void expect_near(const at::Tensor& values, const std::vector<float>& expected) {
  EXPECT_TRUE(at::allclose(values.reshape(-1), at::tensor(expected), 1e-4, 2e-6)) << values;
}

constexpr double kTwelveDegrees = 12 * std::numbers::pi / 180;

TEST(SplineVolume, RotationIsThatOfSciPy) {
  expect_near(
      rotate_image(wave(), kTwelveDegrees)[0][1],
      {0,         0,         0,         -0.934147f, -0.709042f, 0,          0.639572f,  0.768852f,
       0.92625f,  0.886238f, 0.59757f,  0,          -0.677556f, -0.551789f, -0.394162f, -0.117719f,
       0.102788f, 0.282217f, 0,         -0.154394f, -0.498565f, -0.714033f, -0.683708f, -0.610365f,
       0,         0.537252f, 0.927869f, 0,          0,          0});
  const at::Tensor label = rotate_label(blocks(), kTwelveDegrees);
  EXPECT_TRUE(at::equal(label[0], at::tensor({0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1,
                                              2, 2, 2, 0, 1, 1, 2, 2, 2, 0, 0, 0, 0, 0, 0},
                                             at::kByte)
                                      .reshape({5, 6})));
  EXPECT_EQ(label[1].sum().item<int64_t>(), 6);
}

TEST(SplineVolume, ZoomIsThatOfSciPy) {
  expect_near(
      zoom_image(wave(), 0.75)[0][0],
      {-0.250693f, 0.121464f,  0.393455f, 0.576253f, 0.625059f, 0.420048f, -0.762964f, -0.938548f,
       -0.753249f, -0.39189f,  0.056971f, 0.562971f, 0.533122f, 0.004623f, -0.444665f, -0.794217f,
       -0.958367f, -0.749487f, 0.659357f, 0.93765f,  0.839665f, 0.546238f, 0.129278f,  -0.417316f,
       -0.439389f, -0.127448f, 0.182126f, 0.451794f, 0.615467f, 0.5501f});
  const at::Tensor label = zoom_label(blocks(), 0.75);
  EXPECT_TRUE(at::equal(label[0], at::tensor({0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1,
                                              2, 2, 2, 1, 1, 1, 2, 2, 2, 0, 1, 0, 2, 2, 2},
                                             at::kByte)
                                      .reshape({5, 6})));
  EXPECT_EQ(label[1].max().item<int64_t>(), 1);
}

TEST(SplineVolume, NothingMovesWithoutAnAngleOrAFactor) {
  EXPECT_TRUE(at::allclose(rotate_image(wave(), 0), wave(), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(zoom_image(wave(), 1), wave(), 1e-5, 1e-6));
  EXPECT_TRUE(at::equal(rotate_label(blocks(), 0), blocks()));
  EXPECT_TRUE(at::equal(zoom_label(blocks(), 1), blocks()));
}

TEST(IntensityChanges, AreThoseOfTheReferences) {
  expect_near(
      blur(wave(), 1.1)[0][1],
      {0.208902f, 0.188451f, 0.119297f, 0.003901f,  -0.114134f, -0.186349f, 0.042946f,  0.05281f,
       0.053282f, 0.032806f, -0.00088f, -0.027187f, -0.014619f, -0.017424f, -0.017008f, -0.00991f,
       0.001187f, 0.009692f, 0.047439f, 0.054918f,  0.05187f,   0.028464f,  -0.006458f, -0.032733f,
       0.041414f, 0.109895f, 0.171915f, 0.165781f,  0.093812f,  0.020406f});
  expect_near(change_gamma(wave(), 1.25)[0][0][0],
              {-0.073532f, 0.636219f, 1.04419f, 0.895828f, 0.284529f, -0.41643f});
  expect_near(change_contrast(wave(), 1.3)[0][0][0],
              {-0.011879f, 0.825603f, 0.997557f, 0.997557f, 0.423605f, -0.467898f});
  EXPECT_TRUE(at::allclose(change_brightness(wave(), 0.8), wave() * 0.8));
}

TEST(IntensityChanges, EachChannelHasItsOwnStatistics) {
  const at::Tensor two = at::cat({wave(), wave() * 3 + 1});
  for (const auto change : {change_contrast, change_gamma}) {
    EXPECT_TRUE(at::equal(change(two, 0.8)[0], change(wave(), 0.8)[0]));
    EXPECT_TRUE(at::equal(change(at::full({1, 4, 4}, 2.0f), 0.8), at::full({1, 4, 4}, 2.0f)));
  }
}

// The factors of 20 000 draws that change something.
std::vector<double> drawn_factors(const RandomFactor& factor) {
  std::vector<double> values;
  for (int64_t i = 0; i < 20000; ++i) {
    DrawSequence numbers = Draws(1).at(0, 0).sequence("augment", i);
    const double value = factor.draw(numbers);
    if (value != 1) values.push_back(value);
  }
  return values;
}

TEST(RandomFactor, IsUniformOrBalancedAboutOne) {
  for (const bool is_balanced : {false, true}) {
    const auto values = drawn_factors({.low = 0.5, .high = 1.1, .is_balanced = is_balanced});
    EXPECT_NEAR(static_cast<double>(values.size()), 14000, 250);
    int64_t below = 0;
    for (const double value : values) {
      EXPECT_TRUE(value >= 0.5 && value < 1.1) << value;
      below += value < 1 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(below) / static_cast<double>(values.size()),
                is_balanced ? 0.5 : 5.0 / 6, 0.015);
  }
}

// Each change is one of the three with a chance of 1/2 and made with one of 0.7; half of the zooms
// change nothing.
TEST(StrongVolume, StepsHaveTheirSharesAndRanges) {
  std::map<StrongChange, int64_t> made, first;
  std::map<StrongChange, std::pair<double, double>> range;
  int64_t below = 0;
  for (int64_t i = 0; i < 20000; ++i) {
    DrawSequence numbers = Draws(2).at(0, 0).sequence("augment", i);
    const std::vector<StrongStep> steps = draw_strong_steps(numbers);
    std::set<StrongChange> distinct;
    for (const StrongStep& step : steps) {
      EXPECT_TRUE(distinct.insert(step.change).second);
      ++made[step.change];
      const auto [seen, is_new] = range.try_emplace(step.change, step.value, step.value);
      seen->second.first = std::min(seen->second.first, step.value);
      seen->second.second = std::max(seen->second.second, step.value);
      below += step.change == StrongChange::kGamma && step.value < 1 ? 1 : 0;
    }
    if (steps.size() == 3) ++first[steps[0].change];
  }
  const std::map<StrongChange, std::vector<double>> expected = {
      {StrongChange::kRotation, {0.35, -15, 15}},  {StrongChange::kZoom, {0.175, 0.7, 1}},
      {StrongChange::kBlur, {0.35, 0.7, 1.3}},     {StrongChange::kBrightness, {0.35, 0.7, 1.3}},
      {StrongChange::kContrast, {0.35, 0.7, 1.3}}, {StrongChange::kGamma, {0.35, 0.7, 1.3}}};
  for (const auto& [change, numbers] : expected) {
    const auto name = static_cast<int>(change);
    EXPECT_NEAR(static_cast<double>(made[change]) / 20000, numbers[0], 0.015) << name;
    EXPECT_GE(range[change].first, numbers[1]) << name;
    EXPECT_LT(range[change].second, numbers[2]) << name;
    EXPECT_LT(range[change].second - range[change].first, numbers[2] - numbers[1]) << name;
    EXPECT_GT(range[change].second - range[change].first, 0.98 * (numbers[2] - numbers[1])) << name;
    EXPECT_GT(first[change], 250) << name << ": any step may be the first";
  }
  EXPECT_NEAR(static_cast<double>(below) / static_cast<double>(made[StrongChange::kGamma]), 0.5,
              0.02);
}

at::Tensor centre(const at::Tensor& mask) { return mask.nonzero().to(at::kDouble).mean(0); }

TEST(StrongVolume, FollowsTheCropAndMovesTheLabelAlike) {
  const TransformOptions options{.kind = "svda", .patch_size = {6, 12, 12}, .crop_margin = 1};
  const at::Tensor label = at::zeros({8, 16, 16}, at::kByte);
  label.slice(0, 2, 6).slice(1, 5, 11).slice(2, 4, 12).fill_(1);
  const at::Tensor image = label.to(at::kFloat).unsqueeze(0);
  bool is_moved = false;
  for (int64_t i = 0; i < 40; ++i) {
    DrawSequence numbers = Draws(3).at(0, 0).sequence("augment", i), again = numbers;
    const TransformParameters drawn = draw_parameters(options, image.sizes(), numbers);
    const TransformParameters same = draw_parameters(options, image.sizes(), again);
    EXPECT_EQ(drawn.placement, same.placement);
    EXPECT_EQ(drawn.strong, same.strong);
    EXPECT_EQ(numbers.bits(), again.bits());
    TransformParameters moves = drawn;
    std::erase_if(moves.strong, [](const StrongStep& step) {
      return step.change != StrongChange::kRotation && step.change != StrongChange::kZoom;
    });
    is_moved |= !moves.strong.empty();
    const TransformedSample out = apply(options, moves, image, label);
    EXPECT_EQ(out.image.sizes(), (at::IntArrayRef{1, 6, 12, 12}));
    // Image and label are the same block, so their moved forms have the same centre.
    const at::Tensor apart = centre(out.image[0] > 0.5) - centre(out.label == 1);
    EXPECT_LT(apart.abs().max().item<double>(), 0.5) << i;
  }
  EXPECT_TRUE(is_moved);
}

TEST(StrongVolume, UnlabelledPatchesGetTheSameSteps) {
  const TransformOptions options{.kind = "svda", .patch_size = {2, 5, 6}, .crop_margin = 1};
  DrawSequence numbers = Draws(4).at(0, 0).sequence("augment", 1);
  const TransformParameters drawn = draw_parameters(options, wave().sizes(), numbers);
  const TransformedSample labelled = apply(options, drawn, wave(), blocks());
  const TransformedSample unlabelled = apply(options, drawn, wave(), {});
  EXPECT_TRUE(at::equal(labelled.image, unlabelled.image));
  EXPECT_FALSE(unlabelled.label.defined());
}

TEST(StrongViews, TransformsAreNamedInTheConfiguration) {
  const Views views = Views::read(parse_config(
      "[strong]\nsteps = ['svda_brightness', 'svda_gamma', 'svda_contrast', 'svda_gaussian_blur']\n"
      "[strong.svda_brightness]\nprobability = 1.0\nlow = 2.0\nhigh = 3.0\n"
      "[strong.svda_gamma]\nprobability = 0.0\n[strong.svda_contrast]\nprobability = 0.0\n"
      "[strong.svda_gaussian_blur]\nprobability = 0.0\n"));
  const View& strong = views.find("strong");
  ASSERT_EQ(strong.steps.size(), 4u);
  DrawSequence numbers = Draws(5).sequence("augment"), again = numbers;
  at::Tensor image = wave(), other = wave();
  for (const auto& step : strong.steps) image = step->apply(image, numbers);
  for (const auto& step : strong.steps) other = step->apply(other, again);
  EXPECT_TRUE(at::equal(image, other));
  const at::Tensor factor = image[0][0][0][1] / wave()[0][0][0][1];
  EXPECT_TRUE(factor.item<double>() >= 2 && factor.item<double>() < 3);
  EXPECT_TRUE(at::allclose(image, wave() * factor));
  expect_error(ErrorKind::kConfig, {"low", "range"}, [] {
    Views::read(parse_config("[strong]\nsteps = ['svda_gamma']\n[strong.svda_gamma]\nlow = 1.1\n"));
  });
}

TEST(StrongViews, ASecondCropDoesNotGoWithRotations) {
  const Views views = Views::defaults();
  const std::vector<StreamPlan> streams = {
      {.name = "u", .pool = "unlabelled", .samples = 1, .views = {"weak", "second_crop"}}};
  expect_error(ErrorKind::kConfig, {"second_crop", "protocol.augmentation.kind", "svda"},
               [&] { views.check_crops(streams, "svda"); });
  expect_error(ErrorKind::kConfig, {"second_crop", "protocol.augmentation.kind", "nnunet"},
               [&] { views.check_crops(streams, "nnunet"); });
  EXPECT_NO_THROW(views.check_crops(streams, "crop"));
}

TEST(StrongViews, FeaturesDoNotGoWithStrongSteps) {
  const Views views = Views::defaults();
  const std::vector<StreamPlan> streams = {
      {.name = "u", .pool = "unlabelled", .samples = 1, .views = {"weak", "features"}}};
  expect_error(ErrorKind::kConfig, {"features", "protocol.augmentation.kind", "svda"},
               [&] { views.check_crops(streams, "svda"); });
  EXPECT_NO_THROW(views.check_crops(streams, "nnunet"));
}

}  // namespace
}  // namespace semiseg
