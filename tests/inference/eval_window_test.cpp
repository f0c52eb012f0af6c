// SPDX-License-Identifier: Apache-2.0
// Sliding windows by hand-made oracles: where they lie, how they count, what they hold.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "framework/inference/sliding_window.h"
#include "framework/inference/window_grid.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

using Sizes = std::vector<int64_t>;

TEST(WindowGrid, StridedWindowsEndAtTheEnd) {
  EXPECT_EQ(strided_starts(148, 112, 18), (Sizes{0, 18, 36}));
  EXPECT_EQ(strided_starts(120, 112, 18), (Sizes{0, 8}));
  EXPECT_EQ(strided_starts(160, 112, 18), (Sizes{0, 18, 36, 48}));
  EXPECT_EQ(strided_starts(88, 80, 4), (Sizes{0, 4, 8}));
  EXPECT_EQ(strided_starts(80, 80, 4), (Sizes{0}));
}

TEST(WindowGrid, EvenWindowsAreAsFarApartAsEachOther) {
  EXPECT_EQ(even_starts(30, 16, 0.5), (Sizes{0, 7, 14}));
  EXPECT_EQ(even_starts(22, 16, 0.5), (Sizes{0, 6}));
  EXPECT_EQ(even_starts(16, 16, 0.5), (Sizes{0}));
  EXPECT_EQ(even_starts(21, 16, 0.2), (Sizes{0, 2, 5})) << "2.5 to the even neighbour";
}

TEST(WindowGrid, GaussianHasItsTopBehindTheMiddleAndSigmaOfAnEighth) {
  const std::vector<double> even = gaussian_profile(8), odd = gaussian_profile(5);
  for (int i = 0; i < 8; ++i)
    EXPECT_DOUBLE_EQ(even[static_cast<size_t>(i)], std::exp(-0.5 * (i - 4) * (i - 4)));
  EXPECT_DOUBLE_EQ(odd[2], 1);
  EXPECT_DOUBLE_EQ(odd[0], std::exp(-0.5 * 3.2 * 3.2));
  EXPECT_EQ(gaussian_profile(1), std::vector<double>{1});
}

// Two logits, 0 and the first voxel of the window: what a window said can be told afterwards.
at::Tensor say_first_voxel(const at::Tensor& image) {
  const at::Tensor flat = image.flatten(1);
  const at::Tensor first = (at::zeros_like(image).flatten(1) + flat.narrow(1, 0, 1)).view_as(image);
  return at::cat({at::zeros_like(first), first}, 1);
}

// 1 × 1 × n.
at::Tensor line(const std::vector<float>& values) { return at::tensor(values).view({1, 1, 1, -1}); }

TEST(SlidingWindow, AveragesWhereWindowsOverlap) {
  const SlidingWindowOptions options{
      .patch_size = {1, 1, 3}, .stride = {1, 1, 2}, .activation = WindowActivation::kNone};
  const at::Tensor scores = score_sliding_window(line({0, 1, 2, 3, 4}), say_first_voxel, options);
  EXPECT_TRUE(at::equal(scores[1].flatten(), at::tensor({0.f, 0.f, 1.f, 2.f, 2.f})));
}

TEST(SlidingWindow, GaussianWeightsTheMean) {
  SlidingWindowOptions options{.patch_size = {1, 1, 3},
                               .stride = {1, 1, 2},
                               .activation = WindowActivation::kNone,
                               .weighting = WindowWeighting::kGaussian};
  // Voxel 2 is the last of window 0, which says 1, and the first of window 2, which says 5.
  at::Tensor scores = score_sliding_window(line({1, 0, 5, 0, 0}), say_first_voxel, options);
  EXPECT_NEAR(scores[1].flatten()[2].item<double>(), 3, 1e-6);
  // Voxel 1 is the middle of window 0, which says 1, and the first of window 1, which says 4.
  options.stride = {1, 1, 1};
  scores = score_sliding_window(line({1, 4, 0, 0}), say_first_voxel, options);
  const double edge = std::exp(-0.5 * (8. / 3) * (8. / 3));
  EXPECT_NEAR(scores[1].flatten()[1].item<double>(), (1 + 4 * edge) / (1 + edge), 1e-6);
}

TEST(SlidingWindow, ConstantLogitsGiveTheConstant) {
  const at::Tensor logits = at::tensor({0.5, 2.0, -1.0}, at::kFloat).view({1, 3, 1, 1, 1});
  const ImagePredictor constant = [&](const at::Tensor& image) {
    return logits.expand({image.size(0), 3, image.size(2), image.size(3), image.size(4)});
  };
  for (const auto weighting : {WindowWeighting::kUniform, WindowWeighting::kGaussian}) {
    for (const auto padding : {WindowPadding::kCentred, WindowPadding::kMargin}) {
      for (const Sizes& size : {Sizes{7, 9, 11}, Sizes{4, 5, 6}, Sizes{2, 9, 1}}) {
        SlidingWindowOptions options{.patch_size = {4, 5, 6},
                                     .activation = WindowActivation::kNone,
                                     .weighting = weighting,
                                     .padding = padding};
        for (const Sizes& stride : {Sizes{}, Sizes{1, 3, 2}}) {
          options.stride = stride;
          const at::Tensor image = at::ones({2, size[0], size[1], size[2]});
          const at::Tensor scores = score_sliding_window(image, constant, options);
          EXPECT_TRUE(at::allclose(scores, logits[0].expand_as(scores), 1e-6, 1e-6))
              << testing::PrintToString(size);
          EXPECT_TRUE(at::equal(segment_sliding_window(image, constant, options),
                                at::ones(size, at::kByte)));
        }
      }
    }
  }
}

TEST(SlidingWindow, ShowsEveryWindowOnceInRasterOrderWhateverTheBatch) {
  const at::Tensor image = at::arange(5 * 4 * 6, at::kFloat).view({1, 5, 4, 6});
  SlidingWindowOptions options{.patch_size = {3, 4, 4}, .stride = {2, 1, 2}};
  for (const int64_t batch : {1, 3, 100}) {
    options.batch = batch;
    std::vector<at::Tensor> seen;
    const ImagePredictor network = [&](const at::Tensor& windows) {
      EXPECT_LE(windows.size(0), batch);
      for (const at::Tensor& one : windows.unbind()) seen.push_back(one.clone());
      return say_first_voxel(windows);
    };
    segment_sliding_window(image, network, options);
    ASSERT_EQ(seen.size(), 4);
    size_t i = 0;
    for (const int64_t z : {0, 2}) {
      for (const int64_t x : {0, 2})
        EXPECT_TRUE(at::equal(seen[i++], image.narrow(1, z, 3).narrow(3, x, 4))) << z << ' ' << x;
    }
  }
}

TEST(SlidingWindow, TheAdditionsAreTheSameForAnyBatch) {
  const at::Tensor image = at::arange(9 * 8 * 7, at::kFloat).mul(0.37).sin().view({1, 9, 8, 7});
  SlidingWindowOptions options{.patch_size = {4, 4, 4}, .stride = {1, 3, 2}};
  const at::Tensor one = score_sliding_window(image, say_first_voxel, options);
  for (const int64_t batch : {2, 5, 64}) {
    options.batch = batch;
    EXPECT_TRUE(at::equal(score_sliding_window(image, say_first_voxel, options), one)) << batch;
  }
}

// Returns the inputs of the network for the line 7 8 with a window of 5.
std::vector<std::vector<float>> windows_of_small(WindowPadding padding) {
  std::vector<std::vector<float>> seen;
  const ImagePredictor network = [&](const at::Tensor& image) {
    const at::Tensor flat = image[0][0][1][1].contiguous();
    const float* values = flat.const_data_ptr<float>();
    seen.emplace_back(values, values + 5);
    return say_first_voxel(image);
  };
  const SlidingWindowOptions options{
      .patch_size = {3, 3, 5}, .stride = {9, 9, 1}, .padding = padding};
  const at::Tensor volume = line({7, 8}).expand({1, 3, 3, 2});
  EXPECT_EQ(segment_sliding_window(volume, network, options).sizes(), (Sizes{3, 3, 2}));
  return seen;
}

TEST(SlidingWindow, CentredPaddingPutsTheOddVoxelAtTheEnd) {
  EXPECT_EQ(windows_of_small(WindowPadding::kCentred),
            (std::vector<std::vector<float>>{{0, 7, 8, 0, 0}}));
}

// (5 - 2)/2 + 1 = 2 at both ends; the sides of 3, as large as the window, get one voxel, and so two
// windows each: 2 · 2 · 2 in all.
TEST(SlidingWindow, MarginPaddingAddsAVoxelMoreToEveryAxis) {
  const auto seen = windows_of_small(WindowPadding::kMargin);
  ASSERT_EQ(seen.size(), 8);
  EXPECT_EQ(seen[0], (std::vector<float>{0, 0, 7, 8, 0}));
  EXPECT_EQ(seen[1], (std::vector<float>{0, 7, 8, 0, 0}));
}

TEST(SlidingWindow, WindowsOfTwoAxesLieInTheSlices) {
  int64_t calls = 0;
  const ImagePredictor network = [&](const at::Tensor& image) {
    EXPECT_EQ(image.sizes(), (Sizes{1, 2, 4, 3}));
    ++calls;
    const at::Tensor first = image.narrow(1, 0, 1);
    return at::cat({-first, first}, 1);
  };
  const at::Tensor depth = at::arange(3, at::kFloat).sub(1).view({1, 3, 1, 1}).expand({2, 3, 6, 3});
  const at::Tensor labels =
      segment_sliding_window(depth, network, {.patch_size = {4, 3}, .stride = {2, 2}});
  EXPECT_EQ(calls, 6);
  EXPECT_TRUE(at::equal(labels, depth[0].gt(0).to(at::kByte))) << "0 is a tie: the first class";
}

TEST(SlidingWindow, ForegroundIsAboveOneHalf) {
  const ImagePredictor one_logit = [](const at::Tensor& image) { return image; };
  const at::Tensor labels = segment_sliding_window(line({-1, 0, 1e-3f}), one_logit,
                                                   {.patch_size = {1, 1, 3},
                                                    .activation = WindowActivation::kSigmoid,
                                                    .decision = WindowDecision::kForeground});
  EXPECT_TRUE(at::equal(labels.flatten(), at::tensor({0, 0, 1}, at::kByte)));
}

TEST(SlidingWindow, GivesPlanesAwayInOrder) {
  std::vector<int64_t> planes;
  score_sliding_window(at::zeros({1, 7, 4, 4}), say_first_voxel,
                       {.patch_size = {3, 4, 4}, .stride = {2, 1, 1}},
                       [&](int64_t index, const at::Tensor& scores) {
                         EXPECT_EQ(scores.sizes(), (Sizes{2, 4, 4}));
                         planes.push_back(index);
                       });
  EXPECT_EQ(planes, (Sizes{0, 1, 2, 3, 4, 5, 6}));
}

// Bytes of tensors that were alive at once on this thread, since it was made.
class TensorBytes : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
    live_ += bytes;
    peak_ = std::max(peak_, live_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  int64_t live_ = 0, peak_ = 0;
};

TEST(SlidingWindow, HoldsASlabAndABatchButNeverTheMapsOfTheVolume) {
  constexpr int64_t kD = 60, kH = 40, kW = 36, kClasses = 6, kBatch = 2;
  constexpr int64_t kDepth = 6, kWindow = kDepth * 8 * 8, kFloat = 4;
  const ImagePredictor network = [](const at::Tensor& image) {
    return image.expand({-1, kClasses, -1, -1, -1});
  };
  const at::Tensor image = at::zeros({1, kD, kH, kW});
  const auto bytes = std::make_shared<TensorBytes>();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, bytes);
    segment_sliding_window(image, network,
                           {.patch_size = {kDepth, 8, 8}, .stride = {3, 4, 4}, .batch = kBatch});
  }
  const int64_t slab = kClasses * kDepth * kH * kW * kFloat;
  const int64_t labels = kD * kH * kW;
  const int64_t batch = kBatch * (1 + 3 * kClasses) * kWindow * kFloat;
  const int64_t planes = 4 * kH * kW * 8;  // coverage, and the labels of a plane as argmax has them
  EXPECT_GE(bytes->peak(), slab + labels);
  EXPECT_LE(bytes->peak(), slab + labels + batch + planes);
  EXPECT_LT(bytes->peak(), kClasses * kD * kH * kW * kFloat / 4);
}

TEST(SlidingWindow, NamesADecisionThatTheNetworkCannotServe) {
  const at::Tensor image = at::zeros({1, 4, 4, 4});
  const auto segment = [&](int64_t logits, const SlidingWindowOptions& options) {
    segment_sliding_window(
        image,
        [=](const at::Tensor& x) {
          return x.expand({-1, logits, -1, -1, -1});
        },
        options);
  };
  SlidingWindowOptions options{.patch_size = {4, 4, 4}};
  expect_error(ErrorKind::kConfig,
               {"inference", "two or more for decision = argmax", "got:      1"},
               [&] { segment(1, options); });
  options.decision = WindowDecision::kForeground;
  expect_error(ErrorKind::kConfig, {"two or more for activation = softmax"},
               [&] { segment(1, options); });
  expect_error(ErrorKind::kConfig, {"one or two for decision = foreground", "got:      3"},
               [&] { segment(3, options); });
}

}  // namespace
}  // namespace semiseg
