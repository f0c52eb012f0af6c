// SPDX-License-Identifier: Apache-2.0
// A DICOM series as one volume: slices in the order of their places, and what makes no volume.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "datasets/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

std::array<double, 3> column(const std::array<double, 16>& affine, int axis) {
  return {affine[axis], affine[4 + axis], affine[8 + axis]};
}

double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

struct Placed {
  DicomSlice slice;
  double height;  // mm along the normal of the first slice
};

std::vector<fs::path> only_series(const fs::path& folder) {
  const std::vector<DicomSeries> series = find_dicom_series(folder);
  if (series.empty()) {
    fail(folder, "the folder holds no DICOM series", "the slices of one series", "no DICOM file");
  }
  if (series.size() > 1) {
    fail(folder, "the folder holds several DICOM series", "one",
         fmt::format("{}: {}, {}{}", series.size(), series[0].uid, series[1].uid,
                     series.size() > 2 ? ", …" : ""),
         "move each series into a folder of its own");
  }
  return series.front().files;
}

void check_alike(const DicomSlice& slice, const DicomSlice& first) {
  bool alike = slice.size == first.size;
  for (int row = 0; row < 3; ++row) {
    for (int axis = 1; axis < 3; ++axis) {
      const double difference = slice.affine[4 * row + axis] - first.affine[4 * row + axis];
      alike = alike && std::abs(difference) <= 1e-3;
    }
  }
  if (alike) return;
  fail(slice.file, "a slice differs from the first one of its series",
       fmt::format("{}×{} pixels in the plane of {}", first.size[1], first.size[2],
                   first.file.filename().string()),
       fmt::format("{}×{} pixels, or another orientation", slice.size[1], slice.size[2]),
       "move localisers and other planes out of the folder");
}

// Places of frames are not read, so that files of several frames cannot be put in order.
void check_one_frame(const DicomSlice& slice) {
  if (slice.size[0] == 1) return;
  fail(slice.file, "a series of several files holds a file of several frames",
       "one frame in each file, or one file", fmt::format("{} frames", slice.size[0]),
       "move each file of several frames into a folder of its own");
}

// Distances between neighbours are those of the median one, to 2 %.
void check_gaps(const std::vector<Placed>& slices, const fs::path& folder) {
  std::vector<double> gaps;
  for (size_t i = 1; i < slices.size(); ++i) {
    gaps.push_back(slices[i].height - slices[i - 1].height);
  }
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  // Of two in the middle the smaller: a missing slice makes gaps larger.
  const double usual = sorted[(sorted.size() - 1) / 2];
  for (size_t i = 0; i < gaps.size(); ++i) {
    const std::string between = fmt::format("{} and {}", slices[i].slice.file.filename().string(),
                                            slices[i + 1].slice.file.filename().string());
    if (!(gaps[i] > 1e-3)) {
      fail(folder, "two slices of the series lie at the same place", "one slice at each place",
           between, "move repetitions and time frames into folders of their own");
    }
    if (std::abs(gaps[i] - usual) > 0.02 * usual) {
      fail(folder, "the slices are not evenly spaced: one is missing",
           fmt::format("{:.4g} mm between neighbours", usual),
           fmt::format("{:.4g} mm between {}", gaps[i], between), "find the missing slices");
    }
  }
}

std::vector<Placed> ordered_slices(const std::vector<fs::path>& files, const fs::path& folder) {
  std::vector<Placed> slices;
  for (const fs::path& file : files) {
    DicomSlice slice = read_dicom_slice(file, false);
    if (files.size() > 1) check_one_frame(slice);
    if (!slices.empty()) check_alike(slice, slices.front().slice);
    const auto& first = slices.empty() ? slice.affine : slices.front().slice.affine;
    const std::array<double, 3> normal = column(first, 0);
    const double height = dot(column(slice.affine, 3), normal) / std::sqrt(dot(normal, normal));
    slices.push_back({std::move(slice), height});
  }
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Placed& a, const Placed& b) { return a.height < b.height; });
  if (slices.size() > 1) check_gaps(slices, folder);
  return slices;
}

}  // namespace

RawScan read_dicom_series(const fs::path& folder) {
  const std::vector<Placed> slices = ordered_slices(only_series(folder), folder);
  RawScan raw;
  std::vector<at::Tensor> planes;
  for (const Placed& one : slices) {
    planes.push_back(read_dicom_slice(one.slice.file, true).values.to(at::kFloat));
    if (planes.back().size(0) != planes.front().size(0)) {
      fail(one.slice.file, "a slice has another number of channels than the first of its series");
    }
  }
  raw.values = at::cat(planes, 1);
  raw.affine = slices.front().slice.affine;
  if (slices.size() == 1) return raw;
  // From first to last, not along the normal: a tilted gantry shears the grid.
  const auto first = column(raw.affine, 3), last = column(slices.back().slice.affine, 3);
  for (int row = 0; row < 3; ++row) {
    raw.affine[4 * row] = (last[row] - first[row]) / static_cast<double>(slices.size() - 1);
  }
  return raw;
}

}  // namespace semiseg::image_format
