// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/slice_wise.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// Returns the logits [N,K,h,w] of slices [N,C,H,W], at the network's size.
at::Tensor network_logits(const at::Tensor& slices, const ImagePredictor& predict,
                          const SliceWiseOptions& options) {
  const std::vector<int64_t> size(options.patch_size.begin(), options.patch_size.end());
  const bool is_bilinear = options.resize == SliceResize::kBilinear;
  const at::Tensor logits =
      predict(is_bilinear ? at::upsample_bilinear2d(slices, size, /*align_corners=*/false)
                          : zoom_order0(slices, size, options.edge));
  SEMISEG_CHECK(logits.dim() == 4 && logits.size(0) == slices.size(0) && logits.size(1) <= 256 &&
                    logits.sizes().slice(2) == at::IntArrayRef(size),
                "the predictor gives [N,K,h,w], at most 256 classes");
  return logits;
}

// → label maps [N,H,W] uint8.
at::Tensor labels_of(const at::Tensor& logits, const std::vector<int64_t>& size,
                     const SliceWiseOptions& options) {
  if (options.resize == SliceResize::kBilinear) {
    return at::upsample_bilinear2d(logits, size, /*align_corners=*/false)
        .argmax(1)
        .to(at::kCPU, at::kByte);
  }
  return zoom_order0(logits.argmax(1).to(at::kCPU, at::kByte), size, options.edge);
}

// → probabilities [N,K,H,W] float32.
at::Tensor probabilities_of(const at::Tensor& logits, const std::vector<int64_t>& size,
                            const SliceWiseOptions& options) {
  if (options.resize == SliceResize::kBilinear) {
    return at::softmax(at::upsample_bilinear2d(logits, size, /*align_corners=*/false), 1)
        .to(at::kCPU, at::kFloat);
  }
  return zoom_order0(at::softmax(logits, 1).to(at::kCPU, at::kFloat), size, options.edge);
}

// Applies `finish` to the logits of all slices and stacks the results along D.
template <typename Finish>
at::Tensor of_slices(const at::Tensor& image, const ImagePredictor& predict,
                     const SliceWiseOptions& options, const Finish& finish) {
  SEMISEG_CHECK(image.dim() == 4 && image.is_cpu(), "an image [C,D,H,W] on the CPU");
  SEMISEG_CHECK(options.batch >= 1, "at least one slice a batch");
  const at::NoGradGuard no_grad;
  const at::Tensor slices = image.transpose(0, 1);  // [D,C,H,W]
  const std::vector<int64_t> size = {slices.size(2), slices.size(3)};
  std::vector<at::Tensor> parts;
  for (const at::Tensor& some : slices.split(options.batch))
    parts.push_back(finish(network_logits(some, predict, options), size, options));
  return at::cat(parts);
}

}  // namespace

SliceWiseOptions SliceWiseOptions::read(const Config& section,
                                        const std::vector<int64_t>& patch_size) {
  SEMISEG_CHECK(patch_size.size() == 2, "a network of slices");
  SliceWiseOptions o{.patch_size = {patch_size[0], patch_size[1]}};
  std::string resize = "order0";
  bool is_reference = false;
  section.read("resize", resize, {"order0", "bilinear"},
               "Interpolation of slices to the size of the network and back: nearest neighbour of "
               "image and labels (order0, SSL4MIS), or bilinear of image and logits (bilinear, "
               "UniMatch). bilinear gives smoother borders.");
  section.read("zoom_reference", is_reference,
               "Loses the last row or column when slices of some sizes are resized, as SciPy does. "
               "Switch it on only to repeat published runs.");
  section.read("batch", o.batch, {1, 4096},
               "Number of slices or windows in one forward pass. Raise it on a GPU for speed; the "
               "last bits of the scores can depend on it.");
  o.resize = resize == "bilinear" ? SliceResize::kBilinear : SliceResize::kOrder0;
  o.edge = is_reference ? ZoomEdge::kReference : ZoomEdge::kClamp;
  return o;
}

at::Tensor segment_slice_wise(const at::Tensor& image, const ImagePredictor& predict,
                              const SliceWiseOptions& options) {
  return of_slices(image, predict, options, labels_of);
}

at::Tensor score_slice_wise(const at::Tensor& image, const ImagePredictor& predict,
                            const SliceWiseOptions& options) {
  return of_slices(image, predict, options, probabilities_of).transpose(0, 1);
}

}  // namespace semiseg
