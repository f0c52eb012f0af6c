// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/resnet_encoder.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <array>

namespace semiseg {
namespace {

constexpr std::array<int64_t, 4> kBlocks = {3, 4, 6, 3};

ConvOptions conv(int64_t in, int64_t out, int64_t side, int64_t stride,
                 const ResNetEncoderOptions& o) {
  return {.in = in,
          .out = out,
          .kernel = std::vector<int64_t>(static_cast<size_t>(o.axes), side),
          .stride = stride,
          .padding = side / 2,
          .bias = false,
          .he_slope = o.he_slope};
}

}  // namespace

ResNetEncoder::Block::Block(const Module& module, int64_t in, int64_t out,
                            const ResNetEncoderOptions& o)
    : conv1(module.child("conv1"), conv(in, out, 3, in == out ? 1 : 2, o)),
      norm1(module.child("bn1"), out, o.norm),
      conv2(module.child("conv2"), conv(out, out, 3, 1, o)),
      norm2(module.child("bn2"), out, o.norm) {
  if (in == out) return;
  shortcut.emplace(module.child("downsample.0"), conv(in, out, 1, 2, o));
  shortcut_norm.emplace(module.child("downsample.1"), out, o.norm);
}

at::Tensor ResNetEncoder::Block::operator()(const at::Tensor& x, const Pass& pass) const {
  const at::Tensor y = norm2.after(conv2, norm1.after(conv1, x, pass, /*slope=*/0), pass, 1);
  return at::relu(y + (shortcut ? shortcut_norm->after(*shortcut, x, pass, 1) : x));
}

ResNetEncoder::ResNetEncoder(const Module& module, const ResNetEncoderOptions& o, int64_t channels)
    : stem_(module.child("conv1"), conv(channels, o.filters, 7, 1, o)),
      stem_norm_(module.child("bn1"), o.filters, o.norm) {
  int64_t width = o.filters;
  for (size_t stage = 0; stage < kBlocks.size(); ++stage) {
    auto& blocks = stages_.emplace_back();
    for (int64_t i = 0; i < kBlocks[stage]; ++i) {
      const Module place = module.child(fmt::format("layer{}.{}", stage + 1, i));
      blocks.emplace_back(place, i == 0 ? width : 2 * width, 2 * width, o);
    }
    width *= 2;
  }
}

std::vector<at::Tensor> ResNetEncoder::operator()(const at::Tensor& image, const Pass& pass) const {
  std::vector<at::Tensor> levels = {stem_norm_.after(stem_, image, pass, /*slope=*/0)};
  for (const auto& blocks : stages_) {
    at::Tensor x = levels.back();
    for (const Block& block : blocks) x = block(x, pass);
    levels.push_back(x);
  }
  return levels;
}

}  // namespace semiseg
