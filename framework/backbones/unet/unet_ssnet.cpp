// SPDX-License-Identifier: Apache-2.0
// The U-Net (unet_parts.h) with the heads of SS-Net (ssnet_heads.h): Wu et al., MICCAI 2022, as
// ycwu1997/SS-Net networks/unet.py has it. 1,826,828 parameters with one channel and four classes.
#include "framework/backbones/parts/ssnet_heads.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet_ssnet {
namespace {

class UNetSsNet : public ModuleBackbone {
 public:
  UNetSsNet(const UNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_.child("encoder"), options, shape.channels),
        decoder_(root_.child("decoder"), options, UNetLift::kBilinear),
        out_conv_(root_.child("decoder.out_conv"), unet_head(options.filters[0], shape.classes)),
        heads_(root_, options.filters[0], shape.classes) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "unet_ssnet");
    const at::Tensor x = decoder_(encoder_(input.image, pass), pass).back();
    return {out_conv_(x), x, {}};
  }

  at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass& pass) override {
    return heads_.project(head, rows, pass);
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  UNetEncoder encoder_;
  UNetDecoder decoder_;
  Conv out_conv_;
  SsNetHeads heads_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_ssnet",
     .summary = "U-Net 2-D with the projection and selection heads of ss_net",
     .paper = "Wu et al., MICCAI 2022",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = read_and_forget<UNetOptions>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet_ssnet");
       return std::make_unique<UNetSsNet>(UNetOptions::read(options), shape,
                                          Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::unet_ssnet
