// SPDX-License-Identifier: Apache-2.0
// The U-Net with three auxiliary decoders on perturbed features: Ouali et al., CVPR 2020, as
// HiLab-git/SSL4MIS UNet_CCT has it. All decoders are those of the U-Net, with weights of their
// own.
//
//   head     decoder        all five levels of the encoder in training
//   logits   main_decoder   as they are
//   aux1     aux_decoder1   feature_noise 0.3
//   aux2     aux_decoder2   element_dropout 0.3 (the reference drops in evaluation, too)
//   aux3     aux_decoder3   attention_dropout
//
// 3,713,664 parameters with one channel and four classes.
#include <fmt/format.h>

#include "framework/backbones/parts/feature_perturbation.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet_cct {
namespace {

struct Options {
  UNetOptions parts;
  bool perturbs = true;

  static Options read(const Config& section) {
    return {.parts = UNetOptions::read(section), .perturbs = read_perturbations(section)};
  }
};

class Decoder {
 public:
  Decoder(const Module& module, const UNetOptions& parts, int64_t classes)
      : ups_(module, parts, UNetLift::kBilinear),
        out_conv_(module.child("out_conv"), unet_head(parts.filters[0], classes)) {}

  at::Tensor features(const std::vector<at::Tensor>& levels, const Pass& pass) const {
    return ups_(levels, pass).back();
  }
  const Conv& head() const { return out_conv_; }

 private:
  UNetDecoder ups_;
  Conv out_conv_;
};

at::Tensor perturbed(size_t head, const at::Tensor& level, size_t place, const Pass& pass) {
  const std::string suffix = "." + std::to_string(place);
  if (head == 1) return feature_noise(level, 0.3, "feature_noise" + suffix, pass);
  if (head == 2) return element_dropout(level, 0.3, "feature_dropout" + suffix, pass);
  return attention_dropout(level, "feature_drop_threshold" + suffix, pass);
}

class UNetCct : public ModuleBackbone {
 public:
  UNetCct(const Options& options, const NetworkShape& shape, const Draws& draws,
          const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        perturbs_(options.perturbs),
        encoder_(root_.child("encoder"), options.parts, shape.channels) {
    for (const char* name : {"main_decoder", "aux_decoder1", "aux_decoder2", "aux_decoder3"})
      decoders_.emplace_back(root_.child(name), options.parts, shape.classes);
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "unet_cct");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor features = decoders_[0].features(levels, pass);
    NetworkOutput out{decoders_[0].head()(features), features, {}};
    const bool perturbs = perturbs_ && pass.mode == NetworkMode::kTrain;
    for (size_t head = 1; head < decoders_.size(); ++head) {
      const std::string name = fmt::format("aux{}", head);
      if (!pass.wants(name)) continue;
      std::vector<at::Tensor> inputs = levels;
      for (size_t i = 0; perturbs && i < levels.size(); ++i)
        inputs[i] = perturbed(head, levels[i], i, pass);
      out.others.push_back({name, decoders_[head].head()(decoders_[head].features(inputs, pass))});
    }
    return out;
  }

  Classifier classifier() const override {
    return {decoders_[0].head().weight(), decoders_[0].head().bias()};
  }

 private:
  bool perturbs_;
  UNetEncoder encoder_;
  std::vector<Decoder> decoders_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_cct",
     .summary = "U-Net 2-D with auxiliary decoders on perturbed features, for cct",
     .paper = "Ouali et al., CVPR 2020",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet_cct");
       return std::make_unique<UNetCct>(Options::read(options), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::unet_cct
