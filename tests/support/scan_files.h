// SPDX-License-Identifier: Apache-2.0
// Small scans on disk for tests: NIfTI files byte by byte, and DICOM slices.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

// A NIfTI-1 header of hand, before anything of ours has seen it.
struct RawNifti {
  std::array<int16_t, 8> dim = {3, 4, 3, 2, 1, 1, 1, 1};  // number of axes, then x, y, z, …
  std::array<float, 3> spacing = {1, 1, 1};               // x, y, z
  int16_t qform_code = 0, sform_code = 1;
  std::array<float, 3> quaternion = {};  // b, c, d
  std::array<float, 3> offset = {};      // offset of the qform
  std::array<float, 12> sform = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
  float slope = 1, intercept = 0;

  // With float32 voxels in the file's order, x fastest.
  std::string bytes(const std::vector<float>& voxels) const;
};

// One CT slice, explicit little endian, values = stored × 2 − 1000; of several frames if so asked.
struct RawDicom {
  std::string series = "1.2.3.4", instance = "1.2.3.4.1";
  int rows = 2, columns = 3, frames = 1;
  std::array<double, 2> spacing = {0.5, 0.75};             // between rows, between columns
  std::array<double, 3> position = {};                     // position of the first voxel, LPS
  std::array<double, 6> orientation = {1, 0, 0, 0, 1, 0};  // directions of a row and of a column
  std::string sop_class = "1.2.840.10008.5.1.4.1.1.2";     // CT
  std::string between;  // distance of frames, "-4"; empty: not said
  // Positions and slopes of the frames of an enhanced file, in functional groups; empty: a plain
  // file, with the numbers above.
  std::vector<std::array<double, 3>> frame_positions;
  std::vector<double> frame_slopes;
  bool has_preamble = true, is_deflated = false;

  std::string bytes(const std::vector<int16_t>& voxels) const;
};

// A folder of `count` axial slices 4 mm apart, first at z = -10, whose voxel values count on from
// 0 through the series; files in reverse order of place.
void write_dicom_series(const std::filesystem::path& folder, int count,
                        const std::string& series = "1.2.3.4");

}  // namespace semiseg
