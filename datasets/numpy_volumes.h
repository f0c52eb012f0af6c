// SPDX-License-Identifier: Apache-2.0
// The common base of data sets of volumes as pairs of NumPy files, in the layout of
// xmed-lab/GenericSSL and xmed-lab/DHC:
//   <root>/npy/<id>_image.npy, <id>_label.npy   [D,H,W], or [C,D,H,W] for several channels
//   <root>/split_txts/<list>.txt                one id a line; splits_txts (MMWHS) and splits (DHC)
//                                               are other names of this folder
// The arrays lack the spacing, so distances are in voxels; they also lack what was done to the
// scans before (crops, new sizes), so that predict takes scans as if they were such arrays.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "framework/data/archive/case_list.h"
#include "framework/data/archive/volume_source.h"

namespace semiseg {

// A list of cases and the split that its lines belong to.
struct ListedCases {
  Split split = Split::kTrain;
  bool needs_labels = true;  // false: a case without a label file is an unlabelled one
  std::string domain;
  std::string patient_mark;  // text in an id behind its patient (patient_of); empty: the whole id
};

class NumpyVolumes : public VolumeSource {
 protected:
  // `info` lacks its preparation, which follows from the rest. Throws kData when a folder is
  // missing.
  NumpyVolumes(std::filesystem::path root, DatasetInfo info, IntensityOptions intensity);

  // Returns the lines of a list in ascending order, as the references read them. Throws kData with
  // file and line for a line that does not match `form`, of which `example` is one.
  std::vector<ListLine> read_ids(const std::string& list, const std::regex& form,
                                 const std::string& example) const;
  // Adds cases in this order. Throws kData with the line of a case whose file is missing.
  void add_cases(const std::vector<ListLine>& lines, const ListedCases& how);

  std::filesystem::path npy_folder() const { return root_ / "npy"; }
  std::filesystem::path file(const std::string& id, const char* of) const;

  std::vector<int64_t> sizes(size_t case_index) const override;
  Volume read(size_t case_index) const override;

 private:
  std::filesystem::path image_file(size_t case_index) const override;

  std::filesystem::path root_, lists_;
};

}  // namespace semiseg
