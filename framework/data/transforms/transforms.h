// SPDX-License-Identifier: Apache-2.0
// The random geometry that brings slices and volumes to the network's size. Random numbers are
// drawn first, into a struct; applying it is pure. Safe in loader threads. Two patch sizes mean
// slices, three mean volumes.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/placement.h"
#include "framework/data/transforms/nnunet/affine.h"
#include "framework/data/transforms/svda/strong_volume.h"
#include "framework/data/transforms/volume_map.h"
#include "framework/data/transforms/zoom.h"

namespace semiseg {

struct TransformOptions {
  // Slices:
  // - random_generator: half turned and flipped, half rotated, then zoomed (SSL4MIS)
  // - bcp: half turned and flipped, a quarter rotated, a quarter left, then zoomed (MC-Net, BCP)
  // - weak_strong: zoomed, then always turned and flipped (SSL4MIS WeakStrongAugment); square patch
  // - none: zoomed
  // - nnunet: cropped at random, rotated, scaled and mirrored (nnunet/affine.h); nothing is zoomed
  // Volumes, whose voxels keep their size:
  // - rot_flip_crop: turned and flipped in the plane of a slice, then cropped at random (UA-MT,
  //   SSL4MIS, MC-Net, BCP)
  // - crop: cropped at random (CauSSL, DHC)
  // - svda: cropped at random, then changed by draw_strong_steps() (GenericSSL)
  // - none: the centre
  // - nnunet: as slices
  std::string kind = "random_generator";
  std::vector<int64_t> patch_size = {256, 256};  // h, w; or d, h, w
  ZoomEdge zoom_edge = ZoomEdge::kClamp;         // slices
  int64_t axial_axis = 0;                        // volumes: 0, 1 or 2
  int64_t crop_margin = 3;                       // volumes: crop_padding
  double noise = 0;                              // volumes: clipped_noise; 0: none
  AffineOptions affine = {};                     // kind nnunet

  // Reads section [protocol.augmentation]; the patch size is the protocol's, the axial axis the
  // data set's. The default of kind is random_generator (slices) or rot_flip_crop (volumes).
  static TransformOptions read(const Config& section, std::vector<int64_t> patch_size,
                               int64_t axial_axis = 0);
  bool is_volume() const { return patch_size.size() == 3; }
  // Patches are parts of their image, turned by quarters: a Placement describes them.
  bool moves_whole_voxels() const { return kind != "nnunet"; }
};

struct TransformParameters {
  Placement placement;
  std::vector<StrongStep> strong;  // svda: what is done to the crop
  std::vector<float> noise;        // N(0, 1) for each channel and voxel of the patch; empty: none
  AffineGeometry affine = {};      // kind nnunet, whose placement is empty
};

// Chooses the branch with as many uniform numbers as it needs. random_generator: u < 0.5 turn and
// flip, else rotate. bcp: u > 0.5 turn and flip; else a second u > 0.5 rotate, else nothing. Other
// kinds need none.
GeometryParameters::Branch choose_branch(const std::string& kind,
                                         const std::function<double()>& uniform);

// Draws the parameters for an image of these sizes, [C,H,W] or [C,D,H,W]. Order of the draws: the
// branch; turns {0…3} and flip axis {0, 1}, or degrees {-20…19}; of volumes that are cropped at
// random the offset along each axis, {0 … padded side - patch side - 1} as in the references, which
// never draw the last one; of svda the strong steps; then the noise, which leaves out
// kNumbersBeforeNoise numbers. Kind nnunet draws what draw_affine() does, with the label if there
// is one.
TransformParameters draw_parameters(const TransformOptions& options, const at::Tensor& image,
                                    const at::Tensor& label, DrawSequence& numbers);
TransformParameters draw_parameters(const TransformOptions& options, at::IntArrayRef sizes,
                                    DrawSequence& numbers);

// Returns the parameters with another crop, of the same size: turns and flips stay. Of slices, which
// are not cropped, the same parameters.
TransformParameters with_own_crop(const TransformOptions& options,
                                  const TransformParameters& parameters, at::IntArrayRef sizes,
                                  DrawSequence& numbers);

// The strong view jitters its colours with the numbers between geometry and noise, so that the
// noise is the same with and without one.
inline constexpr int kNumbersBeforeNoise = 3;

struct TransformedSample {
  at::Tensor image;  // [C,h,w] or [C,d,h,w] float32
  at::Tensor label;  // [h,w] or [d,h,w] uint8; undefined when there was none
};

// image [C,H,W] or [C,D,H,W] float32 and label without the C, uint8 (or undefined), contiguous, on
// the CPU. One gather: order 0 throughout, but kind nnunet interpolates; then the strong steps, then
// the noise.
TransformedSample apply(const TransformOptions& options, const TransformParameters& parameters,
                        const at::Tensor& image, const at::Tensor& label);

// Returns features [F,S] of the image [C,S], moved as it is, without noise.
at::Tensor moved_alike(const TransformOptions& options, const TransformParameters& parameters,
                       const at::Tensor& features);

// Returns the noise that UA-MT's RandomNoise adds to a voxel: `sigma` times the normal number, at
// most 2 sigma either way.
double clipped_noise(double normal, double sigma);

}  // namespace semiseg
