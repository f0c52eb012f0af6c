// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_scan.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "datasets/made_store.h"
#include "datasets/phantom/phantom_signal.h"

namespace semiseg::phantom {
namespace {

// A linear fall of the coil's sensitivity in a direction of its own, and a hollow in the middle.
class Coil {
 public:
  Coil(double bias, DrawSequence& draws) {
    const double angle = draws.uniform(-std::numbers::pi, std::numbers::pi);
    const double strength = bias * draws.uniform(0.5, 1.3);
    x_ = strength * std::cos(angle);
    y_ = strength * std::sin(angle);
    z_ = 0.5 * strength * draws.uniform(-1, 1);
    hollow_ = strength * draws.uniform(0, 0.5);
  }

  // Place in the volume from -1 to 1 along each axis.
  double sensitivity(double x, double y, double z) const {
    return std::exp(x_ * x + y_ * y + z_ * z + hollow_ * (x * x + y * y - 0.7));
  }

 private:
  double x_, y_, z_, hollow_;
};

double place(int64_t index, int64_t size) {
  return 2.0 * (static_cast<double>(index) + 0.5) / static_cast<double>(size) - 1;
}

void weight(SolidScene& scene, const VolumeGrid& grid, const ScanLook& look, DrawSequence& draws) {
  const auto cells = static_cast<int64_t>(look.texture_cells);
  const int64_t slice_cells = std::max<int64_t>(1, cells / 2);
  const SmoothVolume coarse(grid.slices, slice_cells, grid.size, cells, draws);
  const SmoothVolume fine(grid.slices, grid.slices, grid.size, grid.size / 3, draws);
  const Coil coil(look.bias, draws);
  int64_t at = 0;
  for (int64_t slice = 0; slice < grid.slices; ++slice) {
    for (int64_t row = 0; row < grid.size; ++row) {
      for (int64_t column = 0; column < grid.size; ++column, ++at) {
        const double texture =
            0.6 * coarse.at(slice, row, column) + 0.6 * fine.at(slice, row, column);
        const double value = std::max(0.0, scene.signal[at] + scene.texture[at] * texture);
        scene.signal[at] = static_cast<float>(value * coil.sensitivity(place(column, grid.size),
                                                                       place(row, grid.size),
                                                                       place(slice, grid.slices)));
      }
    }
  }
}

}  // namespace

Scanned scan(SolidScene scene, const VolumeGrid& grid, const ScanLook& look, DrawSequence& draws) {
  weight(scene, grid, look, draws);
  const std::vector<int64_t> sides = {grid.slices, grid.size, grid.size};
  const double sigma = look.blur_mm / grid.spacing_mm;
  blur(scene.signal, sides, {0.5 * look.blur_mm / grid.thickness_mm, sigma, sigma});
  for (float& value : scene.signal) {
    value = static_cast<float>(look.magnitude ? magnitude(value, look.noise, draws)
                                              : value + look.noise * draws.normal());
  }
  blur(scene.signal, sides, {0, 0.45, 0.45});  // scanners interpolate: noise of neighbours is alike
  Scanned result = {at::empty({1, grid.slices, grid.size, grid.size}),
                    at::empty({grid.slices, grid.size, grid.size}, at::kByte)};
  std::copy(scene.signal.begin(), scene.signal.end(), result.image.data_ptr<float>());
  std::copy(scene.label.begin(), scene.label.end(), result.label.data_ptr<uint8_t>());
  result.image = normalised(result.image);
  return result;
}

}  // namespace semiseg::phantom
