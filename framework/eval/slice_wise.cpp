// SPDX-License-Identifier: Apache-2.0
#include "framework/eval/slice_wise.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// slices [N,C,H,W] → label maps [N,H,W] uint8.
at::Tensor segment_slices(const at::Tensor& slices, const SlicePredictor& predict,
                          const SliceWiseOptions& options) {
  const std::vector<int64_t> network_size(options.patch_size.begin(), options.patch_size.end());
  const at::Tensor logits = predict(zoom_order0(slices, network_size, options.edge));
  SEMISEG_CHECK(logits.dim() == 4 && logits.size(0) == slices.size(0) && logits.size(1) <= 256 &&
                    logits.sizes().slice(2) == at::IntArrayRef(network_size),
                "the predictor gives [N,K,h,w], at most 256 classes");
  const at::Tensor labels = logits.argmax(1).to(at::kByte).cpu();
  return zoom_order0(labels, {slices.size(2), slices.size(3)}, options.edge);
}

}  // namespace

at::Tensor segment_slice_wise(const at::Tensor& image, const SlicePredictor& predict,
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
