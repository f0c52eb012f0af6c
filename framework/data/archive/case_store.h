// SPDX-License-Identifier: Apache-2.0
// The project's own form of a data set on disk: a folder with one HDF5 file for each case and an
// index that is written last, so that an unfinished store is recognised. Names and attributes are
// on disk: do not rename.
//
//   index.csv   "# key: value" lines (name, classes, channels, label_based_preparation and, where
//               there are, ignore_label and preparation), then id,patient,centre,split in published
//               order
//   <id>.h5     image [C,D,H,W] float32, label [D,H,W] uint8 (optional); one chunk is one axial
//               slice, gzip. Attributes: case, patient, centre, split, preparation, voxel_hash,
//               and where known spacing_mm (D,H,W) and affine (16 numbers, row by row, voxel
//               (D,H,W) → mm)
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

struct StoredCase {
  CaseInfo info;
  Volume volume;
  std::optional<std::array<double, 16>> affine;
  std::string preparation;  // how the voxels were made, as text
};

// Returns xxh3 of the bytes of image and label, as 16 hexadecimal digits.
std::string voxel_hash(const Volume& volume);

// A case without its voxels.
struct CaseHeader {
  CaseInfo info;
  std::string preparation;
  bool has_label = false;
};

// Writes <folder>/<id>.h5 atomically. Throws kIo when the file exists: no case is overwritten. A
// finished store stays as its index says until the index is replaced.
void write_case(const std::filesystem::path& folder, const StoredCase& stored);

// Finishes a store by writing its index atomically; replaces an existing index. Throws kData for
// cases that overlap (check_cases).
void write_index(const std::filesystem::path& folder, const DatasetInfo& info,
                 const std::vector<CaseInfo>& cases);

// Reads one case with its attributes. Throws kData when voxels do not match their hash.
StoredCase read_case(const std::filesystem::path& file);
CaseHeader read_case_header(const std::filesystem::path& file);

class StoreSource : public DatasetSource {
 public:
  // Throws kData for a missing or half-made store, a bad index line, and cases that overlap.
  explicit StoreSource(std::filesystem::path folder);

  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t case_index) const override;
  // Returns the voxel_hash recorded in the file of a case, without reading its voxels.
  std::string recorded_hash(size_t case_index) const;
  // Returns, in 2-D, every axial slice of every training case. Opens the file of each.
  std::vector<SampleInfo> training_samples(int spatial_dims) const override;
  Sample load_sample(const SampleInfo& sample) const override;

 private:
  std::filesystem::path file(size_t case_index) const;

  std::filesystem::path folder_;
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
};

}  // namespace semiseg
