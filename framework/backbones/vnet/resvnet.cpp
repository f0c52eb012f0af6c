// SPDX-License-Identifier: Apache-2.0
// The residual V-Net of SDCL: Song & Wang, MICCAI 2024, as pascalcpp/SDCL networks/ResVNet.py has
// it: the encoder of ResNet-34 (resnet_encoder.h) and the decoder of the V-Net (vnet_parts.h), each
// norm an instance norm without scale. Dropout stands before the last convolution alone. The
// reference's second encoder, which nothing uses, is left out. 17,920,018 parameters with one
// channel and two classes.
#include "framework/backbones/parts/resnet_encoder.h"
#include "framework/backbones/vnet/vnet_parts.h"

namespace semiseg::resvnet {
namespace {

VNetOptions read_options(const Config& section, const NetworkShape& shape) {
  return VNetOptions::read(section, shape, {.norm = {.kind = "instance"}});
}

class ResVNet : public ModuleBackbone {
 public:
  ResVNet(const VNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_.child("resencoder"),
                 {.axes = 3, .filters = options.filters, .norm = options.norm}, shape.channels),
        decoder_(root_, options, VNetLift::kTransposed, "branchs.0.0"),
        out_conv_(root_.child("branchs.0.2"),
                  {.in = options.filters, .out = shape.classes, .kernel = {1, 1, 1}}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "resvnet");
    const at::Tensor x = decoder_(encoder_(input.image, pass), pass);
    return {out_conv_(x), x, {}};
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  ResNetEncoder encoder_;
  VNetDecoder decoder_;
  Conv out_conv_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "resvnet",
     .summary = "Residual V-Net 3-D with instance norms, the second network of sdcl",
     .paper = "Song & Wang, MICCAI 2024",
     .small = "filters = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { read_options(section, shape); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "resvnet");
           return std::make_unique<ResVNet>(read_options(section, shape), shape,
                                            Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::resvnet
