// SPDX-License-Identifier: Apache-2.0
// Transforms that move or resize: SciPy, SSL4MIS, MC-Net, BCP, UA-MT, GenericSSL.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/data/transforms/color_jitter.h"
#include "framework/data/transforms/transforms.h"
#include "framework/data/transforms/zoom.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using Branch = GeometryParameters::Branch;
using Sizes = std::vector<int64_t>;

int64_t drawn_integer(const ParityCase& c, const std::string& name) {
  return c.tensor(name).item<int64_t>();
}

Sizes sizes_of(const ParityCase& c, const char* name) { return c.options.at(name).get<Sizes>(); }

VolumeSize volume_size(const Sizes& sizes) { return {sizes.at(0), sizes.at(1), sizes.at(2)}; }

TransformParameters recorded_parameters(const ParityCase& c) {
  TransformParameters drawn;
  if (c.has("draw.k")) {
    drawn.placement.geometry = {.branch = Branch::kTurnFlip,
                                .turns = drawn_integer(c, "draw.k"),
                                .flip_axis = drawn_integer(c, "draw.axis")};
  } else if (c.has("draw.angle")) {
    drawn.placement.geometry = {.branch = Branch::kRotate,
                                .degrees = drawn_integer(c, "draw.angle")};
  }
  return drawn;
}

TransformedSample transformed(const ParityCase& c, const TransformOptions& options,
                              const TransformParameters& drawn) {
  const at::Tensor label = c.has("in.label") ? c.tensor("in.label") : at::Tensor();
  return apply(options, drawn, c.tensor("in.image").unsqueeze(0), label);
}

// Image without a channel axis, and label.
void compare_sample(const ParityCase& c, const TransformOptions& options,
                    const TransformParameters& drawn, Comparison& comparison) {
  const TransformedSample out = transformed(c, options, drawn);
  comparison.compare("out.image", out.image[0]);
  if (out.label.defined()) comparison.compare("out.label", out.label);
}

// Odd quarter-turns exchange the first two sides.
Sizes turned_size(const ParityCase& c) {
  Sizes size = sizes_of(c, "size");
  if (drawn_integer(c, "draw.k") % 2 != 0) std::swap(size.at(0), size.at(1));
  return size;
}

void zoom_order0_index(const ParityCase& c, Comparison& comparison) {
  const auto pairs = c.options.at("pairs").get<std::vector<std::pair<int64_t, int64_t>>>();
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Sizes indices = zoom_indices(pairs[i].first, pairs[i].second, ZoomEdge::kReference);
    comparison.compare("out.index." + std::to_string(i), at::tensor(indices, at::kLong));
  }
}

void zoom_order0_image(const ParityCase& c, Comparison& comparison) {
  comparison.compare("out.image", zoom_order0(c.tensor("in.image"), sizes_of(c, "output_size"),
                                              ZoomEdge::kReference));
}

void random_rotate_2d(const ParityCase& c, Comparison& comparison) {
  compare_sample(c, {.patch_size = sizes_of(c, "size")}, recorded_parameters(c), comparison);
}

void random_rot_flip_2d(const ParityCase& c, Comparison& comparison) {
  compare_sample(c, {.patch_size = turned_size(c)}, recorded_parameters(c), comparison);
}

void random_generator(const ParityCase& c, Comparison& comparison) {
  const bool is_ssl4mis = c.options.at("convention") == "ssl4mis";
  const TransformOptions options{.kind = is_ssl4mis ? "random_generator" : "bcp",
                                 .patch_size = sizes_of(c, "output_size"),
                                 .zoom_edge = ZoomEdge::kReference};
  const TransformParameters drawn = recorded_parameters(c);
  const at::Tensor uniform = c.tensor("draw.branch");
  int64_t taken = 0;
  const Branch branch = choose_branch(
      options.kind, [&] { return uniform[std::min(taken++, uniform.numel() - 1)].item<double>(); });
  comparison.require(branch == drawn.placement.geometry.branch && taken == uniform.numel(),
                     "the numbers choose another branch");
  const TransformedSample out = transformed(c, options, drawn);
  comparison.compare("out.image", out.image);
  comparison.compare("out.label", out.label);
}

void weak_strong(const ParityCase& c, Comparison& comparison) {
  const TransformOptions options{.kind = "weak_strong",
                                 .patch_size = sizes_of(c, "output_size"),
                                 .zoom_edge = ZoomEdge::kReference};
  const TransformParameters drawn = recorded_parameters(c);
  const at::Tensor order = c.tensor("draw.order");
  const auto place = [&](int64_t operation) {
    return (order == operation).nonzero().item<int64_t>();
  };
  const JitterParameters colours{.contrast_first = place(1) < place(0),
                                 .brightness = c.tensor("draw.brightness").item<double>(),
                                 .contrast = c.tensor("draw.contrast").item<double>()};
  const TransformedSample out = transformed(c, options, drawn);
  comparison.compare("out.image_weak", out.image);
  comparison.compare("out.image_strong", jitter_in_range(colours, out.image));
  comparison.compare("out.label_aug", out.label);
  TransformOptions zoom = options;  // the options of the weak view
  zoom.kind = "none";
  comparison.compare("out.image", transformed(c, zoom, {}).image);
}

void random_rot_flip_3d(const ParityCase& c, Comparison& comparison) {
  const TransformOptions options{
      .kind = "rot_flip_crop", .patch_size = turned_size(c), .axial_axis = 2};
  compare_sample(c, options, recorded_parameters(c), comparison);
}

void random_crop_3d(const ParityCase& c, Comparison& comparison) {
  const Sizes patch = sizes_of(c, "output_size"), size = sizes_of(c, "size");
  const TransformOptions options{.kind = "crop", .patch_size = patch};
  CropParameters crop{.padding =
                          crop_padding(volume_size(size), volume_size(patch), options.crop_margin)};
  const auto ranges = c.options.at("integer_ranges").get<std::vector<Sizes>>();
  for (size_t axis = 0; axis < 3; ++axis) {
    crop.offset[axis] = c.tensor("draw.offset")[static_cast<int64_t>(axis)].item<int64_t>();
    const int64_t end = size[axis] + 2 * crop.padding[axis] - patch[axis];
    comparison.require(
        end == ranges.at(axis).at(1),
        fmt::format("offsets of axis {} end at {}: expected {}", axis, end, ranges[axis][1]));
  }
  compare_sample(c, options, {.placement = {.crop = crop}}, comparison);
}

void center_crop_3d(const ParityCase& c, Comparison& comparison) {
  const TransformOptions options{.kind = "none", .patch_size = sizes_of(c, "output_size")};
  Sizes sizes = sizes_of(c, "size");
  sizes.insert(sizes.begin(), 1);
  DrawSequence none = Draws(1).sequence("augment");
  compare_sample(c, options, draw_parameters(options, sizes, none), comparison);
}

// GenericSSL resizes with the library itself, the label by floor(i · in / out).
void resize_trilinear(const ParityCase& c, Comparison& comparison) {
  const Sizes size = sizes_of(c, "output_size");
  const auto batch = [&](const char* name) { return c.tensor(name).unsqueeze(0).unsqueeze(0); };
  comparison.compare("out.image",
                     at::upsample_trilinear3d(batch("in.image"), size,
                                              c.options.value("align_corners", false))[0][0]);
  comparison.compare("out.label", at::upsample_nearest3d(batch("in.label"), size)[0][0]);
}

}  // namespace

std::map<std::string, CaseRunner> geometry_transforms() {
  return {{"center_crop_3d", center_crop_3d},         {"random_crop_3d", random_crop_3d},
          {"random_generator", random_generator},     {"random_rot_flip_2d", random_rot_flip_2d},
          {"random_rot_flip_3d", random_rot_flip_3d}, {"random_rotate_2d", random_rotate_2d},
          {"resize_trilinear", resize_trilinear},     {"weak_strong", weak_strong},
          {"zoom_order0", zoom_order0_image},         {"zoom_order0_index", zoom_order0_index}};
}

}  // namespace semiseg
