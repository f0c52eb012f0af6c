// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/vnet/vnet_levels.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr int64_t kDivisor = 16;

struct LevelShape {
  const char* name;
  int64_t convolutions, widening;
};
constexpr std::array<LevelShape, 9> kLevels = {{{"one", 1, 1},
                                                {"two", 2, 2},
                                                {"three", 3, 4},
                                                {"four", 3, 8},
                                                {"five", 3, 16},
                                                {"six", 3, 8},
                                                {"seven", 3, 4},
                                                {"eight", 2, 2},
                                                {"nine", 1, 1}}};

std::vector<int64_t> same(int64_t value, int64_t axes) {
  return std::vector<int64_t>(static_cast<size_t>(axes), value);
}

}  // namespace

LevelUnit::LevelUnit(const Module& sequence, int64_t position, const ConvOptions& conv,
                     const NormOptions& norm)
    : conv_(sequence.child(std::to_string(position)), conv),
      norm_(sequence.child(std::to_string(position + 1)), conv.out, norm) {}

at::Tensor LevelUnit::operator()(const at::Tensor& x, const Pass& pass) const {
  return norm_.after(conv_, x, pass, /*slope=*/0);
}

LevelBlock::LevelBlock(const Module& module, int64_t count, int64_t in, int64_t out,
                       const LevelWidth& width) {
  for (int64_t i = 0; i < count; ++i) {
    const ConvOptions conv{
        .in = i == 0 ? in : out, .out = out, .kernel = same(3, width.axes), .padding = 1};
    units_.emplace_back(module.child("conv"), i * LevelUnit::layers(width.norm), conv, width.norm);
  }
}

at::Tensor LevelBlock::operator()(const at::Tensor& x, const Pass& pass) const {
  at::Tensor hidden = x;
  for (const LevelUnit& unit : units_) hidden = unit(hidden, pass);
  return hidden;
}

int64_t vnet_channels(size_t level, int64_t filters) { return filters * kLevels[level].widening; }

VNetLevel make_vnet_level(const Module& root, size_t level, const LevelWidth& width) {
  const int64_t channels = vnet_channels(level, width.filters);
  const std::string name = std::string("block_") + kLevels[level].name;
  VNetLevel made{LevelBlock(root.child(name), kLevels[level].convolutions,
                            level == 0 ? width.channels : channels, channels, width),
                 std::nullopt};
  if (level == kVNetLast) return made;
  const bool is_up = level >= kVNetDeepest;
  const ConvOptions conv{.in = channels,
                         .out = is_up ? channels / 2 : 2 * channels,
                         .kernel = same(2, width.axes),
                         .stride = 2,
                         .transposed = is_up};
  const Module sequence = root.child(name + (is_up ? "_up" : "_dw")).child("conv");
  made.resize.emplace(sequence, 0, conv, width.norm);
  return made;
}

std::vector<at::Tensor> encode_vnet(const std::vector<VNetLevel>& levels, at::Tensor& x,
                                    const Pass& pass) {
  std::vector<at::Tensor> skips;
  for (size_t i = 0; i < kVNetDeepest; ++i) {
    skips.push_back(levels[i].block(x, pass));
    x = (*levels[i].resize)(skips.back(), pass);
  }
  return skips;
}

void check_level_sides(at::IntArrayRef size, const std::string& network, size_t axes) {
  const bool has_axes = axes == 0 ? size.size() == 2 || size.size() == 3 : size.size() == axes;
  const bool fits = has_axes && std::all_of(size.begin(), size.end(), [](int64_t side) {
                      return side > 0 && side % kDivisor == 0;
                    });
  if (fits) return;
  const std::string count = axes == 0 ? "two or three" : std::to_string(axes);
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("this image size does not fit the {}", network),
               .expected = fmt::format("{} sides, each a multiple of {}", count, kDivisor),
               .got = fmt::format("[{}]", fmt::join(size.begin(), size.end(), ", ")),
               .fix = "set protocol.patch_size, e.g. [112, 112, 80]"});
}

}  // namespace semiseg
