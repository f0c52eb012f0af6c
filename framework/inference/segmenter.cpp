// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/segmenter.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

namespace semiseg {
namespace {

InferenceOptions::Mode read_mode(const Config& section, const std::vector<int64_t>& patch_size) {
  std::string mode = "auto";
  section.read(
      "mode", mode, {"auto", "slice_wise", "sliding_window"},
      "Way through a volume: whole slices resized to the patch (slice_wise), or overlapping "
      "windows of the patch size (sliding_window); auto: slices for a patch of two axes, windows "
      "for one of three. Set sliding_window where slices must keep their resolution.");
  if (mode == "slice_wise" && patch_size.size() != 2) {
    section.fail("mode", "slices cannot be shown to a network of volumes",
                 fmt::format("sliding_window for protocol.patch_size = {}", patch_size));
  }
  const bool is_slice_wise = mode == "slice_wise" || (mode == "auto" && patch_size.size() == 2);
  return is_slice_wise ? InferenceOptions::Mode::kSliceWise
                       : InferenceOptions::Mode::kSlidingWindow;
}

}  // namespace

InferenceOptions InferenceOptions::read(const Config& section,
                                        const std::vector<int64_t>& patch_size, int64_t axial_axis,
                                        int64_t classes) {
  InferenceOptions o{.mode = read_mode(section, patch_size)};
  if (o.mode == Mode::kSliceWise) {
    o.slice_wise = SliceWiseOptions::read(section, patch_size);
  } else {
    o.sliding_window = SlidingWindowOptions::read(section, patch_size, classes);
  }
  o.axial_axis = patch_size.size() == 2 ? axial_axis : 0;
  const auto axes = static_cast<double>(patch_size.size());
  section.read("mirror_axes", o.mirror_axes, {0, axes - 1},
               "Axes of the patch along which mirror images are predicted, too, with logits "
               "averaged. Each axis doubles the time; it often gains a little Dice.");
  if (std::set(o.mirror_axes.begin(), o.mirror_axes.end()).size() != o.mirror_axes.size())
    section.fail("mirror_axes", "an axis is there twice", "each axis once");
  return o;
}

at::Tensor segment(const at::Tensor& image, const ImagePredictor& predict,
                   const InferenceOptions& options) {
  const ImagePredictor network = mirrored(predict, options.mirror_axes);
  const at::Tensor slices_first = image.movedim(options.axial_axis + 1, 1);
  const at::Tensor labels =
      options.mode == InferenceOptions::Mode::kSliceWise
          ? segment_slice_wise(slices_first, network, options.slice_wise)
          : segment_sliding_window(slices_first, network, options.sliding_window);
  return labels.movedim(0, options.axial_axis).contiguous();
}

at::Tensor class_probabilities(const at::Tensor& image, const ImagePredictor& predict,
                               const InferenceOptions& options) {
  const ImagePredictor network = mirrored(predict, options.mirror_axes);
  const at::Tensor slices_first = image.movedim(options.axial_axis + 1, 1);
  at::Tensor scores;
  if (options.mode == InferenceOptions::Mode::kSliceWise) {
    scores = score_slice_wise(slices_first, network, options.slice_wise);
  } else {
    SlidingWindowOptions windows = options.sliding_window;
    windows.decision = WindowDecision::kArgmax;  // scores of all classes
    scores = score_sliding_window(slices_first, network, windows);
    if (windows.activation == WindowActivation::kNone) scores = at::softmax(scores, 0);
  }
  if (scores.size(0) == 1) scores = at::cat({1 - scores, scores});
  return scores.to(at::kFloat).movedim(1, options.axial_axis + 1).contiguous();
}

}  // namespace semiseg
