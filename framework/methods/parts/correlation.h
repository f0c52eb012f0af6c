// SPDX-License-Identifier: Apache-2.0
// Correlation between the pixels of an image, and labels that spread along it: CorrMatch (Sun et
// al., CVPR 2024; BBBBchan/CorrMatch). n samples of this rank, K classes, h·w pixels of the
// correlation head, H·W of the image, R regions. Slices only. Local.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace semiseg {

// A = softmax over the last axis of keyᵀ query / √K. key, query [n,K,h,w] → [n,hw,hw].
at::Tensor correlation_map(const at::Tensor& key, const at::Tensor& query);

// Logits [n,K,H,W] that were carried along the correlation: without gradient reduced to h × w,
// multiplied by A [n,hw,hw], enlarged again; both bilinear with aligned corners. Gradients reach A.
at::Tensor carried_logits(const at::Tensor& logits, const at::Tensor& correlation,
                          at::IntArrayRef head_size);

// Hard labels [n,H,W] with the pixels that count.
struct SpreadLabels {
  at::Tensor label;   // int64
  at::Tensor counts;  // bool
};

// Rows `pixels` [R] of A are the regions: a row is enlarged to H × W, scaled to [0, 1] by its own
// smallest and largest value, and holds where it is above ½ and `outside` is not set. A region of
// which at least the share τ counts already, and in which one class has more than the share τ of
// these pixels, gets that class as a whole, and all of it counts. Regions look at the labels as they
// come in; where several cover a pixel, the last one holds. τ is a scalar tensor: nothing
// synchronises with a device. Without gradient.
SpreadLabels spread_labels(const SpreadLabels& labels, const at::Tensor& outside,
                           const at::Tensor& correlation, const at::Tensor& pixels,
                           at::IntArrayRef head_size, int64_t classes, const at::Tensor& tau);

}  // namespace semiseg
