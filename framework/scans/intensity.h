// SPDX-License-Identifier: Apache-2.0
// Normalises the intensities of whole volumes for training: clips, then scales.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

struct IntensityOptions {
  std::vector<double> clip;             // [low, high] in the image's unit; empty: not clipped
  std::vector<double> clip_percentile;  // [low, high] of the volume's own values, 0 to 100
  // - none
  // - minmax: (x - min) / (max - min) of the clipped volume (SSL4MIS, GenericSSL)
  // - zscore: (x - mean) / standard deviation of all clipped voxels (UA-MT, nnU-Net)
  // - zscore_nonzero: the same over voxels that are not 0, which stay 0 (nnU-Net's masked form)
  // - fixed: (x - mean) / std as given here (nnU-Net for CT)
  std::string scale = "none";
  double mean = 0, std = 1;

  // Reads section [dataset.intensity]; the present values are the defaults.
  void read(const Config& section);
};

// Returns a normalised copy of image [C,D,H,W] float32. Each channel has its own statistics, in
// float64. Percentiles interpolate linearly, as NumPy's. With both clips a value is held to the
// narrower one: clip = [0, 1e30], clip_percentile = [0, 98] is MMWHS of GenericSSL. A constant
// volume becomes 0 where it would be divided by 0.
at::Tensor normalise(const at::Tensor& image, const IntensityOptions& options);

// Returns [low, high] to which `normalise` clips these values.
std::vector<double> clip_bounds(const at::Tensor& values, const IntensityOptions& options);

}  // namespace semiseg
