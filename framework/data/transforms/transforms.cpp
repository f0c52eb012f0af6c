// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/transforms.h"

#include <ATen/Functions.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/data/transforms/plane_map.h"

namespace semiseg {
namespace {

using Branch = GeometryParameters::Branch;

PlaneMap geometry_map(const TransformOptions& options, const GeometryParameters& geometry,
                      int64_t height, int64_t width) {
  const int64_t out_height = options.patch_size[0], out_width = options.patch_size[1];
  if (options.kind == "weak_strong") {
    return then(zoom_map(height, width, out_height, out_width, options.zoom_edge),
                turn_flip_map(out_height, out_width, geometry.turns, geometry.flip_axis));
  }
  switch (geometry.branch) {
    case Branch::kTurnFlip: {
      const PlaneMap turned = turn_flip_map(height, width, geometry.turns, geometry.flip_axis);
      return then(turned,
                  zoom_map(turned.height, turned.width, out_height, out_width, options.zoom_edge));
    }
    case Branch::kRotate:
      return then(rotation_map(height, width, geometry.degrees),
                  zoom_map(height, width, out_height, out_width, options.zoom_edge));
    case Branch::kNothing:
      break;
  }
  return zoom_map(height, width, out_height, out_width, options.zoom_edge);
}

// [D,H,W] of [C,D,H,W].
VolumeSize volume_size(at::IntArrayRef sizes) {
  SEMISEG_CHECK(sizes.size() == 4, "a volume is [C,D,H,W]");
  return {sizes[1], sizes[2], sizes[3]};
}

VolumeMap turned_volume(const TransformOptions& options, const GeometryParameters& geometry,
                        at::IntArrayRef sizes) {
  const VolumeSize size = volume_size(sizes);
  if (geometry.branch != Branch::kTurnFlip) return identity_map(size);
  return turn_flip_map(size, options.axial_axis, geometry.turns, geometry.flip_axis);
}

VolumeSize patch_of(const TransformOptions& options) {
  return {options.patch_size[0], options.patch_size[1], options.patch_size[2]};
}

CropParameters draw_crop(const TransformOptions& options, const GeometryParameters& geometry,
                         at::IntArrayRef sizes, DrawSequence& numbers) {
  const VolumeSize side = turned_volume(options, geometry, sizes).sizes(),
                   patch = patch_of(options);
  CropParameters crop{.padding = crop_padding(side, patch, options.crop_margin)};
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t room = side[axis] + 2 * crop.padding[axis] - patch[axis];
    crop.offset[axis] = options.kind == "none" ? centre_offset(room) : numbers.integer(0, room);
  }
  return crop;
}

template <class Map>
TransformedSample gather_all(const Map& map, at::IntArrayRef out_sizes, const at::Tensor& image,
                             const at::Tensor& label) {
  std::vector<int64_t> image_sizes = out_sizes.vec();
  image_sizes.insert(image_sizes.begin(), image.size(0));
  TransformedSample out{.image = at::empty(image_sizes, at::kFloat)};
  const int64_t in_step = image.numel() / image.size(0);
  const int64_t out_step = out.image.numel() / image.size(0);
  for (int64_t c = 0; c < image.size(0); ++c) {
    gather(map, image.const_data_ptr<float>() + c * in_step,
           out.image.mutable_data_ptr<float>() + c * out_step);
  }
  if (label.defined()) {
    out.label = at::empty(out_sizes, at::kByte);
    gather(map, label.const_data_ptr<uint8_t>(), out.label.mutable_data_ptr<uint8_t>());
  }
  return out;
}

void add_noise(const std::vector<float>& normals, double sigma, const at::Tensor& image) {
  SEMISEG_CHECK(static_cast<int64_t>(normals.size()) == image.numel(), "a number for each voxel");
  float* value = image.mutable_data_ptr<float>();
  for (const float normal : normals) {
    *value = static_cast<float>(*value + clipped_noise(normal, sigma));
    ++value;
  }
}

}  // namespace

TransformOptions TransformOptions::read(const Config& section, std::vector<int64_t> patch_size,
                                        int64_t axial_axis) {
  TransformOptions o;
  o.patch_size = std::move(patch_size);
  o.axial_axis = axial_axis;
  SEMISEG_CHECK(o.patch_size.size() == 2 || o.is_volume(), "a patch has two or three sizes");
  o.affine = AffineOptions::read(section, std::ssize(o.patch_size));
  if (o.is_volume()) {
    o.kind = "rot_flip_crop";
    section.read(
        "kind", o.kind, {"rot_flip_crop", "crop", "svda", "none", "nnunet"},
        "Random geometry of training volumes: turns and flips in the plane of a slice and a random "
        "crop (rot_flip_crop), the crop alone (crop), the crop and three of rotation, zoom, blur, "
        "brightness, contrast and gamma (svda, the strong augmentation of GenericSSL), the centre "
        "(none), or crop, rotation, scaling and mirroring of nnU-Net (nnunet). Take crop where "
        "orientation carries meaning, svda to repeat GenericSSL.");
    section.read(
        "crop_margin", o.crop_margin, {1, 1024},
        "Number of voxels of zero padding at each end beyond half of what a small volume lacks: 3 "
        "in UA-MT and SSL4MIS, 1 in GenericSSL. Change it only to repeat a reference.");
    section.read("noise", o.noise, {0, 100},
                 "Standard deviation of the Gaussian noise on training volumes, clipped at twice "
                 "its size; 0: none. 0.1 is RandomNoise of UA-MT.");
    return o;
  }
  bool is_reference = false;
  section.read(
      "kind", o.kind, {"random_generator", "bcp", "weak_strong", "none", "nnunet"},
      "Random geometry of training slices: half of them turned and flipped, half rotated "
      "(random_generator); half turned and flipped, a quarter rotated (bcp); all turned and "
      "flipped (weak_strong); none; or crops at random, rotated, scaled and mirrored as in nnU-Net "
      "(nnunet). Take the one of the reference that you compare with.");
  section.read("zoom_reference", is_reference,
               "Loses the last row or column when slices of some sizes are resized, as SciPy does. "
               "Switch it on only to repeat published runs.");
  o.zoom_edge = is_reference ? ZoomEdge::kReference : ZoomEdge::kClamp;
  if (o.kind == "weak_strong" && o.patch_size[0] != o.patch_size[1]) {
    section.fail("kind", "weak_strong turns the patch by quarters, which changes its shape",
                 "a square patch_size", "make the patch square, or take random_generator");
  }
  return o;
}

GeometryParameters::Branch choose_branch(const std::string& kind,
                                         const std::function<double()>& uniform) {
  if (kind == "random_generator") return uniform() < 0.5 ? Branch::kTurnFlip : Branch::kRotate;
  if (kind == "bcp") {
    if (uniform() > 0.5) return Branch::kTurnFlip;
    return uniform() > 0.5 ? Branch::kRotate : Branch::kNothing;
  }
  const bool always_turns = kind == "weak_strong" || kind == "rot_flip_crop";
  return always_turns ? Branch::kTurnFlip : Branch::kNothing;
}

TransformParameters with_own_crop(const TransformOptions& options,
                                  const TransformParameters& parameters, at::IntArrayRef sizes,
                                  DrawSequence& numbers) {
  TransformParameters other = parameters;
  if (options.is_volume())
    other.placement.crop = draw_crop(options, other.placement.geometry, sizes, numbers);
  return other;
}

TransformParameters draw_parameters(const TransformOptions& options, const at::Tensor& image,
                                    const at::Tensor& label, DrawSequence& numbers) {
  if (options.moves_whole_voxels()) return draw_parameters(options, image.sizes(), numbers);
  return {.affine = draw_affine(options.affine, options.patch_size, image, label, numbers)};
}

TransformParameters draw_parameters(const TransformOptions& options, at::IntArrayRef sizes,
                                    DrawSequence& numbers) {
  TransformParameters drawn;
  GeometryParameters& geometry = drawn.placement.geometry;
  geometry.branch = choose_branch(options.kind, [&] { return numbers.uniform(); });
  if (geometry.branch == Branch::kTurnFlip) {
    geometry.turns = numbers.integer(0, 4);
    geometry.flip_axis = numbers.integer(0, 2);
  } else if (geometry.branch == Branch::kRotate) {
    geometry.degrees = numbers.integer(-20, 20);
  }
  if (options.is_volume()) drawn.placement.crop = draw_crop(options, geometry, sizes, numbers);
  if (options.is_volume() && options.kind == "svda") drawn.strong = draw_strong_steps(numbers);
  if (options.is_volume() && options.noise > 0) {
    DrawSequence behind = numbers;
    for (int i = 0; i < kNumbersBeforeNoise; ++i) behind.uniform();
    drawn.noise.resize(static_cast<size_t>(sizes[0] * c10::multiply_integers(options.patch_size)));
    for (float& normal : drawn.noise) normal = static_cast<float>(behind.normal());
  }
  return drawn;
}

TransformedSample apply(const TransformOptions& options, const TransformParameters& parameters,
                        const at::Tensor& image, const at::Tensor& label) {
  const bool is_volume = options.is_volume();
  SEMISEG_CHECK(image.dim() == (is_volume ? 4 : 3) && image.scalar_type() == at::kFloat &&
                    image.is_contiguous(),
                "a sample is a contiguous float32 image with as many axes as the patch and one");
  SEMISEG_CHECK(!label.defined() || (label.scalar_type() == at::kByte && label.is_contiguous() &&
                                     label.sizes() == image.sizes().slice(1)),
                "a label is a contiguous uint8 map of its image's size");
  if (!options.moves_whole_voxels()) {
    TransformedSample out{.image = sample_linear(parameters.affine, options.patch_size, image)};
    if (label.defined()) out.label = sample_nearest(parameters.affine, options.patch_size, label);
    return out;
  }
  if (is_volume) {
    const CropParameters& drawn = parameters.placement.crop;
    const VolumeMap map = crop(turned_volume(options, parameters.placement.geometry, image.sizes()),
                               drawn.padding, drawn.offset, patch_of(options));
    TransformedSample out = gather_all(map, options.patch_size, image, label);
    make_strong_steps(parameters.strong, out.image, out.label);
    if (!parameters.noise.empty()) add_noise(parameters.noise, options.noise, out.image);
    return out;
  }
  const PlaneMap map =
      geometry_map(options, parameters.placement.geometry, image.size(1), image.size(2));
  return gather_all(map, {map.height, map.width}, image, label);
}

at::Tensor moved_alike(const TransformOptions& options, const TransformParameters& parameters,
                       const at::Tensor& features) {
  return apply(options, {.placement = parameters.placement, .affine = parameters.affine}, features,
               {})
      .image;
}

double clipped_noise(double normal, double sigma) {
  return std::clamp(sigma * normal, -2 * sigma, 2 * sigma);
}

}  // namespace semiseg
