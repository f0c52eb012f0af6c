// SPDX-License-Identifier: Apache-2.0
// 2-D U-Net: Ronneberger et al., MICCAI 2015, as HiLab-git/SSL4MIS networks/unet.py has it (also
// BCP, SS-Net, UniMatch, ABD). Block(i, o, p) = conv 3×3 → BN → LeakyReLU 0.01 → dropout p → conv
// 3×3 → BN → LeakyReLU 0.01.
//
//   stage        operation                                          in → out     dropout  size
//   in_conv      Block                                              1 → 16       0.05     1
//   down1        max-pool 2, Block                                  16 → 32      0.1      1/2
//   down2        same                                               32 → 64      0.2      1/4
//   down3        same                                               64 → 128     0.3      1/8
//   down4        same                                               128 → 256    0.5      1/16
//   up1          conv 1×1 256 → 128, ×2, [skip, up], Block          256 → 128    –        1/8
//   up2          same                                               128 → 64     –        1/4
//   up3          same                                               64 → 32      –        1/2
//   up4          same                                               32 → 16      –        1
//   out_conv     conv 3×3                                           16 → K       –        1
//
// The features are up4's output.
// ×2 is bilinear with align_corners; bilinear = false: a transposed convolution 2×2, stride 2, in
// place of both. 1,813,764 parameters with one channel and four classes.
#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/nn/kernels/upsample.h"
#include "framework/nn/layers.h"

namespace semiseg {
namespace {

constexpr size_t kLevels = 5;
constexpr int64_t kDivisor = 1 << (kLevels - 1);

struct Options {
  std::vector<int64_t> filters = {16, 32, 64, 128, 256};
  std::vector<double> dropout = {0.05, 0.1, 0.2, 0.3, 0.5};
  bool bilinear = true;
  std::string head = "conv3x3";

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 65536},
                 "Number of channels of the five levels, finest first. Halve them for a quarter of "
                 "the work.");
    section.read("dropout", o.dropout, {0, 0.99},
                 "Dropout probabilities of the five encoder levels, finest first. Raise them when "
                 "the network overfits.");
    section.read(
        "bilinear", o.bilinear,
        "Upsamples bilinearly; false: by transposed convolutions, which have more parameters.");
    section.read("head", o.head, {"conv3x3", "conv1x1"},
                 "Last layer: a 3 × 3 convolution as in the reference, or 1 × 1, which makes the "
                 "augmentation of features exact.");
    if (o.filters.size() != kLevels)
      section.fail("filters", "the U-Net has five levels", "five integers");
    if (o.dropout.size() != kLevels)
      section.fail("dropout", "the U-Net has five levels", "five numbers");
    return o;
  }
};

void check_size(at::IntArrayRef size) {
  const bool fits = size.size() == 2 && std::all_of(size.begin(), size.end(), [](int64_t side) {
                      return side > 0 && side % kDivisor == 0;
                    });
  if (fits) return;
  throw Error(ErrorKind::kConfig,
              {.what = "this image size does not fit the unet",
               .expected = fmt::format("two sides, each a multiple of {}", kDivisor),
               .got = fmt::format("[{}]", fmt::join(size.begin(), size.end(), ", ")),
               .fix = "set protocol.patch_size, e.g. [256, 256]"});
}

class Block {
 public:
  Block(const Module& module, int64_t in, int64_t out, double dropout)
      : conv0_(module.child("0"), {.in = in, .out = out, .kernel = {3, 3}, .padding = 1}),
        norm0_(module.child("1"), out),
        dropout_(module.child("3"), dropout),
        conv1_(module.child("4"), {.in = out, .out = out, .kernel = {3, 3}, .padding = 1}),
        norm1_(module.child("5"), out) {}

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    const at::Tensor hidden = norm0_.after(conv0_, x, pass, kSlope, &dropout_);
    return norm1_.after(conv1_, hidden, pass, kSlope);
  }

 private:
  static constexpr double kSlope = 0.01;

  Conv conv0_;
  BatchNorm norm0_;
  Dropout dropout_;
  Conv conv1_;
  BatchNorm norm1_;
};

class UpBlock {
 public:
  UpBlock(const Module& module, int64_t in, int64_t out, bool bilinear)
      : bilinear_(bilinear),
        lift_(
            bilinear
                ? Conv(module.child("conv1x1"), {.in = in, .out = out, .kernel = {1, 1}})
                : Conv(module.child("up"),
                       {.in = in, .out = out, .kernel = {2, 2}, .stride = 2, .transposed = true})),
        block_(module.child("conv.conv_conv"), 2 * out, out, /*dropout=*/0) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& skip, const Pass& pass) const {
    at::Tensor up = lift_(x);
    if (bilinear_) up = upsample_bilinear(up, skip.sizes().slice(2));
    return block_(at::cat({skip, up}, 1), pass);
  }

 private:
  bool bilinear_;
  Conv lift_;
  Block block_;
};

class UNet : public ModuleBackbone {
 public:
  UNet(const Options& options, const NetworkShape& shape, const Draws& draws,
       const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        encoder_(make_encoder(root_.child("encoder"), options, shape.channels)),
        decoder_(make_decoder(root_.child("decoder"), options)),
        out_conv_(root_.child("decoder.out_conv"), head(options, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    check_size(image.sizes().slice(2));
    std::vector<at::Tensor> levels = {encoder_[0](image, pass)};
    for (size_t i = 1; i < kLevels; ++i)
      levels.push_back(encoder_[i](at::max_pool2d(levels.back(), {2, 2}), pass));
    at::Tensor x = levels.back();
    for (size_t i = 0; i < decoder_.size(); ++i) x = decoder_[i](x, levels[kLevels - 2 - i], pass);
    return {out_conv_(x), x, {}};
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  static std::vector<Block> make_encoder(const Module& module, const Options& o, int64_t channels) {
    std::vector<Block> blocks = {
        Block(module.child("in_conv.conv_conv"), channels, o.filters[0], o.dropout[0])};
    for (size_t i = 1; i < kLevels; ++i) {
      const Module stage = module.child(fmt::format("down{}.maxpool_conv.1.conv_conv", i));
      blocks.emplace_back(stage, o.filters[i - 1], o.filters[i], o.dropout[i]);
    }
    return blocks;
  }

  static std::vector<UpBlock> make_decoder(const Module& module, const Options& o) {
    std::vector<UpBlock> blocks;
    for (size_t i = kLevels - 1; i > 0; --i) {
      blocks.emplace_back(module.child(fmt::format("up{}", kLevels - i)), o.filters[i],
                          o.filters[i - 1], o.bilinear);
    }
    return blocks;
  }

  static ConvOptions head(const Options& o, int64_t classes) {
    if (o.head == "conv1x1") return {.in = o.filters[0], .out = classes, .kernel = {1, 1}};
    return {.in = o.filters[0], .out = classes, .kernel = {3, 3}, .padding = 1};
  }

  std::vector<Block> encoder_;
  std::vector<UpBlock> decoder_;
  Conv out_conv_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet",
     .summary = "U-Net 2-D of SSL4MIS, 1.8 million parameters",
     .paper = "Ronneberger et al., MICCAI 2015",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<UNet>(Options::read(options), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg
