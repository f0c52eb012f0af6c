// SPDX-License-Identifier: Apache-2.0
// Training transforms of slices and volumes: random geometry to the network's size, and the
// colour-jittered strong view. Random numbers are drawn first, into a struct; applying it is pure.
// Safe in loader threads. The number of patch sizes says which: two for slices, three for volumes.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/draws.h"
#include "framework/data/volume_map.h"
#include "framework/data/zoom.h"

namespace semiseg {

struct TransformOptions {
  // Slices:
  // - random_generator: half turned and flipped, half rotated, then zoomed (SSL4MIS)
  // - bcp: half turned and flipped, a quarter rotated, a quarter left, then zoomed (MC-Net, BCP)
  // - weak_strong: zoomed, then always turned and flipped (SSL4MIS WeakStrongAugment); square patch
  // - none: zoomed
  // Volumes, whose voxels keep their size:
  // - rot_flip_crop: turned and flipped in the plane of a slice, then cropped at random (UA-MT,
  //   SSL4MIS, MC-Net, BCP)
  // - crop: cropped at random (CauSSL, DHC)
  // - none: the centre
  std::string kind = "random_generator";
  std::vector<int64_t> patch_size = {256, 256};  // h, w; or d, h, w
  ZoomEdge zoom_edge = ZoomEdge::kClamp;         // slices
  int64_t axial_axis = 0;                        // volumes: 0, 1 or 2
  int64_t crop_margin = 3;                       // volumes: crop_padding
  double noise = 0;                              // volumes: clipped_noise; 0: none

  // Section [protocol.augmentation]; patch size is the protocol's, axial axis the data set's. kind
  // is random_generator or rot_flip_crop when the section does not say.
  static TransformOptions read(const Config& section, std::vector<int64_t> patch_size,
                               int64_t axial_axis = 0);
  bool is_volume() const { return patch_size.size() == 3; }
};

// Geometry of one sample. The flip always comes with the turns, as in the references.
struct GeometryParameters {
  enum class Branch { kNothing, kTurnFlip, kRotate };
  Branch branch = Branch::kNothing;
  int64_t turns = 0;      // kTurnFlip: quarter-turns, 0 to 3
  int64_t flip_axis = 0;  // kTurnFlip: 0 or 1; of a volume, of the two axes that are not axial
  int64_t degrees = 0;    // kRotate: -20 to 19
};

// Of a volume after its turns.
struct CropParameters {
  std::array<int64_t, 3> padding = {0, 0, 0};  // zeros before and behind each axis
  std::array<int64_t, 3> offset = {0, 0, 0};   // of the patch in the padded volume
};

// The strong view: torchvision's ColorJitter(0.8, 0.8, 0.8, 0.2) on channels that are no colours:
// saturation and hue do nothing on one channel and are left out on several, too.
struct JitterParameters {
  bool contrast_first = false;  // else brightness first
  double brightness = 1;        // [0.2, 1.8)
  double contrast = 1;          // [0.2, 1.8)
};

struct TransformParameters {
  GeometryParameters geometry;
  CropParameters crop;
  JitterParameters jitter;
  std::vector<float> noise;  // N(0, 1) for each channel and voxel of the patch; empty: none
};

// The branch by as many uniform numbers as it takes. random_generator: u < 0.5 turn and flip, else
// rotate. bcp: u > 0.5 turn and flip; else a second u > 0.5 rotate, else nothing. Other kinds: no
// number.
GeometryParameters::Branch choose_branch(const std::string& kind,
                                         const std::function<double()>& uniform);

// For an image of these sizes, [C,H,W] or [C,D,H,W]. Order of the draws: the branch; turns {0…3}
// and flip axis {0, 1}, or degrees {-20…19}; of volumes that are cropped at random the offset along
// each axis, {0 … padded side - patch side - 1} as in the references, which never draw the last
// one; then, for all kinds and also where no strong view is wanted, order (u < 0.5 contrast first),
// brightness, contrast; then the noise.
TransformParameters draw_parameters(const TransformOptions& options, at::IntArrayRef sizes,
                                    DrawSequence& numbers);

struct TransformedSample {
  at::Tensor image;         // [C,h,w] or [C,d,h,w] float32
  at::Tensor image_strong;  // the same shape and geometry; undefined when not wanted
  at::Tensor label;         // [h,w] or [d,h,w] uint8; undefined when there was none
};

// image [C,H,W] or [C,D,H,W] float32 and label without the C, uint8 (or undefined), contiguous, on
// the CPU. One gather: order 0 throughout. Noise is added to the image, so that the strong view has
// it too. The strong view of a slice within [0, 1] is its jitter, as in the references. That of a
// volume, and of a slice with a value outside [0, 1] (z-scores), is the jitter of the patch brought
// to [0, 1] by its smallest and largest value, and back; no reference has one of these.
TransformedSample apply(const TransformOptions& options, const TransformParameters& parameters,
                        const at::Tensor& image, const at::Tensor& label, bool wants_strong);

// Brightness: x b; contrast: x c + mean (1 - c), mean over the whole image; each clamped to [0, 1]
// as torchvision clamps float images. An image outside [0, 1] loses what the clamp cuts off, so
// apply() passes none. image [C,h,w] or [C,d,h,w] float32, contiguous; returns a new tensor.
at::Tensor jitter(const JitterParameters& parameters, const at::Tensor& image);

// What RandomNoise of UA-MT adds to a voxel: `sigma` times the normal number, at most 2 sigma
// either way.
double clipped_noise(double normal, double sigma);

}  // namespace semiseg
