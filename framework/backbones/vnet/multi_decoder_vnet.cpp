// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/vnet/multi_decoder_vnet.h"

#include <fmt/format.h>

namespace semiseg {
namespace {

class MultiDecoderVNet : public ModuleBackbone {
 public:
  MultiDecoderVNet(const std::vector<VNetLift>& lifts, const VNetOptions& options,
                   const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root), encoder_(root_.child("encoder"), options, shape.channels) {
    for (size_t i = 0; i < lifts.size(); ++i) {
      const Module module = root_.child(fmt::format("decoder{}", i + 1));
      decoders_.emplace_back(module, options, lifts[i]);
      heads_.emplace_back(
          module.child("out_conv"),
          ConvOptions{.in = options.filters, .out = shape.classes, .kernel = {1, 1, 1}});
    }
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "vnet");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor features = decoders_[0](levels, pass);
    NetworkOutput out{heads_[0](features), features, {}};
    for (size_t i = 1; i < decoders_.size(); ++i) {
      const std::string name = fmt::format("aux{}", i);
      if (pass.wants(name)) out.others.push_back({name, heads_[i](decoders_[i](levels, pass))});
    }
    return out;
  }

  Classifier classifier() const override { return {heads_[0].weight(), heads_[0].bias()}; }

 private:
  VNetEncoder encoder_;
  std::vector<VNetDecoder> decoders_;
  std::vector<Conv> heads_;
};

}  // namespace

bool register_multi_decoder_vnet(const char* name, const char* summary, const char* paper,
                                 const std::vector<VNetLift>& lifts) {
  return BackboneRegistry::instance().add(
      {.name = name,
       .summary = summary,
       .paper = paper,
       .small = "filters = 2",
       .read_options = [](const Config& section,
                          const NetworkShape& shape) { VNetOptions::read(section, shape, {}); },
       .make =
           [lifts](const Config& section, const NetworkShape& shape, const Draws& draws,
                   const std::string& net) {
             if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet");
             return std::make_unique<MultiDecoderVNet>(lifts, VNetOptions::read(section, shape, {}),
                                                       shape, Module(draws, net, shape.options()));
           }});
}

}  // namespace semiseg
