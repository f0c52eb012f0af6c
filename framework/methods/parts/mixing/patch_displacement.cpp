// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/patch_displacement.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {
namespace {

// [n,C,H,W] → [n,C,P]: the mean of each patch.
at::Tensor means(const at::Tensor& map, int64_t side) {
  return at::avg_pool2d(map, {side, side}).flatten(2);
}

at::Tensor patch(const at::Tensor& image, int64_t number, int64_t side) {
  const int64_t axis = image.dim() - 2, columns = image.size(axis + 1) / side;
  return image.narrow(axis, number / columns * side, side)
      .narrow(axis + 1, number % columns * side, side);
}

}  // namespace

PatchScores score_patches(const at::Tensor& logits, int64_t side) {
  const at::Tensor largest = std::get<0>(logits.softmax(1).max(1, /*keepdim=*/true));
  return {means(largest, side).select(1, 0), means(logits, side).softmax(1).transpose(1, 2)};
}

int64_t likest_patch(const PatchScores& scores, int64_t place, const PatchScores& candidates,
                     int64_t i, int64_t count) {
  const at::Tensor order = std::get<1>(candidates.confidence[i].topk(count));
  const at::Tensor m = scores.classes[i][place], t = candidates.classes[i].index_select(0, order);
  const at::Tensor divergence = (m * (m.log() - t.log())).sum(1);
  return order[divergence.argmin().item<int64_t>()].item<int64_t>();
}

void copy_patch(at::Tensor target, int64_t to, const at::Tensor& source, int64_t from,
                int64_t side) {
  patch(target, to, side).copy_(patch(source, from, side).clone());
}

}  // namespace semiseg
