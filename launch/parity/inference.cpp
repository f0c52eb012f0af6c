// SPDX-License-Identifier: Apache-2.0
// Cases of kind `inference`: whole volumes through a network of one convolution, and the filter of
// largest components.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <array>

#include "framework/inference/image_predictor.h"
#include "framework/inference/slice_wise.h"
#include "framework/inference/sliding_window.h"
#include "framework/inference/window_grid.h"
#include "framework/nn/kernels/label_maps.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using Sizes = std::vector<int64_t>;

// One 3^n convolution, times 4.
ImagePredictor network_of(const ParityCase& c, int64_t logits, int64_t axes) {
  Sizes shape(static_cast<size_t>(axes) + 2, 3);
  shape[0] = logits;
  shape[1] = c.options.value("channels", int64_t{1});
  const NamedTensor weight{"conv.weight", at::zeros(shape)}, bias{"conv.bias", at::zeros({logits})};
  fill_parameters({weight, bias}, c.options.at("seed"), c.options.at("nets").at(0));
  const Sizes ones(static_cast<size_t>(axes), 1), zeros(static_cast<size_t>(axes), 0);
  return [=](const at::Tensor& image) {
    return 4 * at::convolution(image, weight.value, bias.value, ones, ones, ones,
                               /*transposed=*/false, zeros, /*groups=*/1);
  };
}

// The batch sizes of windows or slices, which must not change the result.
constexpr int64_t kBatches[] = {1, 4};

void run_slice_wise(const ParityCase& c, SliceResize resize, Comparison& comparison) {
  const ImagePredictor network = network_of(c, c.options.at("classes"), 2);
  const auto size = c.options.at("network_size").get<std::array<int64_t, 2>>();
  for (const int64_t batch : kBatches) {
    const SliceWiseOptions options{
        .patch_size = size, .batch = batch, .edge = ZoomEdge::kReference, .resize = resize};
    comparison.compare("out.labels",
                       segment_slice_wise(c.tensor("in.image").unsqueeze(0), network, options));
  }
}

void slice_wise(const ParityCase& c, Comparison& comparison) {
  run_slice_wise(c, SliceResize::kOrder0, comparison);
}

void slice_wise_bilinear(const ParityCase& c, Comparison& comparison) {
  run_slice_wise(c, SliceResize::kBilinear, comparison);
}

void sliding_window(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  const int64_t in_plane = o.at("stride_xy"), along = o.at("stride_z");
  const std::string convention = o.value("convention", "");
  const bool depth_first = convention == "generic_ssl" || convention == "dhc";  // others: x, y, z
  SlidingWindowOptions options{
      .patch_size = o.at("patch").get<Sizes>(),
      .stride = depth_first ? Sizes{along, in_plane, in_plane} : Sizes{in_plane, in_plane, along},
      .activation =
          o.at("activation") == "sigmoid" ? WindowActivation::kSigmoid : WindowActivation::kSoftmax,
      .decision =
          o.at("decision") == "argmax" ? WindowDecision::kArgmax : WindowDecision::kForeground,
      .weighting = o.value("weighting", "uniform") == "gaussian" ? WindowWeighting::kGaussian
                                                                 : WindowWeighting::kUniform,
      .padding = depth_first ? WindowPadding::kMargin : WindowPadding::kCentred};
  const int64_t heads = o.at("heads");
  const ImagePredictor network = network_of(c, heads, 3);
  const at::Tensor image = c.tensor("in.image").unsqueeze(0);
  for (const int64_t batch : kBatches) {
    options.batch = batch;
    at::Tensor scores = score_sliding_window(image, network, options);
    if (o.value("score_rows", "") == "foreground in every row")
      scores = scores.expand({heads, -1, -1, -1});
    comparison.compare("out.scores", scores);
    comparison.compare("out.labels", segment_sliding_window(image, network, options));
  }
}

// The reference's window starts and importance map, by the parts that they are made of here.
void compare_nnunet_grid(const ParityCase& c, const SlidingWindowOptions& options,
                         Comparison& comparison) {
  const Sizes& patch = options.patch_size;
  const Sizes size = c.options.at("size").get<Sizes>();
  at::Tensor importance =
      at::full({}, c.options.at("value_scaling_factor").get<double>(), at::kDouble);
  for (size_t i = 0; i < patch.size(); ++i) {
    const int64_t side = std::max(size.at(size.size() - patch.size() + i), patch[i]);
    comparison.compare("out.start." + std::to_string(i),
                       at::tensor(even_starts(side, patch[i], options.step), at::kLong));
    importance = importance.unsqueeze(-1) * at::tensor(gaussian_profile(patch[i]), at::kDouble);
  }
  if (c.has("out.importance") || c.has("out.importance.index"))
    comparison.compare("out.importance", importance);
}

void nnunet_window(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  SlidingWindowOptions options{.patch_size = o.at("patch").get<Sizes>(),
                               .step = o.at("tile_step"),
                               .activation = WindowActivation::kNone,
                               .weighting = o.value("gaussian", true) ? WindowWeighting::kGaussian
                                                                      : WindowWeighting::kUniform};
  const auto& axes = o.at("mirror_axes");
  const ImagePredictor network =
      mirrored(network_of(c, o.at("classes"), std::ssize(options.patch_size)),
               axes.is_null() ? Sizes{} : axes.get<Sizes>());
  compare_nnunet_grid(c, options, comparison);
  const at::Tensor image = c.tensor("in.image");
  for (const int64_t batch : kBatches) {
    options.batch = batch;
    comparison.compare("out.logits", score_sliding_window(image, network, options));
    comparison.compare("out.labels", segment_sliding_window(image, network, options));
  }
}

// BCP filters each slice of ACDC by itself. Where the reference raises, on an empty map, there is
// nothing to keep.
void largest_component_of(const ParityCase& c, Comparison& comparison) {
  const at::Tensor label = c.tensor("in.labels");
  const int64_t connectivity = c.options.at("connectivity");
  const at::Tensor found = c.options.at("variant") == "bcp_acdc"
                               ? largest_component(label, connectivity)
                               : largest_component(label.unsqueeze(0), connectivity).squeeze(0);
  if (c.has("out.labels")) return comparison.compare("out.labels", found);
  comparison.require(found.count_nonzero().item<int64_t>() == 0,
                     "a component where the reference raises");
}

const std::map<std::string, CaseRunner> kInferenceRunners = {
    {"largest_component", largest_component_of},
    {"nnunet_window", nnunet_window},
    {"slice_wise", slice_wise},
    {"slice_wise_bilinear", slice_wise_bilinear},
    {"sliding_window", sliding_window}};

}  // namespace

void run_inference(const ParityCase& c, Comparison& comparison) {
  known(kInferenceRunners, "inference", c.name)(c, comparison);
}

}  // namespace semiseg
