// SPDX-License-Identifier: Apache-2.0
// The V-Net (vnet_parts.h) with two 1 × 1 × 1 heads on the last features: a signed-distance map
// tanh(out_conv) and the segmentation's logit out_conv2. Li et al., MICCAI 2020 (SASSNet) and Luo
// et al., AAAI 2021; HiLab-git/DTC networks/vnet_sdf.py.
//
// The reference has one channel in both heads, whose logit is that of the foreground against the
// background. A network of two classes deploys this logit as [0, logit], the same probabilities by
// a softmax, and has the heads map and logit. With one class, as the reference returns them: the
// map as logits, and the head logit. 9,448,866 parameters with one channel and batch norm.
#include <ATen/Functions.h>

#include "framework/backbones/vnet/vnet_parts.h"
#include "framework/core/error.h"

namespace semiseg::vnet_sdf {
namespace {

class VNetSdf : public ModuleBackbone {
 public:
  VNetSdf(const VNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        classes_(shape.classes),
        encoder_(root_, options, shape.channels),
        decoder_(root_, options, VNetLift::kTransposed),
        map_(root_.child("out_conv"), one_channel(options)),
        logit_(root_.child("out_conv2"), one_channel(options)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "vnet_sdf");
    const at::Tensor x = decoder_(encoder_(input.image, pass), pass);
    const at::Tensor map = at::tanh(map_(x)), logit = logit_(x);
    if (classes_ == 1) return {map, x, {{"logit", logit}}};
    return {at::cat({at::zeros_like(logit), logit}, 1), x, {{"map", map}, {"logit", logit}}};
  }

  Classifier classifier() const override {
    const auto behind_zero = [](const at::Tensor& t) { return at::cat({at::zeros_like(t), t}); };
    return {behind_zero(logit_.weight()), behind_zero(logit_.bias())};
  }

 private:
  static ConvOptions one_channel(const VNetOptions& options) {
    return {.in = options.filters, .out = 1, .kernel = {1, 1, 1}};
  }

  int64_t classes_;
  VNetEncoder encoder_;
  VNetDecoder decoder_;
  Conv map_, logit_;
};

void check_shape(const NetworkShape& shape) {
  if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet_sdf");
  if (shape.classes <= 2) return;
  throw Error(ErrorKind::kConfig, {.what = "vnet_sdf segments one class and the background",
                                   .expected = "a data set of two classes",
                                   .got = std::to_string(shape.classes),
                                   .fix = "choose another method and backbone"});
}

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet_sdf",
     .summary = "V-Net 3-D with a head of signed distances, for dtc and sassnet",
     .paper = "Li et al., MICCAI 2020",
     .small = "filters = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { VNetOptions::read(section, shape, {}); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           check_shape(shape);
           return std::make_unique<VNetSdf>(VNetOptions::read(section, shape, {}), shape,
                                            Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::vnet_sdf
