// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/unet/unet_parts.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/backbones/parts/check_sides.h"
#include "framework/nn/kernels/upsample.h"

namespace semiseg {
namespace {

constexpr size_t kLevels = 5;
constexpr int64_t kDivisor = 1 << (kLevels - 1);
constexpr double kSlope = 0.01;

at::Tensor doubled(const at::Tensor& x, at::IntArrayRef size, UNetLift lift) {
  if (lift == UNetLift::kNearest) return upsample_nearest(x, size);
  if (lift == UNetLift::kBicubic) return upsample_bicubic(x, size);
  return upsample_bilinear(x, size);
}

Conv make_lift(const Module& module, int64_t in, int64_t out, UNetLift lift) {
  if (lift == UNetLift::kTransposed) {
    return Conv(module.child("up"),
                {.in = in, .out = out, .kernel = {2, 2}, .stride = 2, .transposed = true});
  }
  return Conv(module.child("conv1x1"), {.in = in, .out = out, .kernel = {1, 1}});
}

}  // namespace

UNetOptions UNetOptions::read(const Config& section) {
  UNetOptions o;
  section.read("filters", o.filters, {1, 65536},
               "Number of channels of the five levels, finest first. Halve them for a quarter of "
               "the work.");
  section.read("dropout", o.dropout, {0, 0.99},
               "Dropout probabilities of the five encoder levels, finest first. Raise them when "
               "the network overfits.");
  if (o.filters.size() != kLevels)
    section.fail("filters", "the U-Net has five levels", "five integers");
  if (o.dropout.size() != kLevels)
    section.fail("dropout", "the U-Net has five levels", "five numbers");
  return o;
}

void check_unet_size(at::IntArrayRef size, const char* network) {
  check_sides(size, 2, kDivisor, network, "[256, 256]");
}

UNetBlock::UNetBlock(const Module& module, int64_t in, int64_t out, double dropout)
    : conv0_(module.child("0"), {.in = in, .out = out, .kernel = {3, 3}, .padding = 1}),
      norm0_(module.child("1"), out),
      dropout_(module.child("3"), dropout),
      conv1_(module.child("4"), {.in = out, .out = out, .kernel = {3, 3}, .padding = 1}),
      norm1_(module.child("5"), out) {}

at::Tensor UNetBlock::operator()(const at::Tensor& x, const Pass& pass) const {
  const at::Tensor hidden = norm0_.after(conv0_, x, pass, kSlope, &dropout_);
  return norm1_.after(conv1_, hidden, pass, kSlope);
}

UNetEncoder::UNetEncoder(const Module& module, const UNetOptions& o, int64_t channels) {
  blocks_.emplace_back(module.child("in_conv.conv_conv"), channels, o.filters[0], o.dropout[0]);
  for (size_t i = 1; i < kLevels; ++i) {
    const Module stage = module.child(fmt::format("down{}.maxpool_conv.1.conv_conv", i));
    blocks_.emplace_back(stage, o.filters[i - 1], o.filters[i], o.dropout[i]);
  }
}

std::vector<at::Tensor> UNetEncoder::operator()(const at::Tensor& image, const Pass& pass) const {
  std::vector<at::Tensor> levels = {blocks_[0](image, pass)};
  for (size_t i = 1; i < kLevels; ++i)
    levels.push_back(blocks_[i](at::max_pool2d(levels.back(), {2, 2}), pass));
  return levels;
}

UNetUp::UNetUp(const Module& module, int64_t in, int64_t out, UNetLift lift)
    : kind_(lift),
      lift_(make_lift(module, in, out, lift)),
      block_(module.child("conv.conv_conv"), 2 * out, out, /*dropout=*/0) {}

at::Tensor UNetUp::operator()(const at::Tensor& x, const at::Tensor& skip, const Pass& pass) const {
  at::Tensor up = lift_(x);
  if (kind_ != UNetLift::kTransposed) up = doubled(up, skip.sizes().slice(2), kind_);
  return block_(at::cat({skip, up}, 1), pass);
}

UNetDecoder::UNetDecoder(const Module& module, const UNetOptions& o, UNetLift lift) {
  for (size_t i = kLevels - 1; i > 0; --i)
    ups_.emplace_back(module.child(fmt::format("up{}", kLevels - i)), o.filters[i],
                      o.filters[i - 1], lift);
}

std::vector<at::Tensor> UNetDecoder::operator()(const std::vector<at::Tensor>& levels,
                                                const Pass& pass) const {
  std::vector<at::Tensor> outputs = {levels.back()};
  for (size_t i = 0; i < ups_.size(); ++i)
    outputs.push_back(ups_[i](outputs.back(), levels[kLevels - 2 - i], pass));
  outputs.erase(outputs.begin());
  return outputs;
}

ConvOptions unet_head(int64_t features, int64_t classes) {
  return {.in = features, .out = classes, .kernel = {3, 3}, .padding = 1};
}

}  // namespace semiseg
