// SPDX-License-Identifier: Apache-2.0
// The frames of a DICOM file: where each lies, and its values. World coordinates are LPS here.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/scans/dicom/dicom_file.h"

namespace semiseg::image_format {

using Point = std::array<double, 3>;

struct FramePlace {
  Point first = {};             // the centre of the first voxel
  Point along = {}, down = {};  // steps to the next column and to the next row, mm
};

struct DicomFrame {
  std::filesystem::path file;
  int64_t index = 0, of = 1;  // in the file
  int64_t rows = 0, columns = 0;
  std::optional<FramePlace> place;         // none: the file does not say
  std::array<double, 2> spacing = {1, 1};  // between rows, between columns
  double thickness = 1;                    // mm to the next slice, where there is only one
  double slope = 1, intercept = 0;

  std::string name() const;  // name of the file, and the frame of several
};

// Returns the frames in the order of the file. Enhanced files give the place, measures and
// rescaling of each frame in its functional groups; others give the first place and the distance.
// Throws kData for a file without pixels, with fewer groups than frames, or with cosines that are
// no directions.
std::vector<DicomFrame> frames_of(const DicomFile& file, const std::filesystem::path& path);

// Returns the rescaled values [samples,frames,rows,columns] float32. Throws kData for pixels that
// are cut off, of a type that is not read, or damaged.
at::Tensor values_of(const DicomFile& file, const std::vector<DicomFrame>& frames,
                     const std::filesystem::path& path);

}  // namespace semiseg::image_format
