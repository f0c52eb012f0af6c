// SPDX-License-Identifier: Apache-2.0
// The network of SKCDF: Zhang et al., CVPR 2025, as yinguanchun/SKCDF models/SKCDF.py
// VNet_Decouple_Attention_ABC has it: the encoder of the V-Net, two blocks of attention between
// channels (channel_attention.h), and two decoders (vnet_parts.h) with two heads each on the same
// features.
//
//   path         input                                      attention          decoder
//   labelled     extra "labelled": number of labelled        across images      decoder_l
//                images, which stand first; half the batch
//   unlabelled   no extra; deployed                          each image alone   decoder_u
//
// Logits are those of out_conv9, the head "balanced" those of out_conv9_abc. Sides are multiples of
// 32, and the grid of the patch is part of the network. The reference's convolutions begin
// Xavier-normal. 50,917,320 parameters with one channel, 14 classes and patches of 64 × 128 × 128.
#include <ATen/Functions.h>

#include "framework/backbones/parts/channel_attention.h"
#include "framework/backbones/parts/check_sides.h"
#include "framework/backbones/vnet/vnet_parts.h"
#include "framework/core/error.h"

namespace semiseg::vnet_skcdf {
namespace {

struct Options {
  VNetOptions parts;
  int64_t heads = 2;
  double attention_dropout = 0.1;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o{.parts = VNetOptions::read(section, shape, {.filters = 32})};
    section.read("heads", o.heads, {1, 64},
                 "Number of groups of channels in the attention of the deployed path.");
    section.read("attention_dropout", o.attention_dropout, {0, 0.99},
                 "Dropout probability of the attention. Raise it when the network overfits.");
    return o;
  }
};

void check_size(at::IntArrayRef size) { check_sides(size, 3, 32, "vnet_skcdf", "[64, 128, 128]"); }

ChannelAttentionOptions attention(const Options& o, const NetworkShape& shape, bool is_global) {
  return {.channels = 16 * o.parts.filters,
          .heads = o.heads,
          .grid = {shape.patch_size[0] / 16, shape.patch_size[1] / 16, shape.patch_size[2] / 16},
          .is_global = is_global,
          .dropout = o.attention_dropout};
}

class Decoder {
 public:
  Decoder(const Module& module, const VNetOptions& options, int64_t classes)
      : levels_(module, options, VNetLift::kTransposed),
        plain_(module.child("out_conv9"), head(options, classes)),
        balanced_(module.child("out_conv9_abc"), head(options, classes)) {}

  NetworkOutput operator()(const std::vector<at::Tensor>& levels, const Pass& pass) const {
    const at::Tensor x = levels_(levels, pass);
    NetworkOutput out{plain_(x), x, {}};
    if (pass.wants("balanced")) out.others.push_back({"balanced", balanced_(x)});
    return out;
  }
  Classifier classifier() const { return {plain_.weight(), plain_.bias()}; }

 private:
  static ConvOptions head(const VNetOptions& options, int64_t classes) {
    return {.in = options.filters, .out = classes, .kernel = {1, 1, 1}};
  }

  VNetDecoder levels_;
  Conv plain_, balanced_;
};

class VNetSkcdf : public ModuleBackbone {
 public:
  VNetSkcdf(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        patch_(shape.patch_size),
        encoder_(root_.child("encoder"), options.parts, shape.channels),
        labelled_(root_.child("decoder_l"), options.parts, shape.classes),
        unlabelled_(root_.child("decoder_u"), options.parts, shape.classes),
        local_(root_.child("cross_attention_local"), attention(options, shape, false)),
        global_(root_.child("cross_attention_global"), attention(options, shape, true)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_patch(input.image.sizes().slice(2));
    const int64_t labelled =
        input.extras.empty() ? -1 : input["labelled"].to(at::kCPU).item<int64_t>();
    std::vector<at::Tensor> levels = encoder_(input.image, pass);
    levels.back() = global_(local_(levels.back(), labelled, pass), labelled, pass);
    return labelled < 0 ? unlabelled_(levels, pass) : labelled_(levels, pass);
  }

  Classifier classifier() const override { return unlabelled_.classifier(); }

 private:
  void check_patch(at::IntArrayRef size) const {
    if (size == at::IntArrayRef(patch_)) return;
    throw Error(ErrorKind::kConfig, {.what = "vnet_skcdf takes images of its patch size alone",
                                     .expected = "protocol.patch_size",
                                     .fix = "predict in windows of the patch size"});
  }

  std::vector<int64_t> patch_;
  VNetEncoder encoder_;
  Decoder labelled_, unlabelled_;
  ChannelAttention local_, global_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet_skcdf",
     .summary = "V-Net 3-D with two decoders and attention between channels, for skcdf",
     .paper = "Zhang et al., CVPR 2025",
     .small = "filters = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { Options::read(section, shape); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           check_size(shape.patch_size);
           return std::make_unique<VNetSkcdf>(Options::read(section, shape), shape,
                                              Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::vnet_skcdf
