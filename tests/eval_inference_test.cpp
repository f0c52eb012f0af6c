// SPDX-License-Identifier: Apache-2.0
// Inference on whole volumes against what the references computed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "framework/eval/slice_wise.h"
#include "framework/eval/sliding_window.h"
#include "framework/eval/window_grid.h"
#include "tests/fixture_network.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

using Sizes = std::vector<int64_t>;

void expect_slice_wise(const std::string& prefix, SliceResize resize) {
  const auto cases = load_cases("inference", prefix);
  EXPECT_EQ(cases.size(), 2);
  for (const ParityCase& c : cases) {
    const ImagePredictor network = fixture_network(c, 4, 2);
    const auto size = c.options["network_size"].get<std::array<int64_t, 2>>();
    for (const int64_t batch : {1, 2, 8}) {
      const at::Tensor labels =
          segment_slice_wise(c.tensor("in.image").unsqueeze(0), network,
                             {.patch_size = size, .batch = batch, .resize = resize});
      EXPECT_TRUE(compare(c, "out.labels", labels)) << c.file << ", batch " << batch;
    }
  }
}

TEST(InferenceParity, SliceWise) { expect_slice_wise("slice_wise-", SliceResize::kOrder0); }

TEST(InferenceParity, SliceWiseBilinear) {
  expect_slice_wise("slice_wise_bilinear-", SliceResize::kBilinear);
}

SlidingWindowOptions strided_options(const ParityCase& c) {
  const int64_t in_plane = c.options["stride_xy"], along = c.options["stride_z"];
  return {.patch_size = c.options["patch"].get<Sizes>(),
          .stride = {in_plane, in_plane, along},
          .activation = c.options["activation"] == "sigmoid" ? WindowActivation::kSigmoid
                                                             : WindowActivation::kSoftmax,
          .decision = c.options["decision"] == "argmax" ? WindowDecision::kArgmax
                                                        : WindowDecision::kForeground};
}

TEST(InferenceParity, SlidingWindow) {
  const auto cases = load_cases("inference", "sliding_window-");
  EXPECT_EQ(cases.size(), 14);
  for (const ParityCase& c : cases) {
    SlidingWindowOptions options = strided_options(c);
    const int64_t heads = c.options["heads"];
    const ImagePredictor network = fixture_network(c, heads, 3);
    const at::Tensor image = c.tensor("in.image").unsqueeze(0);
    for (options.batch = 1; options.batch <= 4; options.batch += 3) {
      at::Tensor scores = score_sliding_window(image, network, options);
      if (c.options["score_rows"] == "foreground in every row")
        scores = scores.expand({heads, -1, -1, -1});
      EXPECT_TRUE(compare(c, "out.scores", scores)) << "batch " << options.batch;
      EXPECT_TRUE(compare(c, "out.labels", segment_sliding_window(image, network, options)))
          << "batch " << options.batch;
    }
  }
}

// The reference's window starts and importance map, by the parts that they are made of here.
void expect_nnunet_grid(const ParityCase& c, const SlidingWindowOptions& options) {
  const Sizes& patch = options.patch_size;
  const Sizes size = c.options["size"].get<Sizes>();
  at::Tensor importance =
      at::full({}, c.options["value_scaling_factor"].get<double>(), at::kDouble);
  for (size_t i = 0; i < patch.size(); ++i) {
    const int64_t side = std::max(size[size.size() - patch.size() + i], patch[i]);
    EXPECT_TRUE(compare(c, "out.start." + std::to_string(i),
                        at::tensor(even_starts(side, patch[i], options.step), at::kLong)));
    importance = importance.unsqueeze(-1) * at::tensor(gaussian_profile(patch[i]), at::kDouble);
  }
  EXPECT_TRUE(compare(c, "out.importance", importance));
}

TEST(InferenceParity, NnunetWindow) {
  const auto cases = load_cases("inference", "nnunet_window-");
  EXPECT_EQ(cases.size(), 5);
  for (const ParityCase& c : cases) {
    SlidingWindowOptions options{.patch_size = c.options["patch"].get<Sizes>(),
                                 .step = c.options["tile_step"],
                                 .activation = WindowActivation::kNone,
                                 .weighting = WindowWeighting::kGaussian};
    const auto& axes = c.options["mirror_axes"];
    const ImagePredictor network =
        mirrored(fixture_network(c, c.options["classes"], std::ssize(options.patch_size)),
                 axes.is_null() ? Sizes{} : axes.get<Sizes>());
    expect_nnunet_grid(c, options);
    const at::Tensor image = c.tensor("in.image");
    for (options.batch = 1; options.batch <= 4; options.batch += 3) {
      EXPECT_TRUE(compare(c, "out.logits", score_sliding_window(image, network, options)));
      EXPECT_TRUE(compare(c, "out.labels", segment_sliding_window(image, network, options)));
    }
  }
}

}  // namespace
}  // namespace semiseg
