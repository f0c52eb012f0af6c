// SPDX-License-Identifier: Apache-2.0
// The U-Net with 64 channels at full resolution: Ronneberger et al., MICCAI 2015, as MQinghe/MiDSS
// networks/unet_model.py has it. Block(i, o) = 2 × [conv 3×3 without bias → BN → ReLU].
//
//   stage           operation                                          in → out
//   inc             Block                                              1 → 64
//   down1 … down4   max-pool 2, Block                                  64 → 128, 256, 512, 1024
//   up1 … up4       transposed conv 2×2 to half the channels, [skip, up], Block   → 512 … 64
//   outc            conv 1×1                                           64 → K
//
// No dropout. An upsampled map is padded with zeros to the size of its skip, so any sides from 16
// up fit. 31,036,676 parameters with one channel and four classes.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/nn/layers.h"

namespace semiseg::unet_midss {
namespace {

constexpr int kSteps = 4;

struct Options {
  int64_t filters = 64;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    return o;
  }
};

class Block {
 public:
  Block(const Module& module, int64_t in, int64_t out)
      : conv0_(module.child("0"), conv(in, out)),
        norm0_(module.child("1"), out),
        conv1_(module.child("3"), conv(out, out)),
        norm1_(module.child("4"), out) {}

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    return norm1_.after(conv1_, norm0_.after(conv0_, x, pass, /*slope=*/0), pass, /*slope=*/0);
  }

 private:
  static ConvOptions conv(int64_t in, int64_t out) {
    return {.in = in, .out = out, .kernel = {3, 3}, .padding = 1, .bias = false};
  }

  Conv conv0_;
  BatchNorm norm0_;
  Conv conv1_;
  BatchNorm norm1_;
};

class Up {
 public:
  Up(const Module& module, int64_t in)
      : lift_(module.child("up"),
              {.in = in, .out = in / 2, .kernel = {2, 2}, .stride = 2, .transposed = true}),
        block_(module.child("conv.double_conv"), in, in / 2) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& skip, const Pass& pass) const {
    const at::Tensor up = lift_(x);
    const int64_t rows = skip.size(2) - up.size(2), columns = skip.size(3) - up.size(3);
    const at::Tensor padded =
        at::constant_pad_nd(up, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2});
    return block_(at::cat({skip, padded}, 1), pass);
  }

 private:
  Conv lift_;
  Block block_;
};

void check_size(at::IntArrayRef size) {
  if (size.size() == 2 && size[0] >= (1 << kSteps) && size[1] >= (1 << kSteps)) return;
  throw Error(ErrorKind::kConfig, {.what = "this image size does not fit the unet_midss",
                                   .expected = "two sides of at least 16",
                                   .fix = "set protocol.patch_size, e.g. [256, 256]"});
}

class UNetMidss : public ModuleBackbone {
 public:
  UNetMidss(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root) {
    int64_t width = options.filters;
    blocks_.emplace_back(root_.child("inc.double_conv"), shape.channels, width);
    for (int i = 1; i <= kSteps; ++i, width *= 2)
      blocks_.emplace_back(root_.child(fmt::format("down{}.maxpool_conv.1.double_conv", i)), width,
                           2 * width);
    for (int i = 1; i <= kSteps; ++i, width /= 2)
      ups_.emplace_back(root_.child(fmt::format("up{}", i)), width);
    out_conv_.emplace_back(root_.child("outc.conv"),
                           ConvOptions{.in = width, .out = shape.classes, .kernel = {1, 1}});
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_size(input.image.sizes().slice(2));
    std::vector<at::Tensor> levels = {blocks_[0](input.image, pass)};
    for (size_t i = 1; i < blocks_.size(); ++i)
      levels.push_back(blocks_[i](at::max_pool2d(levels.back(), {2, 2}), pass));
    at::Tensor x = levels.back();
    for (size_t i = 0; i < ups_.size(); ++i) x = ups_[i](x, levels[kSteps - 1 - i], pass);
    return {out_conv_[0](x), x, {}};
  }

  Classifier classifier() const override { return {out_conv_[0].weight(), out_conv_[0].bias()}; }

 private:
  std::vector<Block> blocks_;
  std::vector<Up> ups_;
  std::vector<Conv> out_conv_;  // one
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_midss",
     .summary = "U-Net 2-D with 64 channels at full resolution, 31 million parameters",
     .paper = "Ronneberger et al., MICCAI 2015",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<UNetMidss>(Options::read(options), shape,
                                          Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::unet_midss
