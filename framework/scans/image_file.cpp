// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/image_file.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/ignore_label.h"
#include "framework/core/own_file.h"
#include "framework/scans/grid_match.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace image_format {

void fail(const fs::path& path, std::string what, std::string expected, std::string got,
          std::string fix) {
  throw Error(ErrorKind::kData, {std::move(what), path.string(), std::move(expected),
                                 std::move(got), std::move(fix)});
}

void fail_missing_affine(const fs::path& path) {
  fail(path, "the file does not say where its voxels lie", "an affine from voxels to millimetres",
       "none", "store it with its orientation, or accept a made-up one: --allow-missing-affine");
}

void fail_fourth_axis(const fs::path& path, int64_t length) {
  fail(path, "the file has four axes", "a 3-D scan", fmt::format("a fourth axis of {}", length),
       "split it into 3-D files, or say that its entries are channels: --channels");
}

std::array<double, 16> centred_affine(const std::array<int64_t, 3>& size,
                                      const std::array<double, 3>& spacing_mm) {
  std::array<double, 16> affine = {};
  affine[15] = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const int row = 2 - axis;
    const double step = row == 0 ? -spacing_mm[axis] : spacing_mm[axis];
    affine[4 * row + axis] = step;
    affine[4 * row + 3] = -step * static_cast<double>(size[axis] - 1) / 2;
  }
  return affine;
}

}  // namespace image_format

namespace {

using image_format::fail;
using image_format::RawScan;

constexpr const char* kEndings = ".nii, .nii.gz, .nrrd, .mha, .mhd, .dcm or a DICOM folder";

// ".nii.gz" and ".nii" are told apart; lower case.
std::string ending(const fs::path& path) {
  std::string name = path.filename();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (name.ends_with(".nii.gz")) return ".nii.gz";
  return fs::path(name).extension();
}

RawScan read_by_format(const fs::path& path, const ReadOptions& options) {
  if (!fs::exists(path)) fail(path, "there is no such file or folder");
  if (fs::is_directory(path)) return image_format::read_dicom(path, options);
  check_is_file(path);  // opening a pipe waits for ever
  const std::string kind = ending(path);
  if (!is_image_file(path)) fail(path, "not a known image file", kEndings, kind);
  if (kind == ".dcm") return image_format::read_dicom(path, options);
  return kind == ".nii" || kind == ".nii.gz" || kind == ".hdr"
             ? image_format::read_nifti(path, options)
             : image_format::read_by_itk(path, options);
}

// Any exception of a reader concerns this file alone.
RawScan read_raw(const fs::path& path, const ReadOptions& options) {
  try {
    return read_by_format(path, options);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    fail(path, "the file cannot be read", "a whole image", reason.substr(0, reason.find('\n')),
         "copy or download it again");
  }
}

ScanGeometry geometry_of(const RawScan& raw, const fs::path& path) {
  return make_geometry({raw.values.size(1), raw.values.size(2), raw.values.size(3)}, raw.affine,
                       path);
}

// Voxel index of the first bad value for the message.
void check_all(const at::Tensor& good, const at::Tensor& values, const fs::path& path,
               const std::string& what, const std::string& expected, const char* fix = "") {
  if (good.all().item<bool>()) return;
  const at::Tensor bad = good.logical_not();
  const at::Tensor first = bad.nonzero()[0];
  at::Tensor value = values;
  for (int64_t axis = 0; axis < first.size(0); ++axis) value = value[first[axis].item<int64_t>()];
  fail(path, what, expected,
       fmt::format("{} at channel {}, voxel [{},{},{}] (D,H,W); {} such voxels",
                   value.item<double>(), first[0].item<int64_t>(), first[1].item<int64_t>(),
                   first[2].item<int64_t>(), first[3].item<int64_t>(), bad.sum().item<int64_t>()),
       fix);
}

// Values of the file → class numbers.
at::Tensor to_classes(const at::Tensor& label, const ReadOptions& options, const fs::path& path) {
  const std::vector<int64_t>& values = options.label_values;
  at::Tensor classes = at::full_like(label, -1);
  for (size_t k = 0; k < values.size(); ++k) {
    classes.masked_fill_(label == values[k], static_cast<int64_t>(k));
  }
  if (options.ignore_label) classes.masked_fill_(label == *options.ignore_label, kIgnoreLabel);
  const at::Tensor unknown = classes < 0;
  if (unknown.any().item<bool>()) {
    fail(path, "a label value is not listed",
         fmt::format("--label-values {}", fmt::join(values, ",")),
         std::to_string(label.masked_select(unknown)[0].item<int64_t>()), "list it, too");
  }
  return classes.to(at::kByte);
}

void write_values(const fs::path& path, const at::Tensor& values, const ScanGeometry& geometry) {
  SEMISEG_CHECK(values.dim() == 4 && values.sizes().slice(1) == at::IntArrayRef(geometry.size),
                "the voxels belong to the grid");
  const std::string kind = ending(path);
  if (kind != ".nii" && kind != ".nii.gz" && kind != ".nrrd" && kind != ".mha") {
    throw Error(ErrorKind::kConfig, {.what = "images are not written in this format",
                                     .where = path.string(),
                                     .expected = ".nii.gz, .nii, .nrrd or .mha",
                                     .got = kind});
  }
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  AtomicFile file(path);
  const at::Tensor plain = values.cpu().contiguous();
  if (kind.starts_with(".nii")) {
    image_format::write_nifti(file.temporary(), kind == ".nii.gz", plain, geometry);
  } else {
    image_format::write_by_itk(file.temporary(), kind, plain, geometry);
  }
  file.commit();
}

}  // namespace

Scan read_scan(const fs::path& path, const ReadOptions& options) {
  const RawScan raw = read_raw(path, options);
  Scan scan{.image = raw.values.to(at::kFloat), .geometry = geometry_of(raw, path)};
  check_all(at::isfinite(scan.image), scan.image, path, "an image value is not finite",
            "finite numbers");
  return scan;
}

LabelMap read_label_map(const fs::path& path, const ReadOptions& options) {
  const RawScan raw = read_raw(path, options);
  if (raw.values.size(0) != 1) {
    fail(path, "a label map has several channels", "one", std::to_string(raw.values.size(0)));
  }
  const at::Tensor values = raw.values.to(at::kDouble), whole = values.round();
  const at::Tensor is_whole = ((values - whole).abs() <= 1e-3).logical_and(whole.abs() < 1e15);
  check_all(is_whole, values, path, "a label value is not a whole number", "whole numbers",
            "store labels as integers, resampled by nearest neighbour");
  LabelMap map{.label = whole[0].to(at::kLong), .geometry = geometry_of(raw, path)};
  if (!options.label_values.empty()) {
    map.label = to_classes(map.label, options, path);
    return map;
  }
  const int64_t last = options.ignore_label ? kIgnoreLabel - 1 : 255;
  at::Tensor is_class = (whole >= 0).logical_and(whole <= last);
  if (options.ignore_label) is_class = is_class.logical_or(whole == *options.ignore_label);
  check_all(is_class, values, path, fmt::format("a label value is not from 0 to {}", last),
            fmt::format("values from 0 to {}", last),
            "name the values of the classes: --label-values 0,…");
  if (options.ignore_label) map.label.masked_fill_(whole[0] == *options.ignore_label, kIgnoreLabel);
  map.label = map.label.to(at::kByte);
  return map;
}

void write_scan(const fs::path& path, const at::Tensor& image, const ScanGeometry& geometry) {
  write_values(path, image.to(at::kFloat), geometry);
}

void write_label_map(const fs::path& path, const at::Tensor& label, const ScanGeometry& geometry) {
  SEMISEG_CHECK(label.scalar_type() == at::kByte || label.scalar_type() == at::kShort,
                "a label map is uint8 or int16");
  write_values(path, label.unsqueeze(0), geometry);
}

bool same_grid(const ScanGeometry& a, const ScanGeometry& b, double tolerance) {
  return a.size == b.size && corner_distance(a, b).voxels <= tolerance;
}

bool is_image_file(const fs::path& path) {
  static const std::vector<std::string> known = {".nii",  ".nii.gz", ".hdr", ".nrrd",
                                                 ".nhdr", ".mha",    ".mhd", ".dcm"};
  return std::find(known.begin(), known.end(), ending(path)) != known.end();
}

std::string image_stem(const fs::path& path) {
  const std::string name =
      (path.has_filename() ? path : path.parent_path()).filename();  // "folder/" too
  return is_image_file(path) ? name.substr(0, name.size() - ending(path).size()) : name;
}

ScanGeometry make_geometry(const std::array<int64_t, 3>& size, const std::array<double, 16>& affine,
                           const fs::path& path) {
  ScanGeometry geometry{.size = size, .affine = affine};
  const auto& a = affine;
  for (int axis = 0; axis < 3; ++axis) {
    geometry.spacing_mm[axis] = std::hypot(a[axis], a[4 + axis], a[8 + axis]);
  }
  const auto& s = geometry.spacing_mm;
  const double volume = a[0] * (a[5] * a[10] - a[6] * a[9]) - a[1] * (a[4] * a[10] - a[6] * a[8]) +
                        a[2] * (a[4] * a[9] - a[5] * a[8]);
  const bool finite = std::all_of(a.begin(), a.end(), [](double x) { return std::isfinite(x); });
  if (!finite || !(std::abs(volume) > 1e-6 * s[0] * s[1] * s[2])) {
    fail(path, "the affine from voxels to millimetres is singular",
         "three independent axes of finite length", fmt::format("[{:g}]", fmt::join(affine, ", ")),
         "repair the file's header");
  }
  return geometry;
}

}  // namespace semiseg
