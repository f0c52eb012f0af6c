// SPDX-License-Identifier: Apache-2.0
// Swin-Unet: Cao et al., ECCVW 2022, as HiLab-git/SSL4MIS networks/vision_transformer.py has it.
// Blocks: swin_block.h, two at each level, every second one shifted; tokens of d, 2d, 4d, 8d
// features, d = 96.
//
//   patch_embed    image in three channels, conv 4×4 stride 4, LN                 d, side 1/4
//   layers 0–3     blocks, then [2×2 tokens → LN → linear 4d → 2d]                d … 8d, to 1/32
//   norm, layers_up.0     LN; linear 8d → 16d, spread over 2×2 tokens, LN         4d, 1/16
//   layers_up 1–3  [up, skip] → linear 2d → d → blocks, then spread               4d … d, to 1/4
//   norm_up, up    LN; linear d → 16d, spread over 4×4 tokens, LN                 d, 1
//   output         conv 1×1 without bias                                          K
//
// Sides are multiples of 32 windows: 224 with windows of 7. Stochastic depth rises to path_dropout
// over the eight blocks of the encoder, and falls in the decoder. The reference starts from
// ImageNet weights. 27,168,420 parameters with four classes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <array>
#include <optional>

#include "framework/backbones/parts/check_sides.h"
#include "framework/backbones/parts/swin_block.h"
#include "framework/config/option_list.h"

namespace semiseg::swin_unet {
namespace {

constexpr int64_t kStages = 4, kBlocks = 2, kImageChannels = 3, kPatch = 4;
constexpr std::array<int64_t, kStages> kHeads = {3, 6, 12, 24};

struct Options {
  int64_t filters = 96, window = 7;
  double path_dropout = 0.2;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {3, 4096},
                 "Number of features of the finest tokens, a multiple of 3; doubled in each of the "
                 "next three levels. Lower it for less work.");
    section.read("window", o.window, {2, 64},
                 "Side of the windows of attention in tokens. Sides of the patch are multiples of "
                 "32 windows.");
    section.read(
        "path_dropout", o.path_dropout, {0, 0.99},
        "Probability that the last block is left out for a sample; that of earlier ones is "
        "lower. Raise it when the network overfits.");
    if (o.filters % kHeads[0] != 0)
      section.fail("filters", "the heads share the features", "a multiple of 3");
    return o;
  }
};

void check_size(at::IntArrayRef size, const Options& o) {
  check_sides(size, 2, kPatch * o.window << (kStages - 1), "swin_unet", "[224, 224]");
}

// [N,H,W,p²·C] → [N,pH,pW,C].
at::Tensor spread(const at::Tensor& x, int64_t p) {
  const int64_t n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3) / (p * p);
  return x.reshape({n, h, w, p, p, c}).permute({0, 1, 3, 2, 4, 5}).reshape({n, p * h, p * w, c});
}

class Merge {
 public:
  Merge(const Module& module, int64_t features)
      : reduction_(module.child("reduction"), 4 * features, 2 * features, /*bias=*/false),
        norm_(module.child("norm"), 4 * features) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const auto part = [&](int64_t row, int64_t column) {
      return x.slice(1, row, x.size(1), 2).slice(2, column, x.size(2), 2);
    };
    return reduction_(norm_(at::cat({part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, -1)));
  }

 private:
  Linear reduction_;
  LayerNorm norm_;
};

// Linear to p² times `out` features, spread over p × p tokens.
class Expand {
 public:
  Expand(const Module& module, int64_t in, int64_t out, int64_t p)
      : p_(p),
        expand_(module.child("expand"), in, p * p * out, /*bias=*/false),
        norm_(module.child("norm"), out) {}

  at::Tensor operator()(const at::Tensor& x) const { return norm_(spread(expand_(x), p_)); }

 private:
  int64_t p_;
  Linear expand_;
  LayerNorm norm_;
};

class SwinUNet : public ModuleBackbone {
 public:
  SwinUNet(const Options& o, const NetworkShape& shape, const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        options_(o),
        swin_(root_.child("swin_unet")),
        embed_(
            swin_.child("patch_embed.proj"),
            {.in = kImageChannels, .out = o.filters, .kernel = {kPatch, kPatch}, .stride = kPatch}),
        embed_norm_(swin_.child("patch_embed.norm"), o.filters),
        encoder_(make_encoder()),
        first_up_(swin_.child("layers_up.0"), 8 * o.filters, 4 * o.filters, 2),
        decoder_(make_decoder()),
        joins_(make_joins()),
        norm_(swin_.child("norm"), 8 * o.filters),
        norm_up_(swin_.child("norm_up"), o.filters),
        last_up_(swin_.child("up"), o.filters, o.filters, kPatch),
        output_(swin_.child("output"),
                {.in = o.filters, .out = shape.classes, .kernel = {1, 1}, .bias = false}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    at::Tensor image = input.image;
    check_size(image.sizes().slice(2), options_);
    if (image.size(1) == 1) image = image.expand({-1, kImageChannels, -1, -1}).contiguous();
    at::Tensor x = embed_norm_(embed_(image).permute({0, 2, 3, 1}).contiguous());
    std::vector<at::Tensor> skips;
    for (const Down& stage : encoder_) {
      skips.push_back(x);
      for (const SwinBlock& block : stage.blocks) x = block(x, pass);
      if (stage.merge) x = (*stage.merge)(x);
    }
    x = first_up_(norm_(x));
    for (size_t i = 0; i < decoder_.size(); ++i) {
      x = joins_[i](at::cat({x, skips[kStages - 2 - i]}, -1));
      for (const SwinBlock& block : decoder_[i].blocks) x = block(x, pass);
      if (decoder_[i].expand) x = (*decoder_[i].expand)(x);
    }
    const at::Tensor features = last_up_(norm_up_(x)).permute({0, 3, 1, 2});
    return {output_(features), features, {}};
  }

  Classifier classifier() const override { return {output_.weight(), {}}; }

 private:
  struct Down {
    std::vector<SwinBlock> blocks;
    std::optional<Merge> merge;
  };
  struct Up {
    std::vector<SwinBlock> blocks;
    std::optional<Expand> expand;
  };

  std::vector<SwinBlock> make_blocks(const Module& stage, int64_t level) const {
    std::vector<SwinBlock> blocks;
    for (int64_t i = 0; i < kBlocks; ++i) {
      const double depth = static_cast<double>(kBlocks * level + i) / (kStages * kBlocks - 1);
      blocks.emplace_back(stage.child(fmt::format("blocks.{}", i)),
                          SwinBlockOptions{.features = options_.filters << level,
                                           .heads = kHeads[static_cast<size_t>(level)],
                                           .window = options_.window,
                                           .shifted = i % 2 == 1,
                                           .path_dropout = options_.path_dropout * depth});
    }
    return blocks;
  }

  std::vector<Down> make_encoder() const {
    std::vector<Down> stages;
    for (int64_t level = 0; level < kStages; ++level) {
      const Module stage = swin_.child(fmt::format("layers.{}", level));
      stages.push_back({make_blocks(stage, level), std::nullopt});
      if (level + 1 < kStages)
        stages.back().merge.emplace(stage.child("downsample"), options_.filters << level);
    }
    return stages;
  }

  std::vector<Up> make_decoder() const {
    std::vector<Up> stages;
    for (int64_t level = kStages - 2; level >= 0; --level) {
      const Module stage = swin_.child(fmt::format("layers_up.{}", kStages - 1 - level));
      const int64_t features = options_.filters << level;
      stages.push_back({make_blocks(stage, level), std::nullopt});
      if (level > 0)
        stages.back().expand.emplace(stage.child("upsample"), features, features / 2, 2);
    }
    return stages;
  }

  std::vector<Linear> make_joins() const {
    std::vector<Linear> joins;
    for (int64_t level = kStages - 2; level >= 0; --level) {
      const int64_t features = options_.filters << level;
      joins.emplace_back(swin_.child(fmt::format("concat_back_dim.{}", kStages - 1 - level)),
                         2 * features, features);
    }
    return joins;
  }

  Options options_;
  Module swin_;
  Conv embed_;
  LayerNorm embed_norm_;
  std::vector<Down> encoder_;
  Expand first_up_;
  std::vector<Up> decoder_;
  std::vector<Linear> joins_;
  LayerNorm norm_, norm_up_;
  Expand last_up_;
  Conv output_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "swin_unet",
     .summary = "Swin-Unet 2-D, a Transformer of 27 million parameters, for patches of 224 × 224",
     .paper = "Cao et al., ECCVW 2022",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       const Options options = Options::read(section);
       if (!shape.patch_size.empty()) check_size(shape.patch_size, options);
       return std::make_unique<SwinUNet>(options, shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::swin_unet
