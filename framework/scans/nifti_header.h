// SPDX-License-Identifier: Apache-2.0
// The header of a NIfTI-1 or NIfTI-2 file, read as nibabel reads it and checked before any voxel
// is. Own code, because the library inside ITK knows NIfTI-1 alone and takes negative sizes of
// voxels, impossible offsets and texts in place of numbers for good.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace semiseg::image_format {

struct NiftiHeader {
  std::filesystem::path data;  // holds the voxels: the file itself, or the .img of a pair
  int64_t offset = 0;          // offset of the first voxel in it
  bool swapped = false;        // the file's byte order is not this machine's
  std::array<int64_t, 7> size = {1, 1, 1, 1, 1, 1, 1};  // x, y, z, time, …
  int datatype = 0;                                     // NIFTI_TYPE_…
  double slope = 0, intercept = 0;                      // slope 0: voxels are values
  std::array<double, 3> spacing_mm = {1, 1, 1};         // x, y, z
  // Row by row, voxel (x,y,z,1) → mm; nullopt where neither qform nor sform is set.
  std::optional<std::array<double, 16>> affine;
};

// sform before qform. A size of a voxel below 0 counts as its absolute value and 0 as 1; lengths in
// metres and micrometres become millimetres. Throws kData for a file that is not NIfTI, for a
// length in an unknown unit, for voxels that begin inside the header, and for a .hdr whose .img is
// missing.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

}  // namespace semiseg::image_format
