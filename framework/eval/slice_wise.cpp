// SPDX-License-Identifier: Apache-2.0
#include "framework/eval/slice_wise.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// slices [N,C,H,W] → label maps [N,H,W] uint8.
at::Tensor segment_slices(const at::Tensor& slices, const ImagePredictor& predict,
                          const SliceWiseOptions& options) {
  const std::vector<int64_t> network_size(options.patch_size.begin(), options.patch_size.end());
  const std::vector<int64_t> size = {slices.size(2), slices.size(3)};
  const bool is_bilinear = options.resize == SliceResize::kBilinear;
  const at::Tensor logits =
      predict(is_bilinear ? at::upsample_bilinear2d(slices, network_size, /*align_corners=*/false)
                          : zoom_order0(slices, network_size, options.edge));
  SEMISEG_CHECK(logits.dim() == 4 && logits.size(0) == slices.size(0) && logits.size(1) <= 256 &&
                    logits.sizes().slice(2) == at::IntArrayRef(network_size),
                "the predictor gives [N,K,h,w], at most 256 classes");
  if (is_bilinear) {
    return at::upsample_bilinear2d(logits, size, /*align_corners=*/false)
        .argmax(1)
        .to(at::kCPU, at::kByte);
  }
  return zoom_order0(logits.argmax(1).to(at::kCPU, at::kByte), size, options.edge);
}

}  // namespace

SliceWiseOptions SliceWiseOptions::read(const Config& section,
                                        const std::vector<int64_t>& patch_size) {
  SEMISEG_CHECK(patch_size.size() == 2, "a network of slices");
  SliceWiseOptions o{.patch_size = {patch_size[0], patch_size[1]}};
  std::string resize = "order0";
  bool is_reference = false;
  section.read("resize", resize, {"order0", "bilinear"},
               "slices to the network's size and back: zoom of order 0 of image and labels "
               "(SSL4MIS), or bilinear of image and logits (UniMatch)");
  section.read("zoom_reference", is_reference,
               "zoom loses the last row or column of some sizes, as SciPy does; only to repeat "
               "published runs");
  section.read("batch", o.batch, {1, 4096}, "windows or slices that the network sees at once");
  o.resize = resize == "bilinear" ? SliceResize::kBilinear : SliceResize::kOrder0;
  o.edge = is_reference ? ZoomEdge::kReference : ZoomEdge::kClamp;
  return o;
}

at::Tensor segment_slice_wise(const at::Tensor& image, const ImagePredictor& predict,
                              const SliceWiseOptions& options) {
  SEMISEG_CHECK(image.dim() == 4 && image.is_cpu(), "an image [C,D,H,W] on the CPU");
  SEMISEG_CHECK(options.batch >= 1, "at least one slice a batch");
  const at::NoGradGuard no_grad;
  const at::Tensor slices = image.transpose(0, 1);  // [D,C,H,W]
  const int64_t depth = slices.size(0);
  std::vector<at::Tensor> labels;
  for (int64_t begin = 0; begin < depth; begin += options.batch) {
    const int64_t end = std::min(begin + options.batch, depth);
    labels.push_back(segment_slices(slices.slice(0, begin, end), predict, options));
  }
  return at::cat(labels);
}

}  // namespace semiseg
