// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/surface_elements.h"

#include <cmath>
#include <cstdint>

namespace semiseg {
namespace {

// The triangles at a corner whose code is the index or 255 minus it; their normals, as they stand
// in the original, are multiples of 1/8. One hexadecimal digit each, from the highest, counts
// normals along (1,1,1)/8, (4,0,0)/8, (0,4,0)/8, (0,0,4)/8, (0,2,2)/8, (2,0,2)/8, (2,2,0)/8; signs
// do not matter to an area.
constexpr uint32_t kTriangles[128] = {
    0x0000000, 0x1000000, 0x1000000, 0x0000002, 0x1000000, 0x0000020, 0x2000000, 0x3100000,
    0x1000000, 0x2000000, 0x0000020, 0x3100000, 0x0000002, 0x3100000, 0x3100000, 0x0200000,
    0x1000000, 0x0000200, 0x2000000, 0x3010000, 0x2000000, 0x3001000, 0x3000000, 0x6000000,
    0x2000000, 0x1000200, 0x1000020, 0x4000110, 0x1000002, 0x4000101, 0x4100000, 0x3100000,
    0x1000000, 0x2000000, 0x0000200, 0x3010000, 0x2000000, 0x1000020, 0x1000200, 0x4000110,
    0x2000000, 0x3000000, 0x3001000, 0x6000000, 0x1000002, 0x4100000, 0x4000101, 0x3100000,
    0x0000002, 0x3010000, 0x3010000, 0x0020000, 0x1000002, 0x4000011, 0x4010000, 0x3010000,
    0x1000002, 0x4010000, 0x4000011, 0x3010000, 0x0000004, 0x1000002, 0x1000002, 0x0000002,
    0x1000000, 0x2000000, 0x2000000, 0x1000002, 0x0000200, 0x3001000, 0x1000200, 0x4000101,
    0x2000000, 0x3000000, 0x1000020, 0x4100000, 0x3010000, 0x6000000, 0x4000110, 0x3100000,
    0x0000020, 0x3001000, 0x1000020, 0x4000011, 0x3001000, 0x0002000, 0x4001000, 0x3001000,
    0x1000020, 0x4001000, 0x0000040, 0x1000020, 0x4000011, 0x3001000, 0x1000020, 0x0000020,
    0x2000000, 0x3000000, 0x1000200, 0x4010000, 0x1000200, 0x4001000, 0x0000400, 0x1000200,
    0x3000000, 0x4000000, 0x4001000, 0x3000000, 0x4010000, 0x3000000, 0x1000200, 0x2000000,
    0x3100000, 0x6000000, 0x4000110, 0x3010000, 0x4000101, 0x3001000, 0x1000200, 0x0000200,
    0x4100000, 0x3000000, 0x1000020, 0x2000000, 0x1000002, 0x2000000, 0x2000000, 0x1000000};

std::vector<double> areas(const std::array<double, 3>& spacing) {
  const double z = spacing[1] * spacing[2] / 8, y = spacing[0] * spacing[2] / 8,
               x = spacing[0] * spacing[1] / 8;  // area that a normal along this axis stands for
  const double units[7] = {
      std::hypot(z, y, x), 4 * z, 4 * y, 4 * x, 2 * std::hypot(y, x), 2 * std::hypot(z, x),
      2 * std::hypot(z, y)};
  std::vector<double> result(256);
  for (size_t code = 0; code < 128; ++code) {
    double area = 0;
    for (int unit = 0; unit < 7; ++unit) {
      area += units[unit] * (kTriangles[code] >> (4 * (6 - unit)) & 0xf);
    }
    result[code] = result[255 - code] = area;
  }
  return result;
}

std::vector<double> lengths(double row, double column) {
  const double diagonal = std::hypot(row, column) / 2;
  std::vector<double> result(16, diagonal);  // one voxel, or all but one
  result[0b0000] = result[0b1111] = 0;
  result[0b0011] = result[0b1100] = column;
  result[0b0101] = result[0b1010] = row;
  result[0b0110] = result[0b1001] = 2 * diagonal;
  return result;
}

}  // namespace

std::vector<double> surface_of_corners(const std::array<double, 3>& spacing, int axes) {
  return axes == 3 ? areas(spacing) : lengths(spacing[1], spacing[2]);
}

}  // namespace semiseg
