// SPDX-License-Identifier: Apache-2.0
// The plain network of nnU-Net v2: Isensee et al., Nature Methods 2021, as
// MIC-DKFZ/dynamic-network-architectures PlainConvUNet has it, in two and three dimensions. Parts:
// nnunet_parts.h. The first unit of each encoder stage carries the stride. Features 32, 64, 128, …,
// at most 320 (volumes) or 512 (slices). 31,195,594 parameters with six stages in 3-D, one channel
// and two classes.
#include <fmt/format.h>

#include "framework/backbones/nnunet/nnunet_parts.h"

namespace semiseg::nnunet {
namespace {

NnUNetPlan read_plan(const Config& section, const NetworkShape& shape) {
  return NnUNetPlan::read(section, shape, "convolutions_per_stage", {2, 2, 2, 2, 2, 2});
}

class NnUNet : public ModuleBackbone {
 public:
  NnUNet(const NnUNetPlan& plan, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        plan_(plan),
        stages_(make_encoder(root_.child("encoder"), plan, shape.channels)),
        decoder_(root_.child("decoder"), plan, shape.classes) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    plan_.check_size(input.image.sizes().slice(2), "nnunet");
    std::vector<at::Tensor> levels;
    for (const auto& units : stages_) {
      at::Tensor x = levels.empty() ? input.image : levels.back();
      for (const NnUNetUnit& unit : units) x = unit(x);
      levels.push_back(x);
    }
    return decoder_(levels, pass);
  }

  Classifier classifier() const override { return decoder_.classifier(); }

 private:
  static std::vector<std::vector<NnUNetUnit>> make_encoder(const Module& module,
                                                           const NnUNetPlan& plan,
                                                           int64_t channels) {
    std::vector<std::vector<NnUNetUnit>> stages;
    const Sides ones(plan.kernels.front().size(), 1);
    for (size_t s = 0; s < plan.stages(); ++s) {
      auto& units = stages.emplace_back();
      for (int64_t i = 0; i < plan.encoder[s]; ++i) {
        const int64_t before = s == 0 ? channels : plan.features[s - 1];
        units.emplace_back(module.child(fmt::format("stages.{}.0.convs.{}", s, i)),
                           nnunet_conv(i == 0 ? before : plan.features[s], plan.features[s],
                                       plan.kernels[s], i == 0 ? plan.strides[s] : ones));
      }
    }
    return stages;
  }

  NnUNetPlan plan_;
  std::vector<std::vector<NnUNetUnit>> stages_;
  NnUNetDecoder decoder_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "nnunet",
     .summary = "The plain network of nnU-Net v2, in two and three dimensions",
     .paper = "Isensee et al., Nature Methods 2021",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { read_plan(section, shape); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           const NnUNetPlan plan = read_plan(section, shape);
           if (!shape.patch_size.empty()) plan.check_size(shape.patch_size, "nnunet");
           return std::make_unique<NnUNet>(plan, shape, Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::nnunet
