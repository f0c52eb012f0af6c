// SPDX-License-Identifier: Apache-2.0
// Mixes the low-frequency amplitudes of two images and keeps the phase: Ma et al., CVPR 2024
// (TP-RAM); MQinghe/MiDSS source_to_target_freq, after Yang & Soatto, CVPR 2020.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// image, style [N,C,H,W] in [0, 255]; ratio [N] in [0, 1]. In the square of frequencies within
// floor(window · min(H, W)) of zero along both axes, each image's amplitude becomes (1 - ratio) of
// its own + ratio of the style's. Returns float64 in [0, 255].
at::Tensor amplitude_mix(const at::Tensor& image, const at::Tensor& style, const at::Tensor& ratio,
                         double window);

}  // namespace semiseg
