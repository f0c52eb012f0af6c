// SPDX-License-Identifier: Apache-2.0
// What is done to a scan between its file and a network: one description, written into the data set
// and carried out again on what is to be predicted.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "framework/scans/orientation.h"
#include "framework/scans/image_file.h"
#include "framework/scans/resample.h"
#include "framework/scans/intensity.h"

namespace semiseg {

// In the order of the steps. The words are on disk: do not rename.
struct Preparation {
  std::vector<std::string> channels;  // endings of the files' stems, one file each: "_t1", "_t2"
  std::vector<int64_t> label_values;  // in the label files, one for each class; empty: 0, 1, …
  bool allow_missing_affine = false;  // see ReadOptions
  bool fourth_axis_is_channels = false;
  // Files were made of scans by steps that nobody recorded (resized arrays): what follows is done
  // to a scan as if it were such a file.
  bool earlier_unknown = false;
  // Or "stored": the file's own order of axes; "stored_xyz": the same backwards, the fastest axis
  // first, as arrays of pynrrd and nibabel have them.
  std::string orientation = "canonical";
  std::string crop = "none";   // "nonzero", "labels": to the box of what is not 0,
  int64_t margin = 0;          // with so many voxels more on each side
  IntensityOptions intensity;  // per channel; `clip` is the word "window", `scale` "normalise"
  std::optional<std::array<double, 3>> spacing_mm;  // D, H, W after turning
  // How far grids of one case may be apart, in voxels; not recorded, since voxels stay as they are.
  double grid_tolerance = kGridTolerance;

  // "orientation=canonical crop=none …"; a word may be missing, then its default holds. kData for
  // other words.
  std::string text() const;
  static Preparation parse(const std::string& text, const std::string& where);
  ReadOptions reading() const;
};

// A case with what is needed to bring a prediction back.
struct PreparedCase {
  at::Tensor image;       // [C,D,H,W] float32
  at::Tensor label;       // [D,H,W] uint8; undefined when there is none
  ScanGeometry geometry;  // of both
  ScanGeometry turned;    // the file's grid after turning
  Orientation orientation;
};

// One image file, or one for each channel. kData for channels on different grids.
Scan read_channels(const std::vector<std::filesystem::path>& files, const ReadOptions& options,
                   double grid_tolerance = kGridTolerance);

// label: nullptr when there is none; then a crop to labels leaves the scan whole. kData naming
// `path` for an image and a label on different grids, and for nothing left after cropping.
PreparedCase prepare(const Scan& scan, const LabelMap* label, const Preparation& how,
                     const std::filesystem::path& path);

// values [...,D,H,W] on the prepared grid → the grid of the file: what was cropped is 0.
at::Tensor to_file_grid(const at::Tensor& values, const PreparedCase& prepared,
                        Interpolation interpolation);

}  // namespace semiseg
