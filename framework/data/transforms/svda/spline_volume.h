// SPDX-License-Identifier: Apache-2.0
// Rotation and zoom of patches of volumes about their centre, (side - 1) / 2 along each axis, as
// scipy.ndimage.map_coordinates samples them: images by cubic splines (order 3, mirrored at the
// edges), label maps by linear weights of each class, where a class with at least half of the
// weight wins and none gives 0. A voxel that reads from outside the patch is 0. Plain loops in
// float64: they run in loader threads and give the same bits in any of them. image [C,D,H,W]
// float32 and label [D,H,W] uint8, contiguous, on the CPU; each returns a new tensor.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// Voxel (d, y, x), counted from the centre, reads (d, y cos + x sin, x cos - y sin).
at::Tensor rotate_image(const at::Tensor& image, double radians);
at::Tensor rotate_label(const at::Tensor& label, double radians);

// Voxel o, counted from the centre, reads o · factor; a factor in (0, 1] enlarges.
at::Tensor zoom_image(const at::Tensor& image, double factor);
at::Tensor zoom_label(const at::Tensor& label, double factor);

}  // namespace semiseg
