// SPDX-License-Identifier: Apache-2.0
// The dataset.json of nnU-Net (v1 and v2) and of the Medical Segmentation Decathlon: its channels,
// classes and files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace semiseg {

struct NnunetDescription {
  std::string name;
  std::vector<std::string> classes;     // background first
  std::optional<int64_t> ignore_label;  // value in the files of voxels without a class
  std::vector<std::string> channels;    // "MRI", "CT", …
  std::string ending = ".nii.gz";       // ending of the files
  std::vector<std::string> training;  // ids in the file's order; empty where it does not list them
};

// Regions (lists of values) become the labels of the files, with a warning. Throws kData naming file
// and key for a missing entry or one that cannot be trained on: label values with gaps, regions
// without a regions_class_order that fits them, an ignore label that is the value of a class.
NnunetDescription read_nnunet_description(const std::filesystem::path& path);

}  // namespace semiseg
