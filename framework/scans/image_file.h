// SPDX-License-Identifier: Apache-2.0
// Scans on disk: NIfTI, NRRD, MetaImage and DICOM in; NIfTI-1, NRRD and MetaImage out. World
// coordinates are millimetres in RAS+, as nibabel gives them; LPS files are converted.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace semiseg {

// The position of the voxels of a grid. Axes D, H, W are the slowest to the fastest of the file.
struct ScanGeometry {
  std::array<int64_t, 3> size = {};
  std::array<double, 3> spacing_mm = {1, 1, 1};  // lengths of the affine's columns
  // Row by row, voxel (D,H,W,1) → mm, RAS+.
  std::array<double, 16> affine = {0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1};
};

struct Scan {
  at::Tensor image;  // [C,D,H,W] float32, finite, in the file's rescaled values
  ScanGeometry geometry;
};

struct LabelMap {
  at::Tensor label;  // [D,H,W] uint8, kIgnoreLabel where the voxel has no class
  ScanGeometry geometry;
};

struct ReadOptions {
  // A file that does not say where its voxels lie gets axes along W to the left, H to the front, D
  // upwards around its centre, as nibabel places it.
  bool allow_missing_affine = false;
  bool fourth_axis_is_channels = false;  // otherwise 4-D files are refused
  // Values in label files, one for each class: they become 0, 1, …, and others are refused. Empty:
  // the values are the classes, 0 to 255.
  std::vector<int64_t> label_values = {};
  // Value in label files of voxels without a class: it becomes kIgnoreLabel (core/ignore_label.h),
  // which is then no value of a class.
  std::optional<int64_t> ignore_label = std::nullopt;
};

// Reads a file, or a folder that holds one DICOM series. Throws kData for any file that cannot be
// read or placed: an unknown or damaged file, a singular or missing affine, a fourth axis, values
// that are not finite, several DICOM series in the folder, slices that are not evenly spaced.
Scan read_scan(const std::filesystem::path& path, const ReadOptions& options = {});

// Reads one channel of whole numbers likewise, to a thousandth: programs that store labels as
// scaled numbers leave 12.9998 for 13.
LabelMap read_label_map(const std::filesystem::path& path, const ReadOptions& options = {});

// Writes .nii, .nii.gz, .nrrd or .mha atomically; replaces an existing file. The affine is kept to
// float32 (NIfTI). Throws kIo when the file cannot be written, kConfig for another ending.
void write_scan(const std::filesystem::path& path, const at::Tensor& image,
                const ScanGeometry& geometry);
// Writes uint8, or int16 for values above 255.
void write_label_map(const std::filesystem::path& path, const at::Tensor& label,
                     const ScanGeometry& geometry);

// Rounded headers of one grid differ by less than this.
inline constexpr double kGridTolerance = 0.01;  // voxels

// Returns true for grids of the same size whose corners agree to `tolerance` voxels.
bool same_grid(const ScanGeometry& a, const ScanGeometry& b, double tolerance = kGridTolerance);

// Returns true for names that read_scan knows: .nii, .nii.gz, .hdr, .nrrd, .nhdr, .mha, .mhd, .dcm.
bool is_image_file(const std::filesystem::path& path);

// Returns the name without folder and ending: "a/b.nii.gz" → "b"; for a folder its name.
std::string image_stem(const std::filesystem::path& path);

// Returns the geometry of an affine: spacing and size. Throws kData naming `path` when it is
// singular or not finite.
ScanGeometry make_geometry(const std::array<int64_t, 3>& size, const std::array<double, 16>& affine,
                           const std::filesystem::path& path);

}  // namespace semiseg
