// SPDX-License-Identifier: Apache-2.0
// A DICOM series as one volume: frames in the order of their places, and what makes no volume.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "framework/core/log.h"
#include "framework/scans/dicom/dicom_frames.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

double dot(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Point normal_of(const FramePlace& place) {
  const Point &a = place.along, &b = place.down;
  Point normal = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  const double length = std::sqrt(dot(normal, normal));
  for (double& one : normal) one /= length;
  return normal;
}

// Files of the folder that may be slices: by their content, or by a name that says so.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (entry.is_regular_file() && is_slice(path)) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Frames of the only series of a folder. Objects without an image (reports, structures) are skipped
// with a note.
std::vector<DicomFrame> only_series(const fs::path& folder) {
  std::map<std::string, std::vector<DicomFrame>> by_series;
  for (const fs::path& path : files_in(folder)) {
    const DicomFile file = read_dicom_file(path);
    if (file.pixels.empty() && file.number({0x28, 0x10}, 0) == 0) {
      log::warn("{} is skipped: the DICOM file holds no image", path.string());
      continue;
    }
    auto frames = frames_of(file, path);
    auto& series = by_series[file.root.text({0x20, 0xe})];
    series.insert(series.end(), frames.begin(), frames.end());
  }
  if (by_series.empty()) {
    fail(folder, "the folder holds no DICOM series", "the slices of one series", "no DICOM image");
  }
  if (by_series.size() > 1) {
    const auto first = by_series.begin(), second = std::next(first);
    fail(folder, "the folder holds several DICOM series", "one",
         fmt::format("{}: {} ({}), {} ({}){}", by_series.size(), first->first,
                     first->second.front().name(), second->first, second->second.front().name(),
                     by_series.size() > 2 ? ", …" : ""),
         "move each series into a folder of its own");
  }
  return std::move(by_series.begin()->second);
}

void check_alike(const DicomFrame& frame, const DicomFrame& first) {
  bool alike = frame.rows == first.rows && frame.columns == first.columns;
  for (size_t row = 0; row < 3; ++row) {
    alike = alike && std::abs(frame.place->along[row] - first.place->along[row]) <= 1e-3 &&
            std::abs(frame.place->down[row] - first.place->down[row]) <= 1e-3;
  }
  if (alike) return;
  fail(frame.file, "a slice differs from the first one of its series",
       fmt::format("{}×{} pixels in the plane of {}", first.rows, first.columns, first.name()),
       fmt::format("{}×{} pixels, another orientation or another pixel spacing in {}", frame.rows,
                   frame.columns, frame.name()),
       "move localisers and other planes out of the folder");
}

// All places are known, or there is one file and a made-up place was asked for.
bool all_placed(const std::vector<DicomFrame>& frames, const fs::path& path,
                const ReadOptions& options) {
  const auto lost =
      std::find_if(frames.begin(), frames.end(), [](const DicomFrame& one) { return !one.place; });
  if (lost == frames.end()) return true;
  const bool is_one_file = frames.front().of == std::ssize(frames);
  if (is_one_file && options.allow_missing_affine) return false;
  if (lost->of > 1) {
    fail(lost->file, "a DICOM file of several frames does not say where they lie",
         "a position, an orientation and a pixel spacing for each frame",
         fmt::format("{} frames, the first without them: {}", lost->of, lost->index + 1),
         is_one_file ? "accept a made-up place: --allow-missing-affine"
                     : "move each file of several frames into a folder of its own");
  }
  if (is_one_file) fail_missing_affine(path);
  fail(lost->file, "a slice of the series does not say where it lies",
       "a position, an orientation and a pixel spacing in each slice", "none, or a part of them",
       "move the file out of the folder, or store the scan with its orientation");
}

void check_same_place(const std::vector<DicomFrame>& frames, const std::vector<double>& gaps,
                      const fs::path& path) {
  for (size_t i = 0; i < gaps.size(); ++i) {
    if (gaps[i] > 1e-3) continue;
    fail(path, "two slices of the series lie at the same place", "one slice at each place",
         fmt::format("{} and {}", frames[i].name(), frames[i + 1].name()),
         "move repetitions and time frames into folders of their own");
  }
}

// The largest distance of a slice from where equal steps between the first and the last put it.
double largest_error(const std::vector<DicomFrame>& frames) {
  const Point &first = frames.front().place->first, &last = frames.back().place->first;
  double largest = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(frames.size() - 1);
    double squares = 0;
    for (size_t row = 0; row < 3; ++row) {
      const double expected = first[row] + part * (last[row] - first[row]);
      squares += std::pow(frames[i].place->first[row] - expected, 2);
    }
    largest = std::max(largest, std::sqrt(squares));
  }
  return largest;
}

// Scanners round positions: up to a fifth of a step is accepted with a note, more is refused: a
// missing slice puts others off by half a step or more.
void check_even(const std::vector<DicomFrame>& frames, const std::vector<double>& gaps,
                const fs::path& path) {
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  // The median; the smaller one of two in the middle, because a missing slice makes gaps larger.
  const double usual = sorted[(sorted.size() - 1) / 2];
  const double error = largest_error(frames);
  if (error <= 0.01 * usual) return;
  if (error <= 0.2 * usual) {
    log::warn(
        "{}: positions of slices differ from equal steps by up to {:.3g} mm, {:.2g} of a step; "
        "they are taken as equal",
        path.string(), error, error / usual);
    return;
  }
  const auto worst = std::max_element(gaps.begin(), gaps.end(), [&](double a, double b) {
    return std::abs(a - usual) < std::abs(b - usual);
  });
  const auto at = static_cast<size_t>(worst - gaps.begin());
  const bool is_aside = std::abs(*worst - usual) < 0.05 * usual;
  fail(path,
       is_aside ? "the slices of the series do not lie on one line"
                : "the slices of the series are not evenly spaced",
       fmt::format("{:.4g} mm between neighbours, to a fifth", usual),
       is_aside ? fmt::format("a slice {:.4g} mm aside", error)
                : fmt::format("{:.4g} mm between {} and {}", *worst, frames[at].name(),
                              frames[at + 1].name()),
       "copy missing slices; where the scan itself changes its spacing, resample it to one first");
}

// Sorted along the normal of the first frame.
void put_in_order(std::vector<DicomFrame>& frames, const fs::path& path) {
  for (const DicomFrame& frame : frames) check_alike(frame, frames.front());
  const Point normal = normal_of(*frames.front().place);
  const auto height = [&](const DicomFrame& one) { return dot(one.place->first, normal); };
  std::stable_sort(frames.begin(), frames.end(),
                   [&](const DicomFrame& a, const DicomFrame& b) { return height(a) < height(b); });
  std::vector<double> gaps;
  for (size_t i = 1; i < frames.size(); ++i)
    gaps.push_back(height(frames[i]) - height(frames[i - 1]));
  if (gaps.empty()) return;
  check_same_place(frames, gaps, path);
  check_even(frames, gaps, path);
}

// Columns D, H, W in RAS. From first to last, not along the normal: a tilted gantry shears the
// grid.
std::array<double, 16> affine_of(const std::vector<DicomFrame>& frames) {
  const FramePlace &first = *frames.front().place, &last = *frames.back().place;
  const Point normal = normal_of(first);
  std::array<double, 16> affine = {};
  affine[15] = 1;
  for (size_t row = 0; row < 3; ++row) {
    const double sign = row < 2 ? -1 : 1;
    const double step = frames.size() == 1 ? normal[row] * frames.front().thickness
                                           : (last.first[row] - first.first[row]) /
                                                 static_cast<double>(frames.size() - 1);
    affine[4 * row] = sign * step + 0.0;  // -0 becomes 0
    affine[4 * row + 1] = sign * first.down[row] + 0.0;
    affine[4 * row + 2] = sign * first.along[row] + 0.0;
    affine[4 * row + 3] = sign * first.first[row] + 0.0;
  }
  return affine;
}

// Frames of each file are read together and then put in their order.
at::Tensor values_in_order(const std::vector<DicomFrame>& frames) {
  std::map<fs::path, at::Tensor> files;
  std::vector<at::Tensor> planes;
  for (const DicomFrame& frame : frames) {
    at::Tensor& values = files[frame.file];
    if (!values.defined()) {
      const DicomFile file = read_dicom_file(frame.file);
      values = values_of(file, frames_of(file, frame.file), frame.file);
    }
    planes.push_back(values.select(1, frame.index));
    if (planes.back().size(0) != planes.front().size(0)) {
      fail(frame.file, "a slice has another number of channels than the first of its series",
           std::to_string(planes.front().size(0)), std::to_string(planes.back().size(0)));
    }
    if (frame.of == 1) values.reset();
  }
  return at::stack(planes, 1);
}

RawScan volume_of(std::vector<DicomFrame> frames, const fs::path& path,
                  const ReadOptions& options) {
  if (all_placed(frames, path, options)) {
    put_in_order(frames, path);
    return {values_in_order(frames), affine_of(frames)};
  }
  RawScan raw{values_in_order(frames), {}};
  const DicomFrame& first = frames.front();
  raw.affine = centred_affine({std::ssize(frames), first.rows, first.columns},
                              {first.thickness, first.spacing[0], first.spacing[1]});
  return raw;
}

}  // namespace

bool is_slice(const fs::path& path) {
  const std::string name = path.filename();
  if (name.starts_with(".") || name == "DICOMDIR" || is_dicom_directory(path)) return false;
  const std::string ending = path.extension();
  const bool says_so = ending == ".dcm" || ending == ".DCM" || ending == ".ima" || ending == ".IMA";
  return says_so || (!is_image_file(path) && is_dicom(path));
}

RawScan read_dicom(const fs::path& path, const ReadOptions& options) {
  if (fs::is_directory(path)) return volume_of(only_series(path), path, options);
  return volume_of(frames_of(read_dicom_file(path), path), path, options);
}

}  // namespace semiseg::image_format
