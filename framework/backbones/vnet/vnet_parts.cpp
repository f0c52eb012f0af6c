// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/vnet/vnet_parts.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <array>

#include "framework/backbones/parts/check_sides.h"
#include "framework/nn/kernels/upsample.h"

namespace semiseg {
namespace {

struct LevelShape {
  const char* name;
  int64_t convolutions, widening;
};
constexpr std::array<LevelShape, 5> kDown = {
    {{"one", 1, 1}, {"two", 2, 2}, {"three", 3, 4}, {"four", 3, 8}, {"five", 3, 16}}};
constexpr std::array<LevelShape, 4> kUp = {
    {{"six", 3, 8}, {"seven", 3, 4}, {"eight", 2, 2}, {"nine", 1, 1}}};

Module block(const Module& root, const std::string& name) { return root.child("block_" + name); }

ConvOptions lift_options(int64_t in, int64_t out, VNetLift lift) {
  if (lift != VNetLift::kTransposed)
    return {.in = in, .out = out, .kernel = {3, 3, 3}, .padding = 1};
  return {.in = in, .out = out, .kernel = {2, 2, 2}, .stride = 2, .transposed = true};
}

}  // namespace

VNetOptions VNetOptions::read(const Config& section, const NetworkShape& shape,
                              VNetOptions defaults) {
  VNetOptions o = defaults;
  section.read("filters", o.filters, {1, 4096},
               "Number of channels at full resolution; doubled in each of the next four levels. "
               "Halve it for a quarter of the work.");
  o.norm = NormOptions::read(section, o.norm);
  section.read("dropout", o.dropout, {0, 0.99},
               "Probability that a channel of the deepest and of the last block is dropped. "
               "Raise it when the network overfits.");
  section.read("residual", o.residual,
               "Adds the input of a block to its output. Switch it on for the residual V-Net of "
               "other code bases.");
  if (o.norm.kind == "group" && o.filters % o.norm.groups != 0) {
    section.fail("filters", "the groups of channels do not fit",
                 fmt::format("a multiple of norm_groups = {}", o.norm.groups));
  }
  if (o.residual && shape.channels != 1 && shape.channels != o.filters) {
    section.fail("residual", "the image cannot be added to the first block's output",
                 "one channel, or as many as filters");
  }
  return o;
}

void check_vnet_size(at::IntArrayRef size, const char* network) {
  check_sides(size, 3, 16, network, "[112, 112, 80]");
}

VNetUnit::VNetUnit(const Module& sequence, int64_t position, const ConvOptions& conv,
                   const NormOptions& norm)
    : conv_(sequence.child(std::to_string(position)), conv),
      norm_(sequence.child(std::to_string(position + 1)), conv.out, norm) {}

at::Tensor VNetUnit::linear(const at::Tensor& x, const Pass& pass) const {
  return norm_.after(conv_, x, pass, /*slope=*/1);
}

at::Tensor VNetUnit::operator()(const at::Tensor& x, const Pass& pass) const {
  return norm_.after(conv_, x, pass, /*slope=*/0);
}

VNetBlock::VNetBlock(const Module& module, int64_t count, int64_t in, int64_t out,
                     const VNetOptions& options)
    : residual_(options.residual) {
  for (int64_t i = 0; i < count; ++i) {
    const ConvOptions conv{.in = i == 0 ? in : out, .out = out, .kernel = {3, 3, 3}, .padding = 1};
    units_.emplace_back(module.child("conv"), i * VNetUnit::layers(options.norm), conv,
                        options.norm);
  }
}

at::Tensor VNetBlock::operator()(const at::Tensor& x, const Pass& pass) const {
  at::Tensor hidden = x;
  for (size_t i = 0; i + 1 < units_.size(); ++i) hidden = units_[i](hidden, pass);
  return residual_ ? at::relu(units_.back().linear(hidden, pass) + x) : units_.back()(hidden, pass);
}

// An interpolation is the first layer of its sequence, and has no parameters.
VNetUp::VNetUp(const Module& module, int64_t in, int64_t out, VNetLift lift,
               const NormOptions& norm)
    : lift_(lift),
      unit_(module.child("conv"), lift == VNetLift::kTransposed ? 0 : 1,
            lift_options(in, out, lift), norm) {}

at::Tensor VNetUp::operator()(const at::Tensor& x, const Pass& pass) const {
  if (lift_ == VNetLift::kTransposed) return unit_(x, pass);
  const std::vector<int64_t> size = {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)};
  return unit_(lift_ == VNetLift::kNearest ? upsample_nearest(x, size)
                                           : upsample_trilinear(x, size, /*align_corners=*/true),
               pass);
}

VNetEncoder::VNetEncoder(const Module& module, const VNetOptions& options, int64_t channels)
    : dropout_(block(module, "five").child("dropout"), options.dropout, DropoutKind::kChannel) {
  for (const LevelShape& level : kDown) {
    const int64_t width = options.filters * level.widening;
    blocks_.emplace_back(block(module, level.name), level.convolutions,
                         blocks_.empty() ? channels : width, width, options);
    if (&level == &kDown.back()) break;
    const ConvOptions down{.in = width, .out = 2 * width, .kernel = {2, 2, 2}, .stride = 2};
    downs_.emplace_back(block(module, std::string(level.name) + "_dw").child("conv"), 0, down,
                        options.norm);
  }
}

std::vector<at::Tensor> VNetEncoder::operator()(const at::Tensor& image, const Pass& pass) const {
  std::vector<at::Tensor> levels = {blocks_[0](image, pass)};
  for (size_t i = 0; i < downs_.size(); ++i)
    levels.push_back(blocks_[i + 1](downs_[i](levels.back(), pass), pass));
  levels.back() = dropout_(levels.back(), pass);
  return levels;
}

VNetDecoder::VNetDecoder(const Module& module, const VNetOptions& options, VNetLift lift,
                         const std::string& last)
    : dropout_(module.child(last).child("dropout"), options.dropout, DropoutKind::kChannel) {
  std::string below = kDown.back().name;
  for (const LevelShape& level : kUp) {
    const int64_t width = options.filters * level.widening;
    ups_.emplace_back(block(module, below + "_up"), 2 * width, width, lift, options.norm);
    const bool is_last = &level == &kUp.back();
    blocks_.emplace_back(is_last ? module.child(last) : block(module, level.name),
                         level.convolutions, width, width, options);
    below = level.name;
  }
}

at::Tensor VNetDecoder::operator()(const std::vector<at::Tensor>& levels, const Pass& pass) const {
  at::Tensor x = levels.back();
  for (size_t i = 0; i < ups_.size(); ++i)
    x = blocks_[i](ups_[i](x, pass) + levels[levels.size() - 2 - i], pass);
  return dropout_(x, pass);
}

}  // namespace semiseg
