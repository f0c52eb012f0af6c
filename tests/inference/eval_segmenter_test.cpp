// SPDX-License-Identifier: Apache-2.0
// Section [inference], slices, and predictors made of others.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/inference/segmenter.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

using Sizes = std::vector<int64_t>;
using Mode = InferenceOptions::Mode;

TEST(SliceWise, ShowsTheNetworkEverySliceOnceInBatches) {
  Sizes batches;
  const ImagePredictor network = [&](const at::Tensor& image) {
    EXPECT_EQ(image.sizes().slice(1), (Sizes{2, 8, 6}));
    batches.push_back(image.size(0));
    const at::Tensor first = image.select(1, 0);
    return at::stack({-first, first}, 1);
  };
  const at::Tensor depth = at::arange(5, at::kFloat).sub(2).view({1, 5, 1, 1}).expand({2, 5, 8, 6});
  const at::Tensor labels = segment_slice_wise(depth, network, {{8, 6}, 2});
  EXPECT_EQ(batches, (Sizes{2, 2, 1}));
  EXPECT_EQ(labels.scalar_type(), at::kByte);
  EXPECT_TRUE(at::equal(labels, depth[0].gt(0).to(at::kByte)));  // 0 is a tie: the first class
}

// 224 → 147 is one of the pairs where SciPy's zoom fills the last position with 0.
TEST(SliceWise, LosesTheLastRowOnlyWhereTheReferenceDoes) {
  const ImagePredictor ones = [](const at::Tensor& image) {
    return at::cat({0 * image, 0 * image + 1}, 1);
  };
  const at::Tensor image = at::zeros({1, 1, 147, 147});
  EXPECT_EQ(segment_slice_wise(image, ones, {.patch_size = {224, 224}}).sum().item<int64_t>(),
            147 * 147);
  const SliceWiseOptions reference{.patch_size = {224, 224}, .edge = ZoomEdge::kReference};
  EXPECT_EQ(segment_slice_wise(image, ones, reference).sum().item<int64_t>(), 146 * 146);
}

InferenceOptions read(const std::string& text, const Sizes& patch_size, int64_t axial_axis = 0,
                      int64_t classes = 2) {
  const Config config = parse_config(text);
  const InferenceOptions options =
      InferenceOptions::read(config.section("inference"), patch_size, axial_axis, classes);
  config.check_all_read();
  return options;
}

TEST(InferenceOptions, ThePatchDecidesUnlessTold) {
  EXPECT_EQ(read("", {8, 6}).mode, Mode::kSliceWise);
  EXPECT_EQ(read("", {8, 6, 4}).mode, Mode::kSlidingWindow);
  EXPECT_EQ(read("inference.mode = 'sliding_window'", {8, 6}).mode, Mode::kSlidingWindow);
}

TEST(InferenceOptions, ReadsTheWindows) {
  const InferenceOptions options = read(R"([inference]
stride = [18, 18, 4]
weighting = "gaussian"
activation = "sigmoid"
decision = "foreground"
padding = "margin"
batch = 3
mirror_axes = [0, 2]
)",
                                        {112, 112, 80});
  const SlidingWindowOptions& o = options.sliding_window;
  EXPECT_EQ(o.patch_size, (Sizes{112, 112, 80}));
  EXPECT_EQ(o.stride, (Sizes{18, 18, 4}));
  EXPECT_EQ(o.weighting, WindowWeighting::kGaussian);
  EXPECT_EQ(o.activation, WindowActivation::kSigmoid);
  EXPECT_EQ(o.decision, WindowDecision::kForeground);
  EXPECT_EQ(o.padding, WindowPadding::kMargin);
  EXPECT_EQ(o.batch, 3);
  EXPECT_EQ(options.mirror_axes, (Sizes{0, 2}));
}

TEST(InferenceOptions, ReadsTheSlices) {
  const SliceWiseOptions o =
      read("inference = {resize = 'bilinear', batch = 2, zoom_reference = true}", {8, 6})
          .slice_wise;
  EXPECT_EQ(o.patch_size, (std::array<int64_t, 2>{8, 6}));
  EXPECT_EQ(o.resize, SliceResize::kBilinear);
  EXPECT_EQ(o.edge, ZoomEdge::kReference);
  EXPECT_EQ(o.batch, 2);
}

TEST(InferenceOptions, NamesWhatDoesNotFit) {
  const auto fails = [](const std::string& text, const Sizes& patch,
                        const std::vector<std::string>& words) {
    expect_error(ErrorKind::kConfig, words, [&] { read("[inference]\n" + text, patch); });
  };
  fails("mode = 'slice_wise'", {8, 6, 4}, {"slices cannot be shown", "[8, 6, 4]"});
  fails("stride = [4, 4]", {8, 6, 4}, {"the stride does not fit", "inference.stride"});
  fails("stride = [4, 4]", {8, 6}, {"stride"});  // a key of windows, which is unread
  fails("decision = 'foreground'\nactivation = 'none'", {8, 6, 4}, {"logits are averaged"});
  fails("mirror_axes = [2]", {8, 6}, {"mirror_axes"});
  fails("mirror_axes = [1, 1]", {8, 6}, {"twice"});
  fails("step = 0.0", {8, 6, 4}, {"step"});
}

TEST(InferenceOptions, OneForegroundClassIsDecidedByAThreshold) {
  const std::string foreground = "[inference]\ndecision = 'foreground'";
  EXPECT_EQ(read(foreground, {8, 6, 4}, 0, 2).sliding_window.decision, WindowDecision::kForeground);
  expect_error(ErrorKind::kConfig,
               {"'inference.decision'", "there are 4", "expected", "argmax", "got", "foreground"},
               [&] {
                 read(foreground, {8, 6, 4}, 0, 4);
               });
}

// Slices along the last axis, as in the files of LA: the network sees (x, y).
TEST(Segmenter, CutsSlicesAlongTheAxialAxis) {
  const at::Tensor height = at::arange(4, at::kFloat).sub(1.5).view({1, 1, 1, 4});
  const at::Tensor image = height.expand({1, 6, 5, 4});
  const ImagePredictor network = [](const at::Tensor& slices) {
    EXPECT_EQ(slices.sizes().slice(1), (Sizes{1, 6, 5}));
    return at::cat({-slices, slices}, 1);
  };
  for (const char* mode : {"slice_wise", "sliding_window"}) {
    const InferenceOptions options =
        read("inference.mode = '" + std::string(mode) + "'", {6, 5}, 2);
    const at::Tensor labels = segment(image, network, options);
    EXPECT_TRUE(at::equal(labels, image[0].gt(0).to(at::kByte))) << mode;
    EXPECT_TRUE(labels.is_contiguous()) << mode;
  }
}

// Logits a and 3 b for the line a b, b and 3 a for its mirror image: mean 2 a and 2 b.
TEST(Mirrored, AveragesMirrorImages) {
  const at::Tensor slope = at::tensor({1.f, 3.f});
  int64_t passes = 0;
  const ImagePredictor network = [&](const at::Tensor& image) {
    ++passes;
    return image * slope;
  };
  const at::Tensor image = at::tensor({5.f, 7.f, 1.f, 2.f}).view({1, 1, 2, 2});
  EXPECT_TRUE(at::equal(mirrored(network, {1})(image), 2 * image));
  EXPECT_EQ(passes, 2);
  EXPECT_TRUE(at::equal(mirrored(network, {0, 1})(image), 2 * image));
  EXPECT_EQ(passes, 6);
  EXPECT_TRUE(at::equal(mirrored(network, {})(image), image * slope));
}

ImagePredictor constant(const std::vector<double>& logits) {
  const at::Tensor values = at::tensor(logits, at::kDouble).view({1, -1, 1, 1});
  return [=](const at::Tensor& image) {
    return values.expand({image.size(0), -1, image.size(2), image.size(3)});
  };
}

TEST(MeanOf, AveragesProbabilities) {
  const at::Tensor image = at::zeros({2, 1, 3, 4});
  const at::Tensor logits = mean_of({constant({0, std::log(3)}), constant({5, 5})})(image);
  EXPECT_EQ(logits.sizes(), (Sizes{2, 2, 3, 4}));
  const at::Tensor p = at::softmax(logits, 1).select(1, 1);  // (3/4 + 1/2)/2
  EXPECT_TRUE(at::allclose(p, at::full_like(p, 0.625)));
}

TEST(MeanOf, OneLogitIsASigmoid) {
  const at::Tensor logits =
      mean_of({constant({std::log(3)}), constant({0})})(at::zeros({1, 1, 1, 1}));
  EXPECT_NEAR(at::sigmoid(logits).item<double>(), 0.625, 1e-12);
}

TEST(MeanOf, StaysFiniteWhereMembersAreCertain) {
  const at::Tensor logits =
      mean_of({constant({0, 2000}), constant({2000, 0})})(at::zeros({1, 1, 1, 1}));
  EXPECT_NEAR(at::softmax(logits, 1)[0][0].item<double>(), 0.5, 1e-12);
}

TEST(MeanOf, OneMemberIsItself) {
  const at::Tensor image = at::zeros({1, 1, 2, 2});
  EXPECT_TRUE(at::equal(mean_of({constant({3, 4})})(image), constant({3, 4})(image)));
}

}  // namespace
}  // namespace semiseg
