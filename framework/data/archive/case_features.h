// SPDX-License-Identifier: Apache-2.0
// Features or probabilities that another program computed for each case, once: what a frozen network
// sees in it. A folder holds one file for each training case:
//
//   <id>.h5     dataset "features" [F,D,H,W], or [D,H,W] for F = 1; a slice is read alone
//   <id>.npy    the same array
//
// any integers or floats, on the voxel grid of the data set's prepared images. F is the same in all
// files.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/dataset.h"

namespace semiseg {

// Reads the key features of section [dataset]: the folder; empty: none.
std::string read_features_folder(const Config& section);

class CaseFeatures {
 public:
  // Throws kData when there is no such folder.
  CaseFeatures(std::filesystem::path folder, const std::vector<CaseInfo>& cases,
               int64_t axial_axis);

  // Returns [F,H,W] or [F,D,H,W] float32, contiguous, of a sample whose image is [C,H,W] or
  // [C,D,H,W]. Keeps nothing. Thread-safe. Throws kData when the case has no file, the array is no
  // such one, or its grid is not that of the image.
  at::Tensor load(const SampleInfo& sample, const at::Tensor& image) const;

 private:
  std::filesystem::path folder_;
  std::vector<CaseInfo> cases_;
  int64_t axial_axis_;
};

}  // namespace semiseg
