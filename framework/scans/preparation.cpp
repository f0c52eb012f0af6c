// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/preparation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "framework/core/error.h"
#include "framework/scans/grid_match.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, const fs::path& where, std::string expected,
                       std::string got, std::string fix = "") {
  throw Error(ErrorKind::kData, {std::move(what), where.string(), std::move(expected),
                                 std::move(got), std::move(fix)});
}

template <size_t N>
std::array<double, N> numbers(const std::string& text, const std::string& where) {
  std::array<double, N> result;
  std::istringstream stream(text + ",");
  for (double& number : result) {
    char comma = 0;
    if (!(stream >> number >> comma) || comma != ',') {
      fail("a recorded preparation is damaged", where, fmt::format("{} numbers", N), text);
    }
  }
  return result;
}

std::vector<double> bounds(const std::string& text, const std::string& where) {
  if (text == "none") return {};
  const std::array<double, 2> pair = numbers<2>(text, where);
  return {pair.begin(), pair.end()};
}

// Returns false for a word that is not about intensities.
bool parse_intensity(const std::string& key, const std::string& value, const std::string& where,
                     IntensityOptions& intensity) {
  if (key == "window") {
    intensity.clip = bounds(value, where);
  } else if (key == "clip_percentile") {
    intensity.clip_percentile = bounds(value, where);
  } else if (key == "normalise") {
    intensity.scale = value;
  } else if (key == "fixed") {
    const auto [mean, std] = numbers<2>(value, where);
    intensity.mean = mean;
    intensity.std = std;
  } else {
    return false;
  }
  return true;
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text == "none" ? "" : text);
  for (std::string word; std::getline(stream, word, ',');) result.push_back(word);
  return result;
}

// First and last + 1 index of what is not 0 along each axis of mask [D,H,W], with a margin.
void crop(PreparedCase& made, const at::Tensor& mask, int64_t margin, const fs::path& path) {
  if (!mask.any().item<bool>()) {
    fail("nothing is left after cropping", path, "a voxel that is not 0", "none");
  }
  std::array<int64_t, 3> begin, end;
  for (int axis = 0; axis < 3; ++axis) {
    at::Tensor line = mask;
    for (int other = 2; other >= 0; --other) {
      if (other != axis) line = line.any(other);
    }
    const at::Tensor inside = line.nonzero().flatten();
    begin[axis] = std::max<int64_t>(0, inside[0].item<int64_t>() - margin);
    end[axis] = std::min(line.size(0), inside[-1].item<int64_t>() + 1 + margin);
  }
  const auto cut = [&](at::Tensor values) {
    for (int axis = 0; axis < 3; ++axis) {
      values = values.slice(values.dim() - 3 + axis, begin[axis], end[axis]);
    }
    return values.contiguous();
  };
  made.image = cut(made.image);
  if (made.label.defined()) made.label = cut(made.label);
  made.geometry = sub_grid(made.geometry, begin, end);
}

Orientation turn_of(const ScanGeometry& grid, const std::string& orientation) {
  if (orientation == "canonical") return to_canonical(grid);
  if (orientation == "stored_xyz") return {.axis = {2, 1, 0}};
  return {};
}

}  // namespace

std::string Preparation::text() const {
  const auto list = [](const auto& range) {
    return range.empty() ? std::string("none") : fmt::format("{}", fmt::join(range, ","));
  };
  std::string words = fmt::format(
      "channels={} label_values={} missing_affine={} fourth_axis={} orientation={} crop={} "
      "margin={} window={} "
      "normalise={} spacing={}",
      list(channels), list(label_values), allow_missing_affine ? "centred" : "refused",
      fourth_axis_is_channels ? "channels" : "refused", orientation, crop, margin,
      list(intensity.clip), intensity.scale, spacing_mm ? list(*spacing_mm) : "none");
  // Writes them only when set, because stores are compared by this text.
  if (!intensity.clip_percentile.empty())
    words += fmt::format(" clip_percentile={}", list(intensity.clip_percentile));
  if (intensity.scale == "fixed")
    words += fmt::format(" fixed={},{}", intensity.mean, intensity.std);
  if (earlier_unknown) words += " earlier=unknown";
  if (ignore_label) words += fmt::format(" ignore_label={}", *ignore_label);
  return words;
}

Preparation Preparation::parse(const std::string& text, const std::string& where) {
  Preparation result;
  std::istringstream stream(text);
  for (std::string token; stream >> token;) {
    const size_t equals = token.find('=');
    const std::string key = token.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : token.substr(equals + 1);
    if (parse_intensity(key, value, where, result.intensity)) continue;
    if (key == "channels") {
      result.channels = words(value);
    } else if (key == "label_values") {
      for (const std::string& word : words(value)) {
        result.label_values.push_back(static_cast<int64_t>(numbers<1>(word, where)[0]));
      }
    } else if (key == "ignore_label") {
      result.ignore_label = static_cast<int64_t>(numbers<1>(value, where)[0]);
    } else if (key == "missing_affine") {
      result.allow_missing_affine = value == "centred";
    } else if (key == "fourth_axis") {
      result.fourth_axis_is_channels = value == "channels";
    } else if (key == "orientation") {
      result.orientation = value;
    } else if (key == "crop") {
      result.crop = value;
    } else if (key == "margin") {
      result.margin = static_cast<int64_t>(numbers<1>(value, where)[0]);
    } else if (key == "earlier") {
      result.earlier_unknown = value == "unknown";
    } else if (key == "spacing") {
      if (value != "none") result.spacing_mm = numbers<3>(value, where);
    } else {
      fail("a recorded preparation is not known", where, Preparation().text(), text);
    }
  }
  return result;
}

ReadOptions Preparation::reading() const {
  return {.allow_missing_affine = allow_missing_affine,
          .fourth_axis_is_channels = fourth_axis_is_channels,
          .label_values = label_values,
          .ignore_label = ignore_label};
}

Scan read_channels(const std::vector<fs::path>& files, const ReadOptions& options,
                   double grid_tolerance) {
  Scan result;
  std::vector<at::Tensor> images;
  for (const fs::path& file : files) {
    Scan scan = read_scan(file, options);
    if (images.empty()) result.geometry = scan.geometry;
    images.push_back(onto_grid(scan.image, scan.geometry, file, result.geometry, files.front(),
                               grid_tolerance, "the channels of a case lie on different grids"));
  }
  result.image = at::cat(images);
  return result;
}

PreparedCase prepare(const Scan& scan, const LabelMap* given, const Preparation& how,
                     const fs::path& path) {
  std::optional<LabelMap> label;
  if (given) {
    label = {onto_grid(given->label, given->geometry, path, scan.geometry, "its image",
                       how.grid_tolerance, "image and label lie on different grids"),
             scan.geometry};
  }
  PreparedCase made;
  made.orientation = turn_of(scan.geometry, how.orientation);
  made.turned = made.geometry = reorient(scan.geometry, made.orientation);
  made.image = reorient(scan.image, made.orientation);
  if (label) made.label = reorient(label->label, made.orientation);
  if (how.crop == "nonzero") crop(made, (made.image != 0).any(0), how.margin, path);
  if (how.crop == "labels" && label) crop(made, made.label != 0, how.margin, path);
  made.image = normalise(made.image, how.intensity);
  if (!how.spacing_mm) return made;
  const ScanGeometry grid = with_spacing(made.geometry, *how.spacing_mm);
  made.image = resample(made.image, made.geometry, grid, Interpolation::kLinear);
  if (label) made.label = resample(made.label, made.geometry, grid, Interpolation::kNearest);
  made.geometry = grid;
  return made;
}

at::Tensor to_file_grid(const at::Tensor& values, const PreparedCase& prepared,
                        Interpolation interpolation) {
  const at::Tensor turned = resample(values, prepared.geometry, prepared.turned, interpolation);
  return undo_reorient(turned, prepared.orientation);
}

}  // namespace semiseg
