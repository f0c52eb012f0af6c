// SPDX-License-Identifier: Apache-2.0
// Outlines of label maps as the report draws them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace semiseg {

// Outline of one class of a slice [H,W] uint8 along the edges of its voxels, as an SVG path in
// voxel units: closed loops, holes too; voxels that touch at a corner only are apart. Empty without
// such a voxel.
std::string outline_path(const at::Tensor& labels, int64_t label);

}  // namespace semiseg
