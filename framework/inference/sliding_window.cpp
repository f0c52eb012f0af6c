// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/sliding_window.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace {

using Starts = std::array<int64_t, 3>;

// Windows on a volume, and the axes that they lie along; windows of two axes have 1 voxel along the
// first.
struct Windows {
  std::array<WindowAxis, 3> axes;
  bool is_planar = false;
  std::vector<Starts> starts;  // raster order
  at::Tensor weight;           // [d,h,w]; undefined: 1
};

// Padding at the beginning of an axis and at both ends.
struct Padding {
  int64_t before = 0, both = 0;
};

Padding padding_of(const WindowAxis& axis, WindowPadding kind) {
  const int64_t missing = axis.patch - axis.size;
  if (missing < 0) return {};
  if (kind == WindowPadding::kCentred) return {missing / 2, missing};
  return {missing / 2 + 1, 2 * (missing / 2 + 1)};
}

void set_coverage(WindowAxis& axis) {
  axis.coverage.assign(static_cast<size_t>(axis.size), 0);
  for (const int64_t start : axis.starts) {
    for (int64_t i = std::max<int64_t>(0, -start); i < std::min(axis.patch, axis.size - start); ++i)
      axis.coverage[static_cast<size_t>(start + i)] += axis.profile[static_cast<size_t>(i)];
  }
}

void say_padding_once(const Windows& windows) {
  static std::atomic_flag said;
  if (said.test_and_set()) return;
  const auto& [d, h, w] = windows.axes;
  log::info(
      "a volume of {} × {} × {} is smaller than the window of {} × {} × {}: padded with "
      "zeros, as all others will be",
      d.size, h.size, w.size, d.patch, h.patch, w.patch);
}

std::vector<int64_t> starts_on(const WindowAxis& axis, const Padding& padding, int64_t stride,
                               double step) {
  const int64_t size = axis.size + padding.both;
  std::vector<int64_t> starts =
      stride > 0 ? strided_starts(size, axis.patch, stride) : even_starts(size, axis.patch, step);
  for (int64_t& start : starts) start -= padding.before;
  return starts;
}

// [d,h,w] double.
at::Tensor weight_of(const std::array<WindowAxis, 3>& axes) {
  const auto profile = [](const WindowAxis& axis) { return at::tensor(axis.profile, at::kDouble); };
  return at::outer(at::outer(profile(axes[0]), profile(axes[1])).flatten(), profile(axes[2]))
      .view({axes[0].patch, axes[1].patch, axes[2].patch});
}

Windows lay_out(const at::Tensor& image, const SlidingWindowOptions& options) {
  Windows windows{.is_planar = options.patch_size.size() == 2};
  const size_t first = windows.is_planar ? 1 : 0;
  bool is_small = false;
  for (size_t i = 0; i < 3; ++i) {
    WindowAxis& axis = windows.axes[i];
    axis.size = image.size(static_cast<int64_t>(i) + 1);
    axis.patch = i < first ? 1 : options.patch_size[i - first];
    is_small = is_small || axis.size < axis.patch;
  }
  if (is_small) say_padding_once(windows);
  const bool is_gaussian = options.weighting == WindowWeighting::kGaussian;
  for (size_t i = 0; i < 3; ++i) {
    WindowAxis& axis = windows.axes[i];
    const bool is_slice_axis = i < first;
    const Padding padding =
        is_small && !is_slice_axis ? padding_of(axis, options.padding) : Padding{};
    const int64_t stride = is_slice_axis            ? 1
                           : options.stride.empty() ? 0
                                                    : options.stride[i - first];
    axis.starts = starts_on(axis, padding, stride, options.step);
    axis.profile = is_gaussian ? gaussian_profile(axis.patch)
                               : std::vector<double>(static_cast<size_t>(axis.patch), 1);
    set_coverage(axis);
  }
  for (const int64_t z : windows.axes[0].starts) {
    for (const int64_t y : windows.axes[1].starts) {
      for (const int64_t x : windows.axes[2].starts) windows.starts.push_back({z, y, x});
    }
  }
  if (is_gaussian) windows.weight = weight_of(windows.axes);
  return windows;
}

// [N,C,d,h,w], zeros outside the image.
at::Tensor cut_out(const at::Tensor& image, const Windows& windows, size_t begin, size_t end) {
  const auto& axes = windows.axes;
  const at::Tensor batch = at::zeros({static_cast<int64_t>(end - begin), image.size(0),
                                      axes[0].patch, axes[1].patch, axes[2].patch},
                                     image.options());
  for (size_t n = begin; n < end; ++n) {
    at::Tensor from = image, to = batch[static_cast<int64_t>(n - begin)];
    for (size_t i = 0; i < 3; ++i) {
      const int64_t start = windows.starts[n][i];
      const int64_t low = std::max<int64_t>(start, 0);
      const int64_t high = std::min(start + axes[i].patch, axes[i].size);
      from = from.slice(static_cast<int64_t>(i) + 1, low, high);
      to = to.slice(static_cast<int64_t>(i) + 1, low - start, high - start);
    }
    to.copy_(from);
  }
  return batch;
}

[[noreturn]] void fail_logits(const char* expected, int64_t logits) {
  throw Error(ErrorKind::kConfig,
              {.what = "the decision or activation does not fit the network's number of logits",
               .where = "section [inference]",
               .expected = expected,
               .got = fmt::format("{}", logits)});
}

// Returns the scores [N,R,d,h,w] to be averaged, from logits [N,K,d,h,w].
at::Tensor scores_of(const at::Tensor& logits, const SlidingWindowOptions& options) {
  const int64_t classes = logits.size(1);
  const bool is_foreground = options.decision == WindowDecision::kForeground;
  if (is_foreground && classes > 2) fail_logits("one or two for decision = foreground", classes);
  if (!is_foreground && classes < 2) fail_logits("two or more for decision = argmax", classes);
  if (options.activation == WindowActivation::kSoftmax && classes < 2)
    fail_logits("two or more for activation = softmax", classes);
  at::Tensor scores = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  if (options.activation == WindowActivation::kSoftmax) scores = at::softmax(scores, 1);
  if (options.activation == WindowActivation::kSigmoid) scores = at::sigmoid(scores);
  return is_foreground ? scores.narrow(1, classes - 1, 1) : scores;
}

at::Tensor predict_batch(const at::Tensor& batch, const ImagePredictor& predict,
                         const SlidingWindowOptions& options, bool is_planar) {
  at::Tensor logits = predict(is_planar ? batch.squeeze(2) : batch);
  if (is_planar) logits = logits.unsqueeze(2);
  SEMISEG_CHECK(logits.dim() == 5 && logits.size(0) == batch.size(0) &&
                    logits.sizes().slice(2) == batch.sizes().slice(2),
                "the predictor gives [N,K,S] for [N,C,S]");
  return scores_of(logits, options);
}

void check_options(const at::Tensor& image, const SlidingWindowOptions& options) {
  const size_t axes = options.patch_size.size();
  SEMISEG_CHECK(image.dim() == 4 && image.is_cpu(), "an image [C,D,H,W] on the CPU");
  SEMISEG_CHECK(axes == 2 || axes == 3, "a patch of two or three axes");
  SEMISEG_CHECK(options.stride.empty() || options.stride.size() == axes,
                "one stride for each axis of the patch");
  SEMISEG_CHECK(options.decision != WindowDecision::kForeground ||
                    options.activation != WindowActivation::kNone,
                "0.5 is a threshold of probabilities");
  SEMISEG_CHECK(options.batch >= 1, "at least one window a batch");
}

}  // namespace

SlidingWindowOptions SlidingWindowOptions::read(const Config& section,
                                                std::vector<int64_t> patch_size, int64_t classes) {
  SlidingWindowOptions o{.patch_size = std::move(patch_size)};
  std::string weighting = "uniform", activation = "softmax", decision = "argmax",
              padding = "centred";
  section.read(
      "stride", o.stride, {1, 4096},
      "Step from window to window for each axis of the patch, in voxels; []: step decides. Smaller "
      "strides are slower and smoother; published runs on LA use [18, 18, 4].");
  section.read("step", o.step, {0.01, 1},
               "Largest step from window to window as a fraction of the patch, windows evenly "
               "spaced; where no stride is given. 0.5 is the step of nnU-Net.");
  section.read("weighting", weighting, {"uniform", "gaussian"},
               "Weight of the voxels of a window in the average: all alike (uniform), or less away "
               "from its centre (gaussian, nnU-Net). gaussian hides the borders of windows.");
  section.read(
      "activation", activation, {"softmax", "sigmoid", "none"},
      "Quantity that is averaged over windows: probabilities (softmax, sigmoid), or logits (none, "
      "nnU-Net). Take sigmoid for networks with one output or independent outputs.");
  section.read("decision", decision, {"argmax", "foreground"},
               "Label of a voxel: the class of the largest mean score (argmax), or, with one or "
               "two outputs, the last class where its score is above 0.5 (foreground). Change it "
               "only to repeat a reference.");
  section.read("padding", padding, {"centred", "margin"},
               "Zeros around a volume that is smaller than the window: up to its size (centred), "
               "or one voxel more at both ends of every axis (margin; GenericSSL, DHC). Change it "
               "only to repeat a reference.");
  section.read("batch", o.batch, {1, 4096},
               "Number of slices or windows in one forward pass. Raise it on a GPU for speed; the "
               "last bits of the scores can depend on it.");
  if (!o.stride.empty() && o.stride.size() != o.patch_size.size()) {
    section.fail("stride", "the stride does not fit the patch",
                 fmt::format("one number for each of protocol.patch_size = {}", o.patch_size));
  }
  if (decision == "foreground" && classes > 2) {
    section.fail("decision",
                 fmt::format("foreground decides between two classes, and there are {}", classes),
                 "\"argmax\" for more than two classes");
  }
  if (decision == "foreground" && activation == "none") {
    section.fail("decision", "foreground is a threshold of probabilities, and logits are averaged",
                 "activation = \"softmax\" or \"sigmoid\"");
  }
  o.weighting = weighting == "gaussian" ? WindowWeighting::kGaussian : WindowWeighting::kUniform;
  o.activation = activation == "softmax"   ? WindowActivation::kSoftmax
                 : activation == "sigmoid" ? WindowActivation::kSigmoid
                                           : WindowActivation::kNone;
  o.decision = decision == "foreground" ? WindowDecision::kForeground : WindowDecision::kArgmax;
  o.padding = padding == "margin" ? WindowPadding::kMargin : WindowPadding::kCentred;
  return o;
}

void score_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                          const SlidingWindowOptions& options, const PlaneSink& sink) {
  check_options(image, options);
  const at::NoGradGuard no_grad;
  Windows windows = lay_out(image, options);
  WindowSum sum(windows.axes, sink);
  const auto batch = static_cast<size_t>(options.batch);
  for (size_t begin = 0; begin < windows.starts.size(); begin += batch) {
    const size_t end = std::min(begin + batch, windows.starts.size());
    at::Tensor scores =
        predict_batch(cut_out(image, windows, begin, end), predict, options, windows.is_planar);
    if (windows.weight.defined()) {
      windows.weight = windows.weight.to(scores.options());
      scores = scores * windows.weight;
    }
    for (size_t n = begin; n < end; ++n)
      sum.add(windows.starts[n], scores[static_cast<int64_t>(n - begin)]);
  }
  sum.finish();
}

at::Tensor score_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                                const SlidingWindowOptions& options) {
  std::vector<at::Tensor> planes;
  score_sliding_window(image, predict, options, [&](int64_t, const at::Tensor& scores) {
    planes.push_back(scores.clone());
  });
  return at::stack(planes, 1);
}

at::Tensor segment_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                                  const SlidingWindowOptions& options) {
  const at::Tensor labels = at::empty(image.sizes().slice(1), at::kByte);
  const bool is_foreground = options.decision == WindowDecision::kForeground;
  score_sliding_window(image, predict, options, [&](int64_t index, const at::Tensor& scores) {
    SEMISEG_CHECK(scores.size(0) <= 256, "at most 256 classes");
    labels[index].copy_(is_foreground ? scores[0].gt(0.5) : scores.argmax(0));
  });
  return labels;
}

}  // namespace semiseg
