// SPDX-License-Identifier: Apache-2.0
// A few slices of a case with reference and prediction laid over them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "framework/files/png_file.h"

namespace semiseg {

struct OverlayRequest {
  at::Tensor image;             // [D,H,W] float, CPU
  at::Tensor reference;         // [D,H,W] uint8, CPU; undefined: this row is left out
  at::Tensor prediction;        // [D,H,W] uint8, CPU; undefined: this row is left out
  std::vector<int64_t> slices;  // along D, one column each
  int64_t scale = 4;            // pixels for each side of a voxel
};

// Any shape, float → uint8: black to white from the 1st to the 99th percentile of the whole.
at::Tensor grey_levels(const at::Tensor& image);

// Rows from the top: image, reference, prediction; grey_levels of the volume. Classes are filled
// half-transparent with an opaque outline.
Picture render_overlay(const OverlayRequest& request);

// At most `count` slices, evenly spread over those with foreground in either label map (either may
// be undefined); over all of `depth` when there is no foreground. Ascending.
std::vector<int64_t> pick_slices(const at::Tensor& reference, const at::Tensor& prediction,
                                 int64_t depth, int64_t count);

// The picture of a case as a PNG file: first channel of `image` [C,D,H,W], labels [D,H,W] uint8
// (either may be undefined), at most six slices. Writes atomically. Throws kIo on failure.
void write_overlay(const std::filesystem::path& path, const at::Tensor& image,
                   const at::Tensor& reference, const at::Tensor& prediction);

// Okabe & Ito's palette, which people with any colour vision can tell apart; lighter from the
// eighth class on.
Colour class_colour(int64_t label);

}  // namespace semiseg
