// SPDX-License-Identifier: Apache-2.0
// The file formats behind image_file.h. Errors are kData while reading, kIo while writing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/scans/image_file.h"

namespace semiseg::image_format {

// The content of a file, with values not yet checked.
struct RawScan {
  at::Tensor values;  // [C,D,H,W], any real type
  std::array<double, 16> affine = {};
};

[[noreturn]] void fail(const std::filesystem::path& path, std::string what,
                       std::string expected = "", std::string got = "", std::string fix = "");

// Throws kData: the file has no affine, and the options do not allow a default one.
[[noreturn]] void fail_missing_affine(const std::filesystem::path& path);

// Throws kData: the file has more than three axes.
[[noreturn]] void fail_fourth_axis(const std::filesystem::path& path, int64_t length);

// Returns nibabel's affine for a grid with a known spacing (W, H, D) only: W to the left, centred.
std::array<double, 16> centred_affine(const std::array<int64_t, 3>& size,
                                      const std::array<double, 3>& spacing_mm);

RawScan read_nifti(const std::filesystem::path& path, const ReadOptions& options);
// Writes values [C,D,H,W] float32 or uint8.
void write_nifti(const std::filesystem::path& path, bool compressed, const at::Tensor& values,
                 const ScanGeometry& geometry);

// Reads NRRD and MetaImage with ITK.
RawScan read_by_itk(const std::filesystem::path& path, const ReadOptions& options);
// `extension`: ".nrrd" or ".mha"; `path` may end otherwise.
void write_by_itk(const std::filesystem::path& path, const std::string& extension,
                  const at::Tensor& values, const ScanGeometry& geometry);

// Returns the millimetres in a unit of the header's lengths. Throws kData for a damaged header, for
// voxels that are missing in the file or in those that it names, and for data files elsewhere.
double check_meta_image(const std::filesystem::path& path);

// Returns true for a file that may be a slice of a DICOM series, by its content or its ending.
// Hidden files and DICOMDIR are none.
bool is_slice(const std::filesystem::path& path);

// Reads a DICOM file, or the only series in a folder (not below it), as one volume.
RawScan read_dicom(const std::filesystem::path& path, const ReadOptions& options);

}  // namespace semiseg::image_format
