// SPDX-License-Identifier: Apache-2.0
// The dataset.json of nnU-Net (v1 and v2) and of the Medical Segmentation Decathlon: what it says
// about channels, classes and files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

struct NnunetDescription {
  std::string name;
  std::vector<std::string> classes;   // background first
  std::vector<std::string> channels;  // "MRI", "CT", …
  std::string ending = ".nii.gz";     // of the files
  std::vector<std::string> training;  // ids in the file's order; empty where it does not list them
};

// Regions (lists of values) become the labels of the files. kData naming file and key for what is
// missing or cannot be trained on: label values with gaps, regions without regions_class_order, an
// ignore label.
NnunetDescription read_nnunet_description(const std::filesystem::path& path);

}  // namespace semiseg
