// SPDX-License-Identifier: Apache-2.0
// The strong augmentation of xmed-lab/GenericSSL (Wang & Li, NeurIPS 2023) for patches of volumes,
// which labelled and unlabelled patches get alike: three distinct changes of six, in random order,
// each made with a chance of 0.7.
//   rotation    by -15 to 15 degrees in the plane of axes 1 and 2
//   zoom        sampling coordinates times 0.7 to 1 with a chance of 0.5, else unchanged
//   blur        sigma of 0.7 to 1.3 voxels
//   brightness  times 0.7 to 1.3
//   contrast    0.7 to 1 or 1 to 1.3 with equal chances, and likewise the exponent of
//   gamma
// Rotation and zoom move the label, too.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/core/random/draws.h"

namespace semiseg {

enum class StrongChange { kRotation, kZoom, kBlur, kBrightness, kContrast, kGamma };

struct StrongStep {
  StrongChange change;
  double value;  // degrees, sigma in voxels, or a factor

  bool operator==(const StrongStep&) const = default;
};

// Draws the steps, twelve numbers for every patch: the changes, then for each the numbers of its
// value. Steps that change nothing are left out.
std::vector<StrongStep> draw_strong_steps(DrawSequence& numbers);

// Makes the steps in this order. image [C,D,H,W] float32, label [D,H,W] uint8 or undefined,
// contiguous, on the CPU; both are replaced.
void make_strong_steps(const std::vector<StrongStep>& steps, at::Tensor& image, at::Tensor& label);

}  // namespace semiseg
