// SPDX-License-Identifier: Apache-2.0
// The residual U-Net of SDCL: Song & Wang, MICCAI 2024, as pascalcpp/SDCL networks/ResNet2d.py has
// it: the encoder of ResNet-34 (resnet_encoder.h), convolutions by He et al., and the decoder of
// the U-Net (unet_parts.h). The reference's projection heads, which nothing uses, are left out.
// 5,953,092 parameters with one channel and four classes.
#include "framework/backbones/parts/resnet_encoder.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::resunet_2d {
namespace {

struct Options {
  int64_t filters = 16;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    return o;
  }
  // The widths of the levels, for the decoder.
  UNetOptions widths() const {
    UNetOptions parts;
    for (size_t i = 0; i < parts.filters.size(); ++i) parts.filters[i] = filters << i;
    return parts;
  }
};

class ResUNet2d : public ModuleBackbone {
 public:
  ResUNet2d(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_.child("encoder"), {.axes = 2, .filters = options.filters, .he_slope = 0.0},
                 shape.channels),
        decoder_(root_.child("decoder"), options.widths(), UNetLift::kBilinear),
        out_conv_(root_.child("decoder.out_conv"), unet_head(options.filters, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "resunet_2d");
    const at::Tensor x = decoder_(encoder_(input.image, pass), pass).back();
    return {out_conv_(x), x, {}};
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  ResNetEncoder encoder_;
  UNetDecoder decoder_;
  Conv out_conv_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "resunet_2d",
     .summary = "U-Net 2-D with a ResNet-34 encoder, the second network of sdcl",
     .paper = "Song & Wang, MICCAI 2024",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "resunet_2d");
       return std::make_unique<ResUNet2d>(Options::read(options), shape,
                                          Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::resunet_2d
