// SPDX-License-Identifier: Apache-2.0
// The plans.json of nnU-Net v2 (nnUNetv2_plan_and_preprocess): spacing, normalisation, patch and network
// that it planned for a data set. Pure: nothing but the file is read.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/scans/intensity.h"

namespace semiseg {

struct NnunetPlans {
  std::string configuration;        // "2d", "3d_fullres", …
  std::vector<int64_t> patch_size;  // of two or three axes
  int64_t batch_size = 2;
  bool batch_dice = true;
  // In mm: one for each axis of the patch.
  std::vector<double> spacing;
  // The same for all channels.
  IntensityOptions intensity;
  // The network, stage by stage, the finest first; kernels and strides have one number for each axis
  // of each stage.
  std::string network;  // the registered backbone: "nnunet" or "resenc_unet"
  std::vector<int64_t> features, kernels, strides, encoder, decoder;
};

// Reads one configuration. A configuration that inherits from another has its entries where it lacks
// its own. Throws kData naming file, configuration and key for a missing or damaged entry, and for
// plans that cannot be followed: turned axes, channels of different normalisation, a cascade, other
// networks.
NnunetPlans read_nnunet_plans(const std::filesystem::path& path, const std::string& configuration);

// The options of the protocol, backbone and method that train as planned, as a TOML experiment.
std::string experiment_of(const NnunetPlans& plans);

}  // namespace semiseg
