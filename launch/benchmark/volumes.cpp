// SPDX-License-Identifier: Apache-2.0
#include "launch/benchmark/volumes.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Triple = std::array<int64_t, 3>;

// One ellipsoid, and how the prediction of it differs.
struct Structure {
  uint8_t label;
  Triple centre, radii;
  Triple shift = {1, -2, 1}, grow = {0, 1, -1};
};

struct Case {
  const char* name;
  Triple shape;
  int64_t classes;
  std::vector<Structure> structures;  // later ones cover earlier ones
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"la", {180, 180, 88}, 2, {{1, {88, 92, 44}, {46, 34, 24}}}},
      {"acdc",
       {10, 256, 216},
       4,
       {{1, {5, 128, 76}, {5, 34, 24}, {0, 2, -1}, {0, -1, 1}},
        {2, {5, 128, 116}, {5, 36, 36}, {0, 1, -2}, {0, 1, 1}},
        {3, {5, 128, 116}, {5, 24, 24}, {0, 1, -1}, {0, 0, 1}}}},
      {"synapse",
       {80, 160, 160},
       14,
       {{6, {38, 70, 48}, {26, 38, 34}},
        {7, {40, 70, 92}, {18, 18, 20}},
        {1, {42, 96, 124}, {16, 14, 10}},
        {2, {30, 104, 52}, {14, 9, 9}},
        {3, {34, 104, 108}, {14, 9, 9}},
        {4, {34, 60, 66}, {8, 6, 6}},
        {5, {62, 92, 82}, {14, 4, 4}},
        {8, {36, 96, 84}, {32, 6, 6}},
        {9, {34, 92, 70}, {30, 6, 6}},
        {10, {40, 78, 74}, {5, 5, 14}},
        {11, {36, 80, 90}, {6, 6, 16}},
        {12, {46, 98, 66}, {5, 4, 4}, {0, 1, 0}},
        {13, {46, 98, 98}, {5, 4, 4}, {0, 1, 0}}}}};
  return all;
}

// Noise on a lattice with cells of 4 voxels, from the counter rule of the baselines: FNV-1a of the
// key, then splitmix64.
class Lattice {
 public:
  Lattice(const std::string& key, const Triple& shape)
      : rows_(shape[1] / 4 + 2), columns_(shape[2] / 4 + 2) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    nodes_.resize(static_cast<size_t>((shape[0] / 4 + 2) * rows_ * columns_));
    for (size_t i = 0; i < nodes_.size(); ++i) {
      uint64_t z = hash + (i + 1) * 0x9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      nodes_[i] = static_cast<int64_t>((z ^ (z >> 31)) >> 56);
    }
  }

  // Trilinear, 0 … 16320.
  int64_t at(const Triple& v) const {
    int64_t sum = 0;
    for (int64_t corner = 0; corner < 8; ++corner) {
      int64_t weight = 1;
      Triple node;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t step = corner >> axis & 1, part = v[axis] % 4;
        weight *= step == 1 ? part : 4 - part;
        node[axis] = v[axis] / 4 + step;
      }
      sum += weight * nodes_[static_cast<size_t>((node[0] * rows_ + node[1]) * columns_ + node[2])];
    }
    return sum;
  }

 private:
  int64_t rows_, columns_;
  std::vector<int64_t> nodes_;
};

int64_t square(int64_t value) { return value * value; }

// Noise lets a structure reach 1.12 radii at most.
void paint(const at::Tensor& map, const std::string& key, uint8_t label, const Triple& centre,
           const Triple& radii) {
  const Triple shape = {map.size(0), map.size(1), map.size(2)};
  const Lattice noise(key, shape);
  const Triple others = {square(radii[1] * radii[2]), square(radii[0] * radii[2]),
                         square(radii[0] * radii[1])};
  const int64_t product = square(radii[0] * radii[1] * radii[2]);
  Triple begin, end;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t reach = radii[axis] + radii[axis] / 8 + 1;
    begin[axis] = std::max<int64_t>(0, centre[axis] - reach);
    end[axis] = std::min(shape[axis], centre[axis] + reach + 1);
  }
  uint8_t* voxels = map.mutable_data_ptr<uint8_t>();
  for (int64_t z = begin[0]; z < end[0]; ++z) {
    for (int64_t y = begin[1]; y < end[1]; ++y) {
      for (int64_t x = begin[2]; x < end[2]; ++x) {
        const int64_t distance = square(z - centre[0]) * others[0] +
                                 square(y - centre[1]) * others[1] +
                                 square(x - centre[2]) * others[2];
        if (16384 * distance < product * (12288 + (noise.at({z, y, x}) >> 1))) {
          voxels[(z * shape[1] + y) * shape[2] + x] = label;
        }
      }
    }
  }
}

at::Tensor make_map(const Case& c, bool predicted) {
  const at::Tensor map = at::zeros({c.shape[0], c.shape[1], c.shape[2]}, at::kByte);
  const std::string prefix = std::string(c.name) + (predicted ? "/prediction/" : "/reference/");
  for (size_t i = 0; i < c.structures.size(); ++i) {
    const Structure& s = c.structures[i];
    Triple centre = s.centre, radii = s.radii;
    for (size_t axis = 0; predicted && axis < 3; ++axis) {
      centre[axis] += s.shift[axis];
      radii[axis] += s.grow[axis];
    }
    paint(map, prefix + std::to_string(i), s.label, centre, radii);
  }
  return map;
}

}  // namespace

BenchmarkVolumes make_benchmark_volumes(const std::string& name) {
  for (const Case& c : cases()) {
    if (name == c.name) return {make_map(c, true), make_map(c, false), c.classes};
  }
  SEMISEG_CHECK(false, "a benchmark's volumes: " + name);
  return {};
}

}  // namespace semiseg
