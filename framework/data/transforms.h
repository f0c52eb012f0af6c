// SPDX-License-Identifier: Apache-2.0
// Training transforms of 2-D samples: random geometry to the network's size, and the
// colour-jittered strong view. Random numbers are drawn first, into a struct; applying it is pure.
// Safe in loader threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/draws.h"
#include "framework/data/zoom.h"

namespace semiseg {

struct TransformOptions {
  // - random_generator: half turned and flipped, half rotated, then zoomed (SSL4MIS)
  // - bcp: half turned and flipped, a quarter rotated, a quarter left, then zoomed (MC-Net, BCP)
  // - weak_strong: zoomed, then always turned and flipped (SSL4MIS WeakStrongAugment); square patch
  // - none: zoomed
  std::string kind = "random_generator";
  std::vector<int64_t> patch_size = {256, 256};  // h, w
  ZoomEdge zoom_edge = ZoomEdge::kClamp;

  // Section [protocol.augmentation]; the patch size is the protocol's.
  static TransformOptions read(const Config& section, std::vector<int64_t> patch_size);
};

// Geometry of one sample. The flip always comes with the turns, as in the references.
struct GeometryParameters {
  enum class Branch { kNothing, kTurnFlip, kRotate };
  Branch branch = Branch::kNothing;
  int64_t turns = 0;      // kTurnFlip: quarter-turns, 0 to 3
  int64_t flip_axis = 0;  // kTurnFlip: 0 or 1
  int64_t degrees = 0;    // kRotate: -20 to 19
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
  JitterParameters jitter;
};

// The branch by as many uniform numbers as it takes. random_generator: u < 0.5 turn and flip, else
// rotate. bcp: u > 0.5 turn and flip; else a second u > 0.5 rotate, else nothing. weak_strong,
// none: no number.
GeometryParameters::Branch choose_branch(const std::string& kind,
                                         const std::function<double()>& uniform);

// Order of the draws: the branch; turns {0…3} and flip axis {0, 1}, or degrees {-20…19}; then, for
// all kinds and also where no strong view is wanted, order (u < 0.5 contrast first), brightness,
// contrast.
TransformParameters draw_parameters(const TransformOptions& options, DrawSequence& numbers);

struct TransformedSample {
  at::Tensor image;         // [C,h,w] float32
  at::Tensor image_strong;  // [C,h,w] float32, the same geometry; undefined when not wanted
  at::Tensor label;         // [h,w] uint8; undefined when there was none
};

// image [C,H,W] float32 and label [H,W] uint8 (or undefined), contiguous, on the CPU. One gather:
// order 0 throughout.
TransformedSample apply(const TransformOptions& options, const TransformParameters& parameters,
                        const at::Tensor& image, const at::Tensor& label, bool wants_strong);

// Brightness: x b; contrast: x c + mean (1 - c), mean over the whole image; each clamped to [0, 1]
// as torchvision clamps float images, so the image must be in [0, 1]. image [C,h,w] float32,
// contiguous; returns a new tensor.
at::Tensor jitter(const JitterParameters& parameters, const at::Tensor& image);

}  // namespace semiseg
