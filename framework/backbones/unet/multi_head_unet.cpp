// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/unet/multi_head_unet.h"

#include "framework/backbones/parts/feature_perturbation.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/nn/kernels/upsample.h"

namespace semiseg {
namespace {

struct Options {
  UNetOptions parts;
  bool perturbs = false;

  static Options read(const Config& section, bool can_perturb) {
    Options o{.parts = UNetOptions::read(section)};
    if (can_perturb) o.perturbs = read_perturbations(section);
    return o;
  }
};

class MultiHeadUNet : public ModuleBackbone {
 public:
  MultiHeadUNet(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        perturbs_(options.perturbs),
        encoder_(root_.child("encoder"), options.parts, shape.channels),
        decoder_(root_.child("decoder"), options.parts, UNetLift::kBilinear),
        out_conv_(make_head("out_conv", 0, options, shape)),
        deepest_(make_head("out_conv_dp4", 4, options, shape)),
        aux3_(make_head("out_conv_dp3", 3, options, shape)),
        aux2_(make_head("out_conv_dp2", 2, options, shape)),
        aux1_(make_head("out_conv_dp1", 1, options, shape)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    check_unet_size(image.sizes().slice(2), "unet");
    const std::vector<at::Tensor> ups = decoder_(encoder_(image, pass), pass);
    const bool perturbs = perturbs_ && pass.mode == NetworkMode::kTrain;
    const auto resized = [&](const Conv& conv, const at::Tensor& x) {
      return upsample_nearest(conv(x), image.sizes().slice(2));
    };
    NetworkOutput out{out_conv_(ups[3]), ups[3], {}};
    if (pass.wants("aux1")) {
      out.others.push_back(
          {"aux1",
           resized(aux1_, perturbs ? feature_noise(ups[2], 0.3, "feature_noise", pass) : ups[2])});
    }
    if (pass.wants("aux2")) {
      out.others.push_back(
          {"aux2",
           resized(aux2_,
                   perturbs ? attention_dropout(ups[1], "feature_drop_threshold", pass) : ups[1])});
    }
    if (pass.wants("aux3")) {
      out.others.push_back(
          {"aux3", resized(aux3_, perturbs ? element_dropout(ups[0], 0.5, "feature_dropout", pass)
                                           : ups[0])});
    }
    return out;
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  Conv make_head(const char* name, size_t level, const Options& options,
                 const NetworkShape& shape) const {
    return Conv(root_.child("decoder").child(name),
                unet_head(options.parts.filters[level], shape.classes));
  }

  bool perturbs_;
  UNetEncoder encoder_;
  UNetDecoder decoder_;
  Conv out_conv_, deepest_, aux3_, aux2_, aux1_;
};

}  // namespace

void read_multi_head_options(const Config& section, bool can_perturb) {
  Options::read(section, can_perturb);
}

std::unique_ptr<Backbone> make_multi_head_unet(const Config& section, const NetworkShape& shape,
                                               const Draws& draws, const std::string& net,
                                               bool can_perturb) {
  if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet");
  return std::make_unique<MultiHeadUNet>(Options::read(section, can_perturb), shape,
                                         Module(draws, net, shape.options()));
}

}  // namespace semiseg
