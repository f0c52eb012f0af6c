// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/unet_3d/unet_3d_parts.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <string>

#include "framework/backbones/parts/check_sides.h"
#include "framework/nn/kernels/upsample.h"

namespace semiseg {
namespace {

constexpr int64_t kLevels = 5;

ConvOptions conv(int64_t in, int64_t out) {
  return {.in = in, .out = out, .kernel = {3, 3, 3}, .padding = 1, .he_slope = 0.0};
}

}  // namespace

void check_unet_3d_size(at::IntArrayRef size, const char* network) {
  check_sides(size, 3, 16, network, "[96, 96, 96]");
}

int64_t read_unet_3d_filters(const Config& section) {
  int64_t filters = 16;
  section.read("filters", filters, {1, 4096},
               "Number of channels at full resolution; doubled in each of the next four levels. "
               "Halve it for a quarter of the work.");
  return filters;
}

ConvOptions pointwise_3d(int64_t in, int64_t out) {
  return {.in = in, .out = out, .kernel = {1, 1, 1}, .he_slope = 0.0};
}

UNet3dUnit::UNet3dUnit(const Module& module, int64_t in, int64_t out)
    : conv1_(module.child("conv1.0"), conv(in, out)),
      norm1_(module.child("conv1.1"), out, out, /*affine=*/false),
      conv2_(module.child("conv2.0"), conv(out, out)),
      norm2_(module.child("conv2.1"), out, out, /*affine=*/false) {}

at::Tensor UNet3dUnit::operator()(const at::Tensor& x) const {
  return at::relu(norm2_(conv2_(at::relu(norm1_(conv1_(x))))));
}

UNet3dEncoder::UNet3dEncoder(const Module& root, int64_t channels, int64_t filters) {
  for (int64_t i = 0; i < kLevels; ++i) {
    const std::string name = i + 1 < kLevels ? fmt::format("conv{}", i + 1) : "center";
    units_.emplace_back(root.child(name), i == 0 ? channels : filters << (i - 1), filters << i);
  }
}

std::vector<at::Tensor> UNet3dEncoder::operator()(const at::Tensor& image) const {
  std::vector<at::Tensor> levels = {units_[0](image)};
  for (size_t i = 1; i < units_.size(); ++i)
    levels.push_back(units_[i](at::max_pool3d(levels.back(), {2, 2, 2})));
  return levels;
}

UNet3dDecoder::UNet3dDecoder(const Module& root, int64_t filters) {
  for (int64_t i = kLevels - 1; i > 0; --i) {
    const int64_t out = filters << (i - 1);
    units_.emplace_back(root.child(fmt::format("up_concat{}.conv", i)), 3 * out, out);
  }
}

std::vector<at::Tensor> UNet3dDecoder::operator()(const at::Tensor& center,
                                                  const std::vector<at::Tensor>& skips) const {
  std::vector<at::Tensor> outputs = {center};
  for (size_t i = 0; i < units_.size(); ++i) {
    const at::Tensor& skip = skips[units_.size() - 1 - i];
    const at::Tensor up = resized_3d(outputs.back(), skip.sizes().slice(2));
    outputs.push_back(units_[i](at::cat({skip, up}, 1)));
  }
  outputs.erase(outputs.begin());
  return outputs;
}

at::Tensor resized_3d(const at::Tensor& x, at::IntArrayRef size) {
  return upsample_trilinear(x, size, /*align_corners=*/false);
}

}  // namespace semiseg
