// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/report_slices.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/png_file.h"
#include "framework/record/report/overlay.h"

namespace semiseg {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostSlices = 24;
constexpr int64_t kSmallestMargin = 8;  // voxels

// Own code: no library that the program links has base64, and this is all of it.
std::string base64(const std::string& bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

struct Extent {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Foreground along an axis of [D,H,W] and a margin of a quarter of it; all of the axis without
// foreground.
Extent extent_of(const at::Tensor& foreground, int64_t axis) {
  const int64_t size = foreground.size(axis);
  const at::Tensor found = foreground.movedim(axis, 0).flatten(1).any(1).nonzero();
  if (found.numel() == 0) return {0, size};
  const int64_t first = found[0].item<int64_t>(), last = found[-1].item<int64_t>();
  const int64_t margin = std::max(kSmallestMargin, (last - first) / 4);
  return {std::max<int64_t>(0, first - margin), std::min(size, last + 1 + margin)};
}

Json outlines(const at::Tensor& labels, int64_t classes) {
  Json paths = Json::array();
  for (int64_t label = 1; label < classes; ++label) paths.push_back(outline_path(labels, label));
  return paths;
}

Json to_json_value(const SegmentedCase& c, int64_t classes) {
  SEMISEG_CHECK(c.image.dim() == 3 && c.reference.sizes() == c.image.sizes() &&
                    c.prediction.sizes() == c.image.sizes(),
                "image and labels [D,H,W]");
  const at::Tensor foreground = c.reference.ne(0).logical_or(c.prediction.ne(0));
  const Extent rows = extent_of(foreground, 1), columns = extent_of(foreground, 2);
  const auto cut = [&](const at::Tensor& volume, int64_t slice) {
    return volume[slice]
        .slice(0, rows.begin, rows.end)
        .slice(1, columns.begin, columns.end)
        .contiguous();
  };
  const at::Tensor grey = grey_levels(c.image);
  Json slices = Json::array();
  for (const int64_t z : pick_slices(c.reference, c.prediction, c.image.size(0), kMostSlices)) {
    const at::Tensor image = cut(grey, z);
    const std::string png = grey_png(columns.size(), rows.size(), image.const_data_ptr<uint8_t>());
    slices.push_back({{"index", z},
                      {"image", base64(png)},
                      {"reference", outlines(cut(c.reference, z), classes)},
                      {"prediction", outlines(cut(c.prediction, z), classes)}});
  }
  return {{"case", c.id},
          {"depth", c.image.size(0)},
          {"width", columns.size()},
          {"height", rows.size()},
          {"pixel_aspect", c.spacing_mm[2] / c.spacing_mm[1]},
          {"slices", std::move(slices)}};
}

}  // namespace

void write_segmented_cases(const std::filesystem::path& path,
                           const std::vector<std::string>& classes,
                           const std::vector<SegmentedCase>& cases) {
  Json json = {{"format", 1}, {"classes", classes}, {"cases", Json::array()}};
  for (const auto& c : cases) json["cases"].push_back(to_json_value(c, std::ssize(classes)));
  write_file(path, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace semiseg
