// SPDX-License-Identifier: Apache-2.0
// The intensities of nnU-Net: how often they change, and how far.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/data/transforms/transform.h"
#include "framework/data/views.h"
#include "tests/data/random_samples.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

std::unique_ptr<Transform> transform(const std::string& name, const std::string& options = "") {
  return TransformRegistry::instance().find(name).make(parse_config(options));
}

// Calls visit(changed image) for each sample that the transform changes; returns their number.
int for_each_changed(const Transform& step, const at::Tensor& image,
                     const std::function<void(const at::Tensor&)>& visit = {}) {
  const at::Tensor before = image.clone();
  int changed = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    DrawSequence numbers = numbers_of(sample);
    const at::Tensor result = step.apply(image, numbers);
    EXPECT_EQ(result.sizes(), image.sizes());
    if (at::equal(result, before)) continue;
    ++changed;
    if (visit) visit(result);
  }
  EXPECT_TRUE(at::equal(image, before)) << "the image was written to";
  return changed;
}

TEST(NnunetTransforms, ChangeImagesAsOftenAsTheReference) {
  const at::Tensor image = ramp({1, 6, 8});
  // Blur and low resolution change a channel half of the time; a share of 1 changes nothing of it.
  const std::vector<std::pair<std::string, double>> expected = {
      {"gaussian_noise", 0.1}, {"gaussian_blur", 0.1},   {"brightness", 0.15},
      {"contrast", 0.15},      {"low_resolution", 0.12}, {"gamma", 1 - 0.7 * 0.9}};
  for (const auto& [name, probability] : expected)
    expect_share(probability, for_each_changed(*transform(name), image), name);
}

TEST(NnunetTransforms, AlwaysAndNever) {
  const at::Tensor image = ramp({2, 4, 6, 8});
  for (const char* name : {"gaussian_noise", "brightness", "contrast", "gamma"}) {
    EXPECT_EQ(for_each_changed(*transform(name, "probability = 1"), image), kSamples) << name;
    const std::string never = std::string("probability = 0") +
                              (std::string(name) == "gamma" ? "\ninverted_probability = 0" : "");
    EXPECT_EQ(for_each_changed(*transform(name, never), image), 0) << name;
  }
}

// Steps behind one that draws many numbers, or none, draw the same.
TEST(NnunetTransforms, TakeTheSameNumbersWhateverTheyDo) {
  const at::Tensor image = ramp({1, 6, 8});
  for (const std::string& name : TransformRegistry::instance().names()) {
    if (!name.starts_with("gaussian") && name != "gamma" && name != "low_resolution") continue;
    DrawSequence changed = numbers_of(1), same = numbers_of(1);
    transform(name, "probability = 1")->apply(image, changed);
    transform(name, "probability = 0")->apply(image, same);
    EXPECT_EQ(changed.bits(), same.bits()) << name;
  }
}

TEST(NnunetTransforms, BrightnessIsAFactorHalfOfTheTimeBelowOne) {
  const at::Tensor image = ramp({1, 6, 8});
  int below = 0;
  double least = 9, most = 0;
  for_each_changed(*transform("brightness", "probability = 1"), image, [&](const at::Tensor& y) {
    const at::Tensor factor = y / image;
    const double f = factor.max().item<double>();
    EXPECT_NEAR(factor.min().item<double>(), f, 1e-5);
    below += f < 1 ? 1 : 0;
    least = std::min(least, f);
    most = std::max(most, f);
  });
  expect_share(0.5, below, "factors below 1");
  EXPECT_GE(least, 0.75 - 1e-6);
  EXPECT_LT(least, 0.76);
  EXPECT_LE(most, 1.25 + 1e-6);
  EXPECT_GT(most, 1.24);
}

TEST(NnunetTransforms, NoiseHasTheDeviationThatWasDrawnInAllChannels) {
  const at::Tensor image = ramp({2, 40, 40});
  std::vector<double> deviations;
  for_each_changed(*transform("gaussian_noise", "probability = 1"), image,
                   [&](const at::Tensor& y) {
                     const at::Tensor noise = y - image;
                     EXPECT_TRUE(at::allclose(noise[0], noise[1], 1e-4, 1e-6));
                     deviations.push_back(noise[0].std().item<double>());
                   });
  double sum = 0;
  for (const double d : deviations) sum += d;
  EXPECT_NEAR(sum / kSamples, 0.05, 0.005);
  EXPECT_LT(*std::max_element(deviations.begin(), deviations.end()), 0.11);
}

TEST(NnunetTransforms, ContrastAndGammaKeepWhatTheySay) {
  const at::Tensor image = ramp({1, 10, 10});
  for_each_changed(*transform("contrast", "probability = 1"), image, [&](const at::Tensor& y) {
    EXPECT_GE(y.min().item<float>(), image.min().item<float>());
    EXPECT_LE(y.max().item<float>(), image.max().item<float>());
  });
  for (const char* options :
       {"probability = 1\ninverted_probability = 0", "probability = 0\ninverted_probability = 1"}) {
    for_each_changed(*transform("gamma", options), image, [&](const at::Tensor& y) {
      EXPECT_NEAR(y.mean().item<double>(), image.mean().item<double>(), 1e-5);
      EXPECT_NEAR(y.std().item<double>(), image.std().item<double>(), 1e-5);
      EXPECT_TRUE(
          ((y[0].flatten().slice(0, 1) - y[0].flatten().slice(0, 0, -1)) > 0).all().item<bool>())
          << "gamma keeps the order of values";
    });
  }
}

TEST(NnunetTransforms, BlurKeepsAConstantAndSpreadsAPoint) {
  const auto blur = transform("gaussian_blur", "probability = 1\nsigma = [0.8, 0.8]");
  at::Tensor point = at::zeros({1, 9, 9, 9});
  point[0][4][4][4] = 1;
  const double by_hand = [] {
    double sum = 0;
    for (int d = -3; d <= 3; ++d) sum += std::exp(-0.5 * d * d / 0.64);
    return 1 / sum;
  }();
  EXPECT_GT(for_each_changed(*blur, point,
                             [&](const at::Tensor& y) {
                               EXPECT_NEAR(y.sum().item<double>(), 1, 1e-5);
                               EXPECT_NEAR(y[0][4][4][4].item<double>(), std::pow(by_hand, 3),
                                           1e-6);
                             }),
            0);
  const at::Tensor flat = at::ones({1, 5, 3});
  for (int sample = 0; sample < 20; ++sample) {
    DrawSequence numbers = numbers_of(sample);
    EXPECT_TRUE(at::allclose(blur->apply(flat, numbers), flat));
  }
}

TEST(NnunetTransforms, LowResolutionOfHalfTheSidesHasAQuarterOfTheValues) {
  const auto step = transform("low_resolution", "probability = 1\nshare = [0.5, 0.5]");
  const at::Tensor image = ramp({1, 8, 8});
  const at::Tensor small = at::_upsample_nearest_exact2d(image.unsqueeze(0), {4, 4});
  const at::Tensor expected = at::upsample_bilinear2d(small, {8, 8}, false)[0];
  EXPECT_GT(for_each_changed(*step, image,
                             [&](const at::Tensor& y) { EXPECT_TRUE(at::equal(y, expected)); }),
            0);
}

TEST(NnunetTransforms, ARangeThatIsNoneIsRefused) {
  expect_error(ErrorKind::kConfig, {"sigma", "two numbers, the smaller first"},
               [] { transform("gaussian_blur", "sigma = [1.0, 0.5]"); });
}

TEST(Views, TheWeakViewHasStepsOfItsOwn) {
  const Views views = Views::read(parse_config(
      "[weak]\nsteps = ['brightness', 'gamma']\n[weak.brightness]\nfactor = [2.0, 2.0]"));
  EXPECT_EQ(views.find("weak").steps.size(), 2u);
  EXPECT_TRUE(Views::defaults().find("weak").steps.empty());
}

}  // namespace
}  // namespace semiseg
