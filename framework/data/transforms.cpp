// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/data/plane_map.h"

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

}  // namespace

TransformOptions TransformOptions::read(const Config& section, std::vector<int64_t> patch_size) {
  TransformOptions o;
  bool is_reference = false;
  section.read("kind", o.kind, {"random_generator", "bcp", "weak_strong", "none"},
               "random geometry of training samples: turns and flips or rotation "
               "(random_generator, bcp), zoom, turns "
               "and flips (weak_strong), or zoom alone (none)");
  section.read("zoom_reference", is_reference,
               "zoom loses the last row or column of some sizes, as SciPy does; only to repeat "
               "published runs");
  o.zoom_edge = is_reference ? ZoomEdge::kReference : ZoomEdge::kClamp;
  o.patch_size = std::move(patch_size);
  SEMISEG_CHECK(o.patch_size.size() == 2, "2-D transforms need two sizes");
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
  return kind == "weak_strong" ? Branch::kTurnFlip : Branch::kNothing;
}

TransformParameters draw_parameters(const TransformOptions& options, DrawSequence& numbers) {
  TransformParameters drawn;
  drawn.geometry.branch = choose_branch(options.kind, [&] { return numbers.uniform(); });
  if (drawn.geometry.branch == Branch::kTurnFlip) {
    drawn.geometry.turns = numbers.integer(0, 4);
    drawn.geometry.flip_axis = numbers.integer(0, 2);
  } else if (drawn.geometry.branch == Branch::kRotate) {
    drawn.geometry.degrees = numbers.integer(-20, 20);
  }
  drawn.jitter.contrast_first = numbers.uniform() < 0.5;
  drawn.jitter.brightness = numbers.uniform(0.2, 1.8);
  drawn.jitter.contrast = numbers.uniform(0.2, 1.8);
  return drawn;
}

TransformedSample apply(const TransformOptions& options, const TransformParameters& parameters,
                        const at::Tensor& image, const at::Tensor& label, bool wants_strong) {
  SEMISEG_CHECK(image.dim() == 3 && image.scalar_type() == at::kFloat && image.is_contiguous(),
                "a 2-D sample is a contiguous float32 image [C,H,W]");
  SEMISEG_CHECK(!label.defined() || (label.scalar_type() == at::kByte && label.is_contiguous() &&
                                     label.sizes() == image.sizes().slice(1)),
                "a label is a contiguous uint8 map of its image's size");
  const int64_t channels = image.size(0), height = image.size(1), width = image.size(2);
  const PlaneMap map = geometry_map(options, parameters.geometry, height, width);
  TransformedSample out{.image = at::empty({channels, map.height, map.width}, at::kFloat)};
  for (int64_t c = 0; c < channels; ++c) {
    gather(map, image.const_data_ptr<float>() + c * height * width,
           out.image.mutable_data_ptr<float>() + c * map.height * map.width);
  }
  if (label.defined()) {
    out.label = at::empty({map.height, map.width}, at::kByte);
    gather(map, label.const_data_ptr<uint8_t>(), out.label.mutable_data_ptr<uint8_t>());
  }
  if (wants_strong) out.image_strong = jitter(parameters.jitter, out.image);
  return out;
}

at::Tensor jitter(const JitterParameters& parameters, const at::Tensor& image) {
  at::Tensor result = at::empty(image.sizes(), at::kFloat);
  const float* in = image.const_data_ptr<float>();
  float* out = result.mutable_data_ptr<float>();
  const int64_t size = image.numel();
  std::copy_n(in, size, out);
  const auto scale = [&](double factor, double offset) {
    const float slope = static_cast<float>(factor), shift = static_cast<float>(offset);
    for (int64_t i = 0; i < size; ++i) out[i] = std::clamp(slope * out[i] + shift, 0.0f, 1.0f);
  };
  const auto adjust_contrast = [&] {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += out[i];
    scale(parameters.contrast, (1 - parameters.contrast) * sum / static_cast<double>(size));
  };
  if (parameters.contrast_first) adjust_contrast();
  scale(parameters.brightness, 0);
  if (!parameters.contrast_first) adjust_contrast();
  return result;
}

}  // namespace semiseg
