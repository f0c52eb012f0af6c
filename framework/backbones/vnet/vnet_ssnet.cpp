// SPDX-License-Identifier: Apache-2.0
// The V-Net (vnet_parts.h) with the heads of SS-Net (ssnet_heads.h): Wu et al., MICCAI 2022, as
// ycwu1997/SS-Net networks/VNet.py has it. 9,457,318 parameters with one channel, two classes and
// batch norm.
#include "framework/backbones/parts/ssnet_heads.h"
#include "framework/backbones/vnet/vnet_parts.h"

namespace semiseg::vnet_ssnet {
namespace {

class VNetSsNet : public ModuleBackbone {
 public:
  VNetSsNet(const VNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_, options, shape.channels),
        decoder_(root_, options, VNetLift::kTransposed),
        out_conv_(root_.child("out_conv"),
                  {.in = options.filters, .out = shape.classes, .kernel = {1, 1, 1}}),
        heads_(root_, options.filters, shape.classes) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "vnet_ssnet");
    const at::Tensor x = decoder_(encoder_(input.image, pass), pass);
    return {out_conv_(x), x, {}};
  }

  at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass& pass) override {
    return heads_.project(head, rows, pass);
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  VNetEncoder encoder_;
  VNetDecoder decoder_;
  Conv out_conv_;
  SsNetHeads heads_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet_ssnet",
     .summary = "V-Net 3-D with the projection and selection heads of ss_net",
     .paper = "Wu et al., MICCAI 2022",
     .small = "filters = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { VNetOptions::read(section, shape, {}); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet_ssnet");
           return std::make_unique<VNetSsNet>(VNetOptions::read(section, shape, {}), shape,
                                              Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::vnet_ssnet
