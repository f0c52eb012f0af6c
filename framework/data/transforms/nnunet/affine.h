// SPDX-License-Identifier: Apache-2.0
// The random geometry of nnU-Net v2 (MIC-DKFZ/nnUNet, nnUNetTrainer and its data loader): a patch at a
// random place of the image, rotated, scaled and mirrored about its centre. Images are interpolated
// linearly, labels take the nearest voxel; outside the image both are 0. Slices [H,W] and volumes
// [D,H,W]; arrays of three have the axes of the patch in order, and slices use the first two.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/transforms/nnunet/random_range.h"

namespace semiseg {

struct AffineOptions {
  double rotation_probability = 0.2, scaling_probability = 0.2, mirror_probability = 0.5;
  double degrees = 0;  // largest rotation; 0: that of nnU-Net for the shape of the patch
  RandomRange scaling{0.7, 1.4};
  std::vector<int64_t> mirror_axes = {0, 1, 2};  // of the patch
  double foreground = 1.0 / 3;

  // Reads the keys rotation_probability, rotation_degrees, scaling_probability, scaling, mirror_axes,
  // foreground of section [protocol.augmentation].
  static AffineOptions read(const Config& section, int64_t axes);
};

struct AffineGeometry {
  std::array<int64_t, 3> offset = {0, 0, 0};  // the patch begins here in the image; may be negative
  // Rotation about each axis of a volume; of a slice, the first. Source = turn(axis 0) · turn(axis 1)
  // · turn(axis 2) of the place in the patch.
  std::array<double, 3> degrees = {0, 0, 0};
  std::array<double, 3> scale = {1, 1, 1};  // above 1 the patch shows more of the image
  std::array<bool, 3> mirrored = {false, false, false};

  bool operator==(const AffineGeometry&) const = default;
};

// Returns the largest rotation in degrees: 30 in volumes; 180 in slices, and about the first axis of
// volumes whose patch is more than three times as long as deep; 15 in slices more than 1.5 times as
// long as wide.
double largest_rotation(const std::vector<int64_t>& patch);

// Draws the geometry for an image [C,S]. With a label [S] uint8, the share `foreground` of samples has
// its centre near a voxel of a class that is drawn among the foreground classes of the label (nnU-Net
// does so with the last third of each batch). Takes as many numbers with and without.
AffineGeometry draw_affine(const AffineOptions& options, const std::vector<int64_t>& patch,
                           const at::Tensor& image, const at::Tensor& label, DrawSequence& numbers);

// Image [C,S] float32 → [C,patch], label [S] uint8 → [patch]; contiguous, on the CPU.
at::Tensor sample_linear(const AffineGeometry& geometry, const std::vector<int64_t>& patch,
                         const at::Tensor& image);
at::Tensor sample_nearest(const AffineGeometry& geometry, const std::vector<int64_t>& patch,
                          const at::Tensor& label);

}  // namespace semiseg
