// SPDX-License-Identifier: Apache-2.0
// The U-Net (unet_parts.h) with the correlation head of CorrMatch (Sun et al., CVPR 2024;
// BBBBchan/CorrMatch), which that repository has on a DeepLabV3+.
//
//   g    = dropout of channels 0.1 (ReLU (BN (conv 3×3 of the deepest level)))   256 → 256, size 1/16
//   key, query = conv 1×1 of g                                                   256 → K
//
// The heads "key" and "query" are computed when a pass wants them. The other parts are those of
// unet.cpp, features with dropped channels included. Without the head 1,813,764 parameters with one
// channel and four classes, 2,406,412 with it.
#include "framework/backbones/parts/feature_dropout.h"
#include "framework/backbones/unet/unet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet_corr {
namespace {

constexpr double kDropout = 0.1;

class CorrelationHead {
 public:
  CorrelationHead(const Module& module, int64_t width, int64_t classes)
      : conv_(module.child("proj.0"), {.in = width, .out = width, .kernel = {3, 3}, .padding = 1}),
        norm_(module.child("proj.1"), width),
        dropout_(module.child("proj.3"), kDropout, DropoutKind::kChannel),
        key_(module.child("corr.conv1"), {.in = width, .out = classes, .kernel = {1, 1}}),
        query_(module.child("corr.conv2"), {.in = width, .out = classes, .kernel = {1, 1}}) {}

  std::vector<NamedTensor> operator()(const at::Tensor& deepest, const Pass& pass) const {
    const at::Tensor g = norm_.after(conv_, deepest, pass, /*slope=*/0, &dropout_);
    return {{"key", key_(g)}, {"query", query_(g)}};
  }

 private:
  Conv conv_;
  BatchNorm norm_;
  Dropout dropout_;
  Conv key_, query_;
};

class UNetCorr : public ModuleBackbone {
 public:
  UNetCorr(const UNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_.child("encoder"), options, shape.channels),
        decoder_(root_.child("decoder"), options, UNetLift::kBilinear),
        out_conv_(root_.child("decoder.out_conv"), unet_head(options.filters[0], shape.classes)),
        correlation_(root_, options.filters.back(), shape.classes) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_size(input.image.sizes().slice(2), "unet_corr");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor x = decoder_(with_dropped_features(levels, pass), pass_of_copies(pass)).back();
    NetworkOutput out = split_copies(out_conv_(x), x, pass);
    if (!pass.wants("key") && !pass.wants("query")) return out;
    for (NamedTensor& head : correlation_(levels.back(), pass))
      out.others.push_back(std::move(head));
    return out;
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  UNetEncoder encoder_;
  UNetDecoder decoder_;
  Conv out_conv_;
  CorrelationHead correlation_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_corr",
     .summary = "U-Net 2-D with the correlation head of corrmatch",
     .paper = "Sun et al., CVPR 2024",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = read_and_forget<UNetOptions>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_size(shape.patch_size, "unet_corr");
       return std::make_unique<UNetCorr>(UNetOptions::read(options), shape,
                                         Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::unet_corr
