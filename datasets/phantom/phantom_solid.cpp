// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_solid.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace semiseg::phantom {
namespace {

Point operator-(const Point& a, const Point& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
double dot(const Point& a, const Point& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
double length(const Point& a) { return std::sqrt(dot(a, a)); }

double distance_to(const Ellipsoid& shape, const Point& point) {
  const Point away = point - shape.centre;
  const Point unit = {away.x / shape.radii.x, away.y / shape.radii.y, away.z / shape.radii.z};
  const double relative = length(unit);
  if (relative < 1e-9) return -std::min({shape.radii.x, shape.radii.y, shape.radii.z});
  const Point slope = {unit.x / shape.radii.x, unit.y / shape.radii.y, unit.z / shape.radii.z};
  const double angle = std::atan2(unit.y, unit.x), rise = unit.z / relative;
  double surface = 1;
  for (int k = 0; k < 3; ++k) {
    surface += shape.bumps[k] * std::cos((k + 2) * angle + 2 * k) * (1 - rise * rise);
    surface += shape.bumps[k + 3] * std::sin((k + 2) * rise * 1.5 + k);
  }
  return (relative - surface) * relative / length(slope);
}

double distance_to(const Tube& tube, const Point& point) {
  double nearest = std::numeric_limits<double>::max();
  for (size_t i = 0; i + 1 < tube.size(); ++i) {
    const Point along = tube[i + 1].at - tube[i].at, away = point - tube[i].at;
    const double t = std::clamp(dot(away, along) / dot(along, along), 0.0, 1.0);
    const Point foot = {t * along.x, t * along.y, t * along.z};
    const double radius = tube[i].radius + t * (tube[i + 1].radius - tube[i].radius);
    nearest = std::min(nearest, length(away - foot) - radius);
  }
  return nearest;
}

struct Box {
  Point low = {1e9, 1e9, 1e9}, high = {-1e9, -1e9, -1e9};

  void add(const Point& at, const Point& reach) {
    low = {std::min(low.x, at.x - reach.x), std::min(low.y, at.y - reach.y),
           std::min(low.z, at.z - reach.z)};
    high = {std::max(high.x, at.x + reach.x), std::max(high.y, at.y + reach.y),
            std::max(high.z, at.z + reach.z)};
  }
};

Box bounds(const Solid& solid, double margin) {
  Box box;
  for (const Ellipsoid& shape : solid.ellipsoids) {
    double bumps = 1;
    for (const double bump : shape.bumps) bumps += std::abs(bump);
    box.add(shape.centre, {bumps * shape.radii.x + margin, bumps * shape.radii.y + margin,
                           bumps * shape.radii.z + margin});
  }
  for (const Tube& tube : solid.tubes) {
    for (const Bead& bead : tube) {
      const double reach = bead.radius + margin;
      box.add(bead.at, {reach, reach, reach});
    }
  }
  return box;
}

struct Indices {
  int64_t first, last;  // half open
};

// Indices of an axis whose voxel centres may lie between low and high.
Indices within(double low, double high, int64_t size, double spacing) {
  const double middle = 0.5 * static_cast<double>(size - 1);
  const auto first = static_cast<int64_t>(std::floor(low / spacing + middle));
  const auto last = static_cast<int64_t>(std::ceil(high / spacing + middle)) + 1;
  return {std::clamp<int64_t>(first, 0, size), std::clamp<int64_t>(last, 0, size)};
}

void paint_part(const Part& part, const Look& look, const VolumeGrid& grid, SolidScene& scene) {
  const Box box = bounds(part.solid, part.grow_mm + grid.spacing_mm);
  const Indices slices = within(box.low.z, box.high.z, grid.slices, grid.thickness_mm);
  const Indices rows = within(box.low.y, box.high.y, grid.size, grid.spacing_mm);
  const Indices columns = within(box.low.x, box.high.x, grid.size, grid.spacing_mm);
  for (int64_t slice = slices.first; slice < slices.last; ++slice) {
    for (int64_t row = rows.first; row < rows.last; ++row) {
      for (int64_t column = columns.first; column < columns.last; ++column) {
        const double outside =
            part.solid.distance(grid.position(slice, row, column)) - part.grow_mm;
        const double alpha = std::clamp(0.5 - outside / grid.spacing_mm, 0.0, 1.0);
        if (alpha <= 0) continue;
        const int64_t at = (slice * grid.size + row) * grid.size + column;
        const auto blend = [alpha](float& value, double with) {
          value = static_cast<float>(value * (1 - alpha) + with * alpha);
        };
        blend(scene.signal[at], look.signal);
        blend(scene.texture[at], look.signal * look.texture);
        if (outside < 0) scene.label[at] = static_cast<uint8_t>(part.label);
      }
    }
  }
}

}  // namespace

double Solid::distance(const Point& point) const {
  double nearest = std::numeric_limits<double>::max();
  for (const Ellipsoid& shape : ellipsoids) nearest = std::min(nearest, distance_to(shape, point));
  for (const Tube& tube : tubes) nearest = std::min(nearest, distance_to(tube, point));
  return nearest;
}

Point VolumeGrid::position(int64_t slice, int64_t row, int64_t column) const {
  const auto mm = [](int64_t index, int64_t count, double step) {
    return (static_cast<double>(index) - 0.5 * static_cast<double>(count - 1)) * step;
  };
  return {mm(column, size, spacing_mm), mm(row, size, spacing_mm), mm(slice, slices, thickness_mm)};
}

SolidScene paint(const std::vector<Part>& parts, const std::vector<Look>& looks,
                 const VolumeGrid& grid) {
  const auto voxels = static_cast<size_t>(grid.slices * grid.size * grid.size);
  SolidScene scene;
  scene.signal.assign(voxels, static_cast<float>(looks[0].signal));
  scene.texture.assign(voxels, static_cast<float>(looks[0].signal * looks[0].texture));
  scene.label.assign(voxels, 0);
  for (const Part& part : parts) paint_part(part, looks.at(part.tissue), grid, scene);
  return scene;
}

Solid varied(Solid solid, const Spread& spread, DrawSequence& draws) {
  const Point shift = {spread.shift_mm * bounded_normal(draws),
                       spread.shift_mm * bounded_normal(draws),
                       spread.shift_mm * bounded_normal(draws)};
  const double grow = std::exp(spread.size * bounded_normal(draws));
  const auto moved = [&shift](const Point& at) {
    return Point{at.x + shift.x, at.y + shift.y, at.z + shift.z};
  };
  for (Ellipsoid& shape : solid.ellipsoids) {
    shape.centre = moved(shape.centre);
    shape.radii = {shape.radii.x * grow, shape.radii.y * grow, shape.radii.z * grow};
    for (double& bump : shape.bumps) bump = spread.bump * bounded_normal(draws);
  }
  for (Tube& tube : solid.tubes) {
    for (Bead& bead : tube) bead = {moved(bead.at), bead.radius * grow};
  }
  return solid;
}

double bounded_normal(DrawSequence& draws) { return std::clamp(draws.normal(), -2.0, 2.0); }

}  // namespace semiseg::phantom
