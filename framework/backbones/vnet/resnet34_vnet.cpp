// SPDX-License-Identifier: Apache-2.0
// The encoder of ResNet-34 (resnet_encoder.h) with the decoder of the V-Net (vnet_parts.h): Wang et
// al., CVPR 2023, as WYC-321/MCF networks/ResNet34.py has it. Convolutions begin by He et al.; the
// reference's zero scales of last norms are overwritten with 1 there, too. The reference always has
// one image channel. 17,930,354 parameters with one channel, two classes and batch norm.
#include "framework/backbones/parts/resnet_encoder.h"
#include "framework/backbones/vnet/vnet_parts.h"

namespace semiseg::resnet34_vnet {
namespace {

class ResNetVNet : public ModuleBackbone {
 public:
  ResNetVNet(const VNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_.child("resnet_encoder"),
                 {.axes = 3, .filters = options.filters, .norm = options.norm, .he_slope = 0.0},
                 shape.channels),
        decoder_(root_, options, VNetLift::kTransposed),
        out_conv_(root_.child("out_conv"),
                  {.in = options.filters, .out = shape.classes, .kernel = {1, 1, 1}}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "resnet34_vnet");
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
    {.name = "resnet34_vnet",
     .summary = "ResNet-34 encoder with the decoder of the V-Net, 17.9 million parameters",
     .paper = "Wang et al., CVPR 2023",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { VNetOptions::read(section, shape, {}); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "resnet34_vnet");
           return std::make_unique<ResNetVNet>(VNetOptions::read(section, shape, {}), shape,
                                               Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::resnet34_vnet
