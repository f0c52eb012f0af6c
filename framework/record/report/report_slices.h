// SPDX-License-Identifier: Apache-2.0
// worst_cases.json of a run: slices of the cases with the lowest scores, as the report shows them.
// The run keeps them (some 100 KB), so that a report needs no data set, no weights and no GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

inline constexpr const char* kWorstCasesFile = "worst_cases.json";  // on disk, do not rename

struct SegmentedCase {
  std::string id;
  at::Tensor image;                              // [D,H,W] float, CPU
  at::Tensor reference, prediction;              // [D,H,W] uint8, CPU
  std::array<double, 3> spacing_mm = {1, 1, 1};  // D, H, W; for the shape of a pixel
};

// Writes slices along D with foreground in reference or prediction (at most 24, evenly spread), cut
// to that foreground and a margin: grey PNGs, and the outlines of the classes as SVG paths. The
// write is atomic. Throws kIo on failure.
void write_segmented_cases(const std::filesystem::path& path,
                           const std::vector<std::string>& classes,
                           const std::vector<SegmentedCase>& cases);

// Outline of one class of a slice [H,W] uint8 along the edges of its voxels, as an SVG path in
// voxel units: closed loops, holes too; voxels that touch at a corner only are apart. Empty without
// such a voxel.
std::string outline_path(const at::Tensor& labels, int64_t label);

}  // namespace semiseg
