// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/overlay.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr int64_t kGap = 4;  // pixels between tiles
constexpr Colour kGapColour = {255, 255, 255};

// One slice of the request as a tile; `labels` may be undefined.
struct Tile {
  at::Tensor image;   // [H,W] uint8
  at::Tensor labels;  // [H,W] uint8
  int64_t scale;

  int64_t height() const { return image.size(0); }
  int64_t width() const { return image.size(1); }

  uint8_t label(int64_t x, int64_t y) const {
    return labels.const_data_ptr<uint8_t>()[y / scale * width() + x / scale];
  }

  bool is_outline(int64_t x, int64_t y) const {
    const int64_t right = width() * scale - 1, bottom = height() * scale - 1;
    const uint8_t own = label(x, y);
    return (x > 0 && label(x - 1, y) != own) || (x < right && label(x + 1, y) != own) ||
           (y > 0 && label(x, y - 1) != own) || (y < bottom && label(x, y + 1) != own);
  }

  Colour colour(int64_t x, int64_t y) const {
    const uint8_t grey = image.const_data_ptr<uint8_t>()[y / scale * width() + x / scale];
    if (!labels.defined() || label(x, y) == 0) return {grey, grey, grey};
    Colour result = class_colour(label(x, y));
    if (is_outline(x, y)) return result;
    for (uint8_t& part : result) part = static_cast<uint8_t>((part + grey + 1) / 2);
    return result;
  }

  void draw(Picture& picture, int64_t left, int64_t top) const {
    for (int64_t y = 0; y < height() * scale; ++y) {
      for (int64_t x = 0; x < width() * scale; ++x) picture.at(left + x, top + y) = colour(x, y);
    }
  }
};

}  // namespace

Colour class_colour(int64_t label) {
  constexpr std::array<Colour, 7> kPalette = {{{230, 159, 0},      // orange
                                               {86, 180, 233},     // sky blue
                                               {0, 158, 115},      // bluish green
                                               {240, 228, 66},     // yellow
                                               {0, 114, 178},      // blue
                                               {213, 94, 0},       // vermilion
                                               {204, 121, 167}}};  // reddish purple
  SEMISEG_CHECK(label >= 1, "the background has no colour");
  const auto index = static_cast<size_t>(label - 1);
  Colour colour = kPalette[index % kPalette.size()];
  for (size_t round = 0; round < index / kPalette.size(); ++round) {
    for (uint8_t& part : colour) part = static_cast<uint8_t>((part + 255) / 2);
  }
  return colour;
}

at::Tensor grey_levels(const at::Tensor& image) {
  const at::Tensor values = image.to(at::kFloat).contiguous();
  const at::Tensor sorted = std::get<0>(values.flatten().sort());
  const auto last = static_cast<double>(sorted.numel() - 1);
  const auto at_part = [&](double part) { return sorted[std::llround(part * last)].item<float>(); };
  const float low = at_part(0.01), high = at_part(0.99);
  at::Tensor grey = at::empty(values.sizes(), at::kByte);
  std::transform(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel(),
                 grey.mutable_data_ptr<uint8_t>(), [=](float value) {
                   const float part = high > low ? (value - low) / (high - low) : 0;
                   return static_cast<uint8_t>(std::lround(255 * std::clamp(part, 0.0F, 1.0F)));
                 });
  return grey;
}

Picture render_overlay(const OverlayRequest& request) {
  SEMISEG_CHECK(request.image.dim() == 3 && !request.slices.empty() && request.scale >= 1,
                "slices of a volume");
  const at::Tensor image = grey_levels(request.image);
  std::vector<at::Tensor> rows = {at::Tensor()};
  for (const at::Tensor& labels : {request.reference, request.prediction}) {
    if (!labels.defined()) continue;
    SEMISEG_CHECK(labels.sizes() == image.sizes() && labels.scalar_type() == at::kByte,
                  "labels like the image");
    rows.push_back(labels.contiguous());
  }

  const int64_t tile_height = image.size(1) * request.scale,
                tile_width = image.size(2) * request.scale;
  const auto row_count = static_cast<int64_t>(rows.size()),
             columns = static_cast<int64_t>(request.slices.size());
  Picture picture(columns * (tile_width + kGap) - kGap, row_count * (tile_height + kGap) - kGap);
  std::fill(picture.pixels.begin(), picture.pixels.end(), kGapColour);
  for (int64_t row = 0; row < row_count; ++row) {
    const at::Tensor& labels = rows[static_cast<size_t>(row)];
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t slice = request.slices[static_cast<size_t>(column)];
      const Tile tile{image[slice], labels.defined() ? labels[slice] : at::Tensor(), request.scale};
      tile.draw(picture, column * (tile_width + kGap), row * (tile_height + kGap));
    }
  }
  return picture;
}

std::vector<int64_t> pick_slices(const at::Tensor& reference, const at::Tensor& prediction,
                                 int64_t depth, int64_t count) {
  std::vector<int64_t> candidates;
  const auto has_foreground = [](const at::Tensor& labels, int64_t slice) {
    return labels.defined() && labels[slice].any().item<bool>();
  };
  for (int64_t z = 0; z < depth; ++z) {
    if (has_foreground(reference, z) || has_foreground(prediction, z)) candidates.push_back(z);
  }
  if (candidates.empty()) {
    for (int64_t z = 0; z < depth; ++z) candidates.push_back(z);
  }
  const auto available = static_cast<int64_t>(candidates.size());
  const int64_t picked = std::min(count, available);
  std::vector<int64_t> slices;  // the middles of equal parts: the ends of an organ show little
  for (int64_t i = 0; i < picked; ++i) {
    slices.push_back(candidates[static_cast<size_t>((2 * i + 1) * available / (2 * picked))]);
  }
  return slices;
}

void write_overlay(const std::filesystem::path& path, const at::Tensor& image,
                   const at::Tensor& reference, const at::Tensor& prediction) {
  constexpr int64_t kColumns = 6;
  SEMISEG_CHECK(image.dim() == 4, "an image [C,D,H,W]");
  const auto slices = pick_slices(reference, prediction, image.size(1), kColumns);
  write_png(path, render_overlay({image[0], reference, prediction, slices}));
}

}  // namespace semiseg
