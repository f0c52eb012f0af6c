// SPDX-License-Identifier: Apache-2.0
// The levels of V-Nets for slices and volumes that need them one by one, as HiLab-git/SSL4MIS
// networks/vnet.py has them (table in vnet.cpp): a block of n × [conv 3 → norm → ReLU], and the way
// to the next level, conv 2 with stride 2 → norm → ReLU, transposed on the way up. Names of
// parameters are the reference's ("block_five_up.conv.0.weight").
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/nn/conv.h"
#include "framework/nn/norm.h"

namespace semiseg {

// A convolution, its norm and ReLU. In the reference's sequence a layer that is absent (no norm)
// has no number.
class LevelUnit {
 public:
  LevelUnit(const Module& sequence, int64_t position, const ConvOptions& conv,
            const NormOptions& norm);

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;
  static int64_t layers(const NormOptions& norm) { return norm.kind == "none" ? 2 : 3; }

 private:
  Conv conv_;
  Norm norm_;
};

struct LevelWidth {
  int64_t channels = 1;  // of the image
  int64_t filters = 16;  // at full resolution; doubled in each of the next four levels
  NormOptions norm;
  int64_t axes = 3;
};

class LevelBlock {
 public:
  LevelBlock(const Module& module, int64_t count, int64_t in, int64_t out, const LevelWidth& width);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  std::vector<LevelUnit> units_;
};

// One level: its block, and the way to the next one (none after the last).
struct VNetLevel {
  LevelBlock block;
  std::optional<LevelUnit> resize;
};

// Levels one to nine; the fifth is the deepest.
inline constexpr size_t kVNetDeepest = 4, kVNetLast = 8;

// Returns the number of channels of a level's block.
int64_t vnet_channels(size_t level, int64_t filters);
VNetLevel make_vnet_level(const Module& root, size_t level, const LevelWidth& width);

// Runs levels one to four and returns the outputs of their blocks; x becomes the input of level
// five.
std::vector<at::Tensor> encode_vnet(const std::vector<VNetLevel>& levels, at::Tensor& x,
                                    const Pass& pass);

// Throws kConfig unless the image has so many axes (0: two or three) and each side is a multiple of
// 16. `network` is the registered name.
void check_level_sides(at::IntArrayRef size, const std::string& network, size_t axes = 0);

}  // namespace semiseg
