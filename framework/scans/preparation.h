// SPDX-License-Identifier: Apache-2.0
// The preparation of a scan between its file and a network: one description, written into the data
// set and applied again to scans for prediction.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "framework/scans/image_file.h"
#include "framework/scans/intensity.h"
#include "framework/scans/orientation.h"
#include "framework/scans/resample.h"

namespace semiseg {

// The members are in the order of the steps. The words are on disk: do not rename.
struct Preparation {
  std::vector<std::string> channels;    // endings of the files' stems, one file each: "_t1", "_t2"
  std::vector<int64_t> label_values;    // in the label files, one for each class; empty: 0, 1, …
  std::optional<int64_t> ignore_label;  // in the label files, see ReadOptions
  bool allow_missing_affine = false;    // see ReadOptions
  bool fourth_axis_is_channels = false;
  // Files were made of scans by steps that are not recorded (resized arrays): the steps below treat
  // a scan as if it were such a file.
  bool earlier_unknown = false;
  // Or "stored": the file's own order of axes; "stored_xyz": the same backwards, the fastest axis
  // first, as arrays of pynrrd and nibabel have them.
  std::string orientation = "canonical";
  std::string crop = "none";   // "nonzero", "labels": to the box of the voxels that are not 0,
  int64_t margin = 0;          // margin of the box in voxels, on each side
  IntensityOptions intensity;  // per channel; `clip` is the word "window", `scale` "normalise"
  std::optional<std::array<double, 3>> spacing_mm;  // D, H, W after turning
  // The tolerance for the grids of one case, in voxels. It is not recorded, because voxels keep
  // their values.
  double grid_tolerance = kGridTolerance;

  // "orientation=canonical crop=none …"; a missing word has its default. Throws kData for other
  // words.
  std::string text() const;
  static Preparation parse(const std::string& text, const std::string& where);
  ReadOptions reading() const;
};

// A prepared case, with the grids that bring a prediction back.
struct PreparedCase {
  at::Tensor image;       // [C,D,H,W] float32
  at::Tensor label;       // [D,H,W] uint8; undefined when there is none
  ScanGeometry geometry;  // grid of both
  ScanGeometry turned;    // the file's grid after turning
  Orientation orientation;
};

// Reads one image file, or one for each channel. Throws kData for channels on different grids.
Scan read_channels(const std::vector<std::filesystem::path>& files, const ReadOptions& options,
                   double grid_tolerance = kGridTolerance);

// Prepares a scan. `label` is nullptr when there is none; then a crop to labels leaves the scan
// whole. Throws kData naming `path` for an image and a label on different grids, and for nothing
// left after cropping.
PreparedCase prepare(const Scan& scan, const LabelMap* label, const Preparation& how,
                     const std::filesystem::path& path);

// Brings values [...,D,H,W] from the prepared grid to the grid of the file; voxels that were
// cropped away are 0.
at::Tensor to_file_grid(const at::Tensor& values, const PreparedCase& prepared,
                        Interpolation interpolation);

}  // namespace semiseg
