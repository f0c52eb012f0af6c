// SPDX-License-Identifier: Apache-2.0
// Scans and label maps in every format, and NumPy's arrays.
#include "framework/files/npy_file.h"
#include "framework/scans/image_file.h"
#include "tests/fuzz/target.h"

namespace semiseg::fuzz {
namespace {

// As an image with channels, and as labels. Both take the place of the voxels from the file.
bool read_image(const std::filesystem::path& path) {
  const ReadOptions image = {.allow_missing_affine = true, .fourth_axis_is_channels = true};
  const ReadOptions label = {.allow_missing_affine = true, .label_values = {0, 1, 4}};
  const bool is_image = accepts([&] { read_scan(path, image); });
  return accepts([&] { read_label_map(path, label); }) || is_image;
}

bool read_nifti(const std::string& bytes) {
  return read_image(file(bytes.starts_with("\x1f\x8b") ? "scan.nii.gz" : "scan.nii", bytes));
}

bool read_nrrd(const std::string& bytes) { return read_image(file("scan.nrrd", bytes)); }

bool read_meta(const std::string& bytes) { return read_image(file("scan.mha", bytes)); }

// Alone, and as the only slice of a series.
bool read_dicom(const std::string& bytes) {
  const auto path = file("series/slice.dcm", bytes);
  const bool is_file = read_image(path);
  return read_image(path.parent_path()) || is_file;
}

bool read_array(const std::string& bytes) {
  const auto path = file("array.npy", bytes);
  const bool has_shape = accepts([&] { read_npy_shape(path); });
  return accepts([&] { read_npy(path); }) || has_shape;
}

[[maybe_unused]] const bool scans_registered =
    add({"nifti", read_nifti}) && add({"nrrd", read_nrrd}) && add({"meta", read_meta}) &&
    add({"dicom", read_dicom}) && add({"npy", read_array});

}  // namespace
}  // namespace semiseg::fuzz
