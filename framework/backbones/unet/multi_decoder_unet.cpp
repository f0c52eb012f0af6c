// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/unet/multi_decoder_unet.h"

#include <fmt/format.h>

#include "framework/config/option_list.h"

namespace semiseg {
namespace {

class MultiDecoderUNet : public ModuleBackbone {
 public:
  MultiDecoderUNet(const std::vector<UNetLift>& lifts, const UNetOptions& options,
                   const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root), encoder_(root_.child("encoder"), options, shape.channels) {
    for (size_t i = 0; i < lifts.size(); ++i) {
      const Module module = root_.child(fmt::format("decoder{}", i + 1));
      decoders_.emplace_back(module, options, lifts[i]);
      heads_.emplace_back(module.child("out_conv"), unet_head(options.filters[0], shape.classes));
    }
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "unet");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor features = decoders_[0](levels, pass).back();
    NetworkOutput out{heads_[0](features), features, {}};
    for (size_t i = 1; i < decoders_.size(); ++i) {
      const std::string name = fmt::format("aux{}", i);
      if (pass.wants(name))
        out.others.push_back({name, heads_[i](decoders_[i](levels, pass).back())});
    }
    return out;
  }

  Classifier classifier() const override { return {heads_[0].weight(), heads_[0].bias()}; }

 private:
  UNetEncoder encoder_;
  std::vector<UNetDecoder> decoders_;
  std::vector<Conv> heads_;
};

}  // namespace

bool register_multi_decoder_unet(const char* name, const char* summary, const char* paper,
                                 const std::vector<UNetLift>& lifts) {
  return BackboneRegistry::instance().add(
      {.name = name,
       .summary = summary,
       .paper = paper,
       .small = "filters = [4, 8, 8, 8, 8]",
       .read_options = read_and_forget<UNetOptions>,
       .make = [lifts](const Config& section, const NetworkShape& shape, const Draws& draws,
                       const std::string& net) {
         if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet");
         return std::make_unique<MultiDecoderUNet>(lifts, UNetOptions::read(section), shape,
                                                   Module(draws, net, shape.options()));
       }});
}

}  // namespace semiseg
