// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/nnunet/affine.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"

namespace semiseg {
namespace {

constexpr double kThickPatch = 3, kLongSlice = 1.5;

using Place = std::array<double, 3>;
using Size = std::array<int64_t, 3>;
using Matrix = std::array<Place, 3>;

bool is_thick(const std::vector<int64_t>& patch) {
  return patch.size() == 3 && static_cast<double>(*std::max_element(patch.begin(), patch.end())) >
                                  kThickPatch * static_cast<double>(patch[0]);
}

// Slices are volumes of one slice.
Size as_volume(at::IntArrayRef sizes) {
  return sizes.size() == 2 ? Size{1, sizes[0], sizes[1]} : Size{sizes[0], sizes[1], sizes[2]};
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c = {};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 3; ++k) c[i][j] += a[i][k] * b[k][j];
    }
  }
  return c;
}

// Turns the plane of the two other axes.
Matrix turn(size_t axis, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  const size_t i = axis == 0 ? 1 : 0, j = axis == 2 ? 1 : 2;
  Matrix m = {};
  m[axis][axis] = 1;
  m[i][i] = m[j][j] = std::cos(angle);
  m[i][j] = -std::sin(angle);
  m[j][i] = std::sin(angle);
  return m;
}

// The place in the image of each voxel of the patch.
class AffineMap {
 public:
  AffineMap(const AffineGeometry& geometry, const std::vector<int64_t>& patch)
      : patch_(as_volume(patch)) {
    const size_t shift = 3 - patch.size();
    matrix_ = product(turn(0, geometry.degrees[0]),
                      product(turn(1, geometry.degrees[1]), turn(2, geometry.degrees[2])));
    for (size_t axis = shift; axis < 3; ++axis) {
      const size_t own = axis - shift;
      centre_[axis] = half(axis) + static_cast<double>(geometry.offset[own]);
      const double factor = geometry.mirrored[own] ? -geometry.scale[own] : geometry.scale[own];
      for (size_t i = 0; i < 3; ++i) matrix_[i][axis] *= factor;
    }
  }

  // Calls visit(place) for each voxel of the patch, in the order of memory.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (int64_t z = 0; z < patch_[0]; ++z) {
      for (int64_t y = 0; y < patch_[1]; ++y) {
        for (int64_t x = 0; x < patch_[2]; ++x) visit(place_of(z, y, x));
      }
    }
  }

 private:
  double half(size_t axis) const { return static_cast<double>(patch_[axis] - 1) / 2; }
  Place place_of(int64_t z, int64_t y, int64_t x) const {
    const Place u = {static_cast<double>(z) - half(0), static_cast<double>(y) - half(1),
                     static_cast<double>(x) - half(2)};
    Place s = centre_;
    for (size_t i = 0; i < 3; ++i)
      s[i] += matrix_[i][0] * u[0] + matrix_[i][1] * u[1] + matrix_[i][2] * u[2];
    return s;
  }

  Size patch_;
  Matrix matrix_ = {};
  Place centre_ = {0, 0, 0};
};

// The linear mean of the eight voxels around a place; those outside are 0.
float linear(const float* values, const Size& size, const Place& place) {
  Size low;
  Place share;
  for (size_t axis = 0; axis < 3; ++axis) {
    const double floor = std::floor(place[axis]);
    if (floor < -1 || floor >= static_cast<double>(size[axis])) return 0;
    low[axis] = static_cast<int64_t>(floor);
    share[axis] = place[axis] - floor;
  }
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    double weight = 1;
    int64_t index = 0;
    bool is_inside = true;
    for (size_t axis = 0; axis < 3; ++axis) {
      const bool is_upper = (corner >> axis & 1) != 0;
      const int64_t i = low[axis] + (is_upper ? 1 : 0);
      weight *= is_upper ? share[axis] : 1 - share[axis];
      is_inside = is_inside && i >= 0 && i < size[axis];
      index = index * size[axis] + i;
    }
    if (is_inside && weight > 0) sum += weight * values[index];
  }
  return static_cast<float>(sum);
}

uint8_t nearest(const uint8_t* values, const Size& size, const Place& place) {
  int64_t index = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    const double rounded = std::floor(place[axis] + 0.5);
    if (rounded < 0 || rounded >= static_cast<double>(size[axis])) return 0;
    index = index * size[axis] + static_cast<int64_t>(rounded);
  }
  return values[index];
}

// Returns the index of a foreground voxel: first a class by `u`, then a voxel of it by `v`; -1 where
// there is none.
int64_t foreground_voxel(const at::Tensor& label, double u, double v) {
  const uint8_t* values = label.const_data_ptr<uint8_t>();
  std::array<int64_t, 256> counts = {};
  for (int64_t i = 0; i < label.numel(); ++i) ++counts[values[i]];
  std::vector<size_t> present;
  for (size_t c = 1; c < counts.size(); ++c) {
    if (counts[c] > 0 && static_cast<int64_t>(c) != kIgnoreLabel) present.push_back(c);
  }
  if (present.empty()) return -1;
  const size_t wanted = present[static_cast<size_t>(u * static_cast<double>(present.size()))];
  auto left = static_cast<int64_t>(v * static_cast<double>(counts[wanted]));
  for (int64_t i = 0; i < label.numel(); ++i) {
    if (values[i] == wanted && left-- == 0) return i;
  }
  return -1;
}

}  // namespace

AffineOptions AffineOptions::read(const Config& section, int64_t axes) {
  AffineOptions o;
  o.mirror_axes.resize(static_cast<size_t>(axes));
  section.read("rotation_probability", o.rotation_probability, {0, 1},
               "kind nnunet: probability that a patch is rotated. Lower it where orientation "
               "carries meaning.");
  section.read("rotation_degrees", o.degrees, {0, 180},
               "kind nnunet: largest rotation in degrees, about each axis; 0: that of nnU-Net for "
               "the shape of the patch. Lower it where orientation carries meaning.");
  section.read("scaling_probability", o.scaling_probability, {0, 1},
               "kind nnunet: probability that a patch is scaled. Lower it where size carries "
               "meaning.");
  o.scaling.read(section, "scaling", {0.01, 100},
                 "kind nnunet: smallest and largest factor; above 1 organs shrink. Narrow it where "
                 "size carries meaning.");
  section.read("mirror_axes", o.mirror_axes, {0, 2},
               "kind nnunet: axes of the patch along which half of the patches are mirrored. Take "
               "out those that tell left from right where that matters.");
  section.read("foreground", o.foreground, {0, 1},
               "kind nnunet: share of labelled patches whose centre is drawn among the voxels of a "
               "foreground class. Raise it where organs are small.");
  for (const int64_t axis : o.mirror_axes) {
    if (axis >= axes)
      section.fail("mirror_axes", "the patch lacks this axis",
                   "axes below " + std::to_string(axes));
  }
  return o;
}

double largest_rotation(const std::vector<int64_t>& patch) {
  if (is_thick(patch)) return 180;
  if (patch.size() == 3) return 30;
  const auto [shortest, longest] = std::minmax(patch[0], patch[1]);
  return static_cast<double>(longest) > kLongSlice * static_cast<double>(shortest) ? 15 : 180;
}

AffineGeometry draw_affine(const AffineOptions& options, const std::vector<int64_t>& patch,
                           const at::Tensor& image, const at::Tensor& label,
                           DrawSequence& numbers) {
  const size_t axes = patch.size();
  const bool turns_in_plane = axes == 2 || is_thick(patch);
  const double degrees = options.degrees > 0 ? options.degrees : largest_rotation(patch);
  AffineGeometry drawn;
  const bool rotates = numbers.uniform() < options.rotation_probability;
  for (size_t axis = 0; axis < 3; ++axis) {
    const double angle = numbers.uniform(-degrees, degrees);
    if (rotates && (axis == 0 || !turns_in_plane)) drawn.degrees[axis] = angle;
  }
  const bool scales = numbers.uniform() < options.scaling_probability;
  const double factor = options.scaling.draw(numbers);
  for (size_t axis = is_thick(patch) ? 1 : 0; scales && axis < axes; ++axis)
    drawn.scale[axis] = factor;
  for (size_t axis = 0; axis < axes; ++axis) {
    const auto& allowed = options.mirror_axes;
    drawn.mirrored[axis] = numbers.uniform() < options.mirror_probability &&
                           std::find(allowed.begin(), allowed.end(), axis) != allowed.end();
  }
  const bool wants_foreground = numbers.uniform() < options.foreground;
  const double u = numbers.uniform(), v = numbers.uniform();
  const int64_t voxel = wants_foreground && label.defined() ? foreground_voxel(label, u, v) : -1;
  int64_t stride = 1;
  for (size_t axis = axes; axis-- > 0;) {
    const int64_t side = image.size(static_cast<int64_t>(axis) + 1), room = side - patch[axis];
    const int64_t offset = numbers.integer(0, std::max<int64_t>(room, 0) + 1);
    const int64_t centre = voxel < 0 ? 0 : voxel / stride % side;
    drawn.offset[axis] = room < 0    ? -((1 - room) / 2)
                         : voxel < 0 ? offset
                                     : std::clamp<int64_t>(centre - patch[axis] / 2, 0, room);
    stride *= side;
  }
  return drawn;
}

at::Tensor sample_linear(const AffineGeometry& geometry, const std::vector<int64_t>& patch,
                         const at::Tensor& image) {
  std::vector<int64_t> sizes = patch;
  sizes.insert(sizes.begin(), image.size(0));
  at::Tensor out = at::empty(sizes, at::kFloat);
  const Size size = as_volume(image.sizes().slice(1));
  const int64_t step = image.numel() / image.size(0);
  float* value = out.mutable_data_ptr<float>();
  for (int64_t c = 0; c < image.size(0); ++c) {
    const float* channel = image.const_data_ptr<float>() + c * step;
    AffineMap(geometry, patch).for_each([&](const Place& s) {
      *value++ = linear(channel, size, s);
    });
  }
  return out;
}

at::Tensor sample_nearest(const AffineGeometry& geometry, const std::vector<int64_t>& patch,
                          const at::Tensor& label) {
  at::Tensor out = at::empty(patch, at::kByte);
  const Size size = as_volume(label.sizes());
  const uint8_t* values = label.const_data_ptr<uint8_t>();
  uint8_t* value = out.mutable_data_ptr<uint8_t>();
  AffineMap(geometry, patch).for_each([&](const Place& s) { *value++ = nearest(values, size, s); });
  return out;
}

}  // namespace semiseg
