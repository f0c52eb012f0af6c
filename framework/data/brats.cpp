// SPDX-License-Identifier: Apache-2.0
#include "framework/data/brats.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr double kKept = 0.999;  // share of the voxels that is not clipped

// The box of the non-zero voxels, the last plane of each axis lost.
at::Tensor brain_box(const at::Tensor& volume) {
  at::Tensor box = volume;
  for (int64_t axis = 0; axis < volume.dim(); ++axis) {
    const at::Tensor planes = volume.ne(0).movedim(axis, 0).flatten(1).any(1).nonzero();
    if (planes.numel() == 0) return volume.slice(0, 0, 0);
    box = box.slice(axis, planes.min().item<int64_t>(), planes.max().item<int64_t>());
  }
  return box;
}

}  // namespace

at::Tensor prepare_brats(const at::Tensor& volume) {
  SEMISEG_CHECK(volume.dim() == 3, "a volume is [D,H,W]");
  const at::Tensor box = brain_box(volume.to(at::kDouble).trunc());
  if (!box.gt(0).any().item<bool>())
    throw Error(ErrorKind::kData, {.what = "a volume without a voxel above 0"});
  const at::Tensor low = box.min();
  const at::Tensor counts = at::bincount((box - low).flatten().to(at::kLong));
  const at::Tensor shares = counts.cumsum(0).to(at::kDouble) / static_cast<double>(box.numel());
  const at::Tensor clipped = at::minimum(box, low + (shares < kKept).sum());
  const at::Tensor positive = clipped.masked_select(clipped > 0);
  const at::Tensor result = (clipped - positive.mean()) / positive.std(/*unbiased=*/false);
  return result.to(at::kFloat);
}

}  // namespace semiseg
