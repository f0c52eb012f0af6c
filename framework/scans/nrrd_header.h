// SPDX-License-Identifier: Apache-2.0
// The text before the voxels of an NRRD file: sizes that its bytes can hold, and where voxels lie.
// Own code, because ITK 5.2 turns the axes of "left-anterior-superior" the wrong way and ignores
// units of length.
#pragma once

#include <array>
#include <filesystem>
#include <optional>

namespace semiseg::image_format {

struct NrrdHeader {
  // Row by row, voxel (D,H,W,1) → mm, RAS; nullopt where the file names no patient space.
  std::optional<std::array<double, 16>> affine;
  std::array<double, 3> spacing_mm = {1, 1, 1};  // D, H, W
};

// Throws kData for a damaged header, sizes beyond the file, data files elsewhere, and unknown
// units.
NrrdHeader read_nrrd_header(const std::filesystem::path& path);

}  // namespace semiseg::image_format
