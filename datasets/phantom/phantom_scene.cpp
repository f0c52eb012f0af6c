// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_scene.h"

#include <algorithm>
#include <cmath>

namespace semiseg::phantom {
namespace {

constexpr double kRightWall = 3.5;  // mm; too thin to be labelled

// Paints over what is there, with soft edges of a pixel: later tissue hides earlier tissue.
class Canvas {
 public:
  explicit Canvas(const Grid& grid)
      : grid_(grid), fraction_(grid.size * grid.size * kTissues, 0.f) {
    for (size_t i = 0; i < fraction_.size(); i += kTissues) fraction_[i] = 1;  // air
  }

  void fill(const Contour& shape, Tissue tissue, double opacity = 1) {
    if (shape.radius <= 0) return;
    const double reach = shape.largest_radius() + grid_.spacing_mm;
    for (int64_t row = first(shape.y - reach); row < last(shape.y + reach); ++row) {
      for (int64_t column = first(shape.x - reach); column < last(shape.x + reach); ++column) {
        const double outside = shape.distance(position(column), position(row));
        const double alpha = opacity * std::clamp(0.5 - outside / grid_.spacing_mm, 0.0, 1.0);
        if (alpha > 0)
          blend((row * grid_.size + column) * kTissues, tissue, static_cast<float>(alpha));
      }
    }
  }

  void fill(const Blob& blob) {
    if (blob.rim_mm <= 0) return fill(blob.shape, blob.tissue, blob.opacity);
    fill(blob.shape, blob.rim_tissue, blob.opacity);
    Contour inner = blob.shape;
    inner.radius -= blob.rim_mm;
    fill(inner, blob.tissue, blob.opacity);
  }

  // Pixel centre in mm.
  double position(int64_t pixel) const {
    return (static_cast<double>(pixel) - 0.5 * static_cast<double>(grid_.size - 1)) *
           grid_.spacing_mm;
  }

  const std::vector<float>& fraction() const { return fraction_; }

 private:
  int64_t first(double mm) const { return std::clamp<int64_t>(pixel(mm), 0, grid_.size); }
  int64_t last(double mm) const { return std::clamp<int64_t>(pixel(mm) + 1, 0, grid_.size); }
  int64_t pixel(double mm) const {
    return static_cast<int64_t>(
        std::floor(mm / grid_.spacing_mm + 0.5 * static_cast<double>(grid_.size)));
  }

  void blend(int64_t at, Tissue tissue, float alpha) {
    for (int t = 0; t < kTissues; ++t) fraction_[at + t] *= 1 - alpha;
    fraction_[at + static_cast<int>(tissue)] += alpha;
  }

  Grid grid_;
  std::vector<float> fraction_;
};

HeartSection shifted(HeartSection section, const Plane& plane) {
  const auto move = [&plane](Contour& shape) {
    shape.x += plane.shift_x;
    shape.y += plane.shift_y;
  };
  for (Contour* shape : {&section.right, &section.outer, &section.cavity}) move(*shape);
  for (auto* blobs : {&section.papillary, &section.above_valves}) {
    for (Blob& blob : *blobs) move(blob.shape);
  }
  return section;
}

Contour grown(Contour shape, double mm) {
  if (shape.radius > 0) shape.radius += mm;
  return shape;
}

void paint_surroundings(Canvas& canvas, const Anatomy& anatomy, double depth_mm) {
  const double height = depth_mm / anatomy.length;
  for (Blob blob : anatomy.surroundings) {
    if (height < blob.first_height || height > blob.last_height) continue;
    blob.shape.x += blob.drift_x * height;
    blob.shape.y += blob.drift_y * height;
    canvas.fill(blob);
  }
}

void paint_heart(Canvas& canvas, const HeartSection& section) {
  for (const Blob& blob : section.above_valves) canvas.fill(blob);
  canvas.fill(grown(section.right, kRightWall + 3), Tissue::kFat, 0.5);
  canvas.fill(grown(section.outer, 3), Tissue::kFat, 0.5);
  canvas.fill(grown(section.right, kRightWall), Tissue::kMyocardium, 0.8);
  canvas.fill(section.right, Tissue::kRightBlood);
  canvas.fill(section.outer, Tissue::kMyocardium);
  canvas.fill(section.cavity, Tissue::kLeftBlood);
  for (const Blob& blob : section.papillary) canvas.fill(blob);
}

}  // namespace

Scene paint(const Anatomy& anatomy, const Plane& plane, const Grid& grid) {
  Scene scene;
  scene.fraction.assign(grid.size * grid.size * kTissues, 0.f);
  // A slice is a slab: two planes inside it show the partial volume of a tapering wall.
  for (const double offset : {-0.25, 0.25}) {
    const double depth = plane.depth_mm + offset * grid.thickness_mm;
    Canvas canvas(grid);
    paint_surroundings(canvas, anatomy, depth);
    paint_heart(canvas, shifted(anatomy.cut(plane.systole, depth), plane));
    for (size_t i = 0; i < scene.fraction.size(); ++i)
      scene.fraction[i] += 0.5f * canvas.fraction()[i];
  }
  const HeartSection section = shifted(anatomy.cut(plane.systole, plane.depth_mm), plane);
  const Canvas canvas(grid);
  const auto inside = [&canvas](const Contour& shape, int64_t row, int64_t column) {
    return shape.radius > 0 && shape.distance(canvas.position(column), canvas.position(row)) < 0;
  };
  scene.label.assign(grid.size * grid.size, 0);
  for (int64_t row = 0; row < grid.size; ++row) {
    for (int64_t column = 0; column < grid.size; ++column) {
      uint8_t& label = scene.label[row * grid.size + column];
      if (inside(section.right, row, column)) label = 1;
      if (inside(section.outer, row, column)) label = 2;
      if (inside(section.cavity, row, column)) label = 3;
    }
  }
  return scene;
}

}  // namespace semiseg::phantom
