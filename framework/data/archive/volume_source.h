// SPDX-License-Identifier: Apache-2.0
// The common base of data sets of whole volumes with one or more files for each case.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/data/dataset.h"
#include "framework/scans/intensity.h"

namespace semiseg {

class VolumeSource : public DatasetSource {
 public:
  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  // Returns the volume, normalised and checked (check_volume).
  Volume load(size_t case_index) const override;
  // Returns, in 2-D, every slice along the axial axis; opens the file of each training case.
  std::vector<SampleInfo> training_samples(int spatial_dims) const override;
  // A slice is cut from its volume, which is read whole: `semiseg convert` makes stores that read
  // slices alone.
  Sample load_sample(const SampleInfo& sample) const override;

 protected:
  VolumeSource() = default;

  // Return the file that messages name, the voxels as stored (label undefined where there is none),
  // and the sizes D, H, W. Thread-safe.
  virtual std::filesystem::path image_file(size_t case_index) const = 0;
  virtual Volume read(size_t case_index) const = 0;
  virtual std::vector<int64_t> sizes(size_t case_index) const = 0;

  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
  IntensityOptions intensity_;
};

}  // namespace semiseg
