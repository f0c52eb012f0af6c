// SPDX-License-Identifier: Apache-2.0
// The operations of HiLab-git/SSL4MIS augmentations/ctaugment.py on batches of grey slices, as Pillow
// computes them on images of 8 bits. A level lies in [0, 1). n samples, C channels.
//
//   strong  autocontrast, blur, brightness, colour, contrast, equalise, invert, posterise, sharpness,
//           smooth, solarise: one level each
//   weak    cutout, identity, rescale, rotation by ±45°, shear along x and y by ±0.3: geometry of
//           image and label, one level, but identity has none
//
// Translations by ±0.3 pixels, which move no pixel, and the resampling of rescale, which is always that
// of the nearest pixel here, are left out.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/methods/parts/policy/learned_policy.h"

namespace semiseg {

// Numbers of bins of each operation's levels, in the order above.
std::vector<std::vector<int64_t>> strong_bins();
std::vector<std::vector<int64_t>> weak_bins();

// Float images [n,C,H,W] in [0, 1] → multiples of 1/255 in [0, 1], one operation after the other.
at::Tensor apply_strong(const Policy& policy, const at::Tensor& image);

// Returns the index of the pixel that each pixel reads, int64 [n, H·W]; -1: 0. Cutout draws its place
// for each sample.
at::Tensor weak_map(const Policy& policy, int64_t height, int64_t width, const SampleIds& samples,
                    const Draws& draws);

// Values [n,…,H,W] of any type, moved by the map.
at::Tensor moved(const at::Tensor& values, const at::Tensor& map);

}  // namespace semiseg
