// SPDX-License-Identifier: Apache-2.0
// 2-D U-Net: Ronneberger et al., MICCAI 2015, as HiLab-git/SSL4MIS networks/unet.py has it (also
// BCP, SS-Net, UniMatch, ABD). The parts are those of unet_parts.h.
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
#include "framework/backbones/parts/feature_dropout.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet {
namespace {

struct Options {
  UNetOptions parts;
  bool bilinear = true;
  std::string head = "conv3x3";

  static Options read(const Config& section) {
    Options o{.parts = UNetOptions::read(section)};
    section.read(
        "bilinear", o.bilinear,
        "Upsamples bilinearly; false: by transposed convolutions, which have more parameters.");
    section.read("head", o.head, {"conv3x3", "conv1x1"},
                 "Last layer: a 3 × 3 convolution as in the reference, or 1 × 1, which makes the "
                 "augmentation of features exact.");
    return o;
  }
};

ConvOptions head_options(const Options& o, int64_t classes) {
  if (o.head == "conv3x3") return unet_head(o.parts.filters[0], classes);
  return {.in = o.parts.filters[0], .out = classes, .kernel = {1, 1}};
}

class UNet : public ModuleBackbone {
 public:
  UNet(const Options& options, const NetworkShape& shape, const Draws& draws,
       const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        encoder_(root_.child("encoder"), options.parts, shape.channels),
        decoder_(root_.child("decoder"), options.parts,
                 options.bilinear ? UNetLift::kBilinear : UNetLift::kTransposed),
        out_conv_(root_.child("decoder.out_conv"), head_options(options, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "unet");
    const auto levels = with_dropped_features(encoder_(input.image, pass), pass);
    const at::Tensor x = decoder_(levels, pass_of_copies(pass)).back();
    return split_copies(out_conv_(x), x, pass);
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  UNetEncoder encoder_;
  UNetDecoder decoder_;
  Conv out_conv_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet",
     .summary = "U-Net 2-D of SSL4MIS, 1.8 million parameters",
     .paper = "Ronneberger et al., MICCAI 2015",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet");
       return std::make_unique<UNet>(Options::read(options), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::unet
