// SPDX-License-Identifier: Apache-2.0
// The V-Net (vnet_parts.h) with three decoders: Miao et al., ICCV 2023, as JuzhengMiao/CauSSL
// networks/vnet.py VNet_mct has it. The first decoder makes the logits.
//
//   head     suffix       from one level to the next
//   logits   –            transposed convolution → norm → ReLU
//   aux1     _trilinear   conv 1³ → trilinear ×2 (corners aligned unless norm = none) → norm → ReLU
//   aux2     _nearest     conv 1³ → nearest ×2 → norm → ReLU
//
// The reference makes a block five for each decoder and uses the first for all. 23,604,966
// parameters with one channel, two classes and batch norm.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <array>

#include "framework/backbones/vnet/vnet_parts.h"
#include "framework/nn/kernels/upsample.h"

namespace semiseg::vnet_mct {
namespace {

constexpr std::array<const char*, 3> kSuffixes = {"", "_trilinear", "_nearest"};

class Lift {
 public:
  Lift(const Module& sequence, int64_t width, size_t decoder, const NormOptions& norm)
      : decoder_(decoder),
        aligned_(norm.kind != "none"),
        conv_(sequence.child("0"), options(width, decoder)),
        norm_(sequence.child(decoder == 0 ? "1" : "2"), width / 2, norm) {}

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    if (decoder_ == 0) return norm_.after(conv_, x, pass, /*slope=*/0);
    const at::Tensor narrow = conv_(x);
    const std::vector<int64_t> size = {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)};
    return norm_(
        decoder_ == 1 ? upsample_trilinear(narrow, size, aligned_) : upsample_nearest(narrow, size),
        pass, /*slope=*/0);
  }

 private:
  static ConvOptions options(int64_t width, size_t decoder) {
    if (decoder > 0) return {.in = width, .out = width / 2, .kernel = {1, 1, 1}};
    return {.in = width, .out = width / 2, .kernel = {2, 2, 2}, .stride = 2, .transposed = true};
  }

  size_t decoder_;
  bool aligned_;
  Conv conv_;
  Norm norm_;
};

struct Level {
  const char* name;
  int64_t convolutions, widening;
};
constexpr std::array<Level, 5> kLevels = {
    {{"five", 3, 16}, {"six", 3, 8}, {"seven", 3, 4}, {"eight", 2, 2}, {"nine", 1, 1}}};

class VNetMct : public ModuleBackbone {
 public:
  VNetMct(const VNetOptions& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root), encoder_(root_, options, shape.channels) {
    for (const Level& level : kLevels) {
      for (size_t decoder = 0; decoder < kSuffixes.size(); ++decoder)
        add(level, decoder, options, shape.classes);
    }
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "vnet_mct");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor features = decode(0, levels, pass);
    NetworkOutput out{heads_[0](features), features, {}};
    for (size_t decoder = 1; decoder < kSuffixes.size(); ++decoder) {
      const std::string name = "aux" + std::to_string(decoder);
      if (pass.wants(name))
        out.others.push_back({name, heads_[decoder](decode(decoder, levels, pass))});
    }
    return out;
  }

  Classifier classifier() const override { return {heads_[0].weight(), heads_[0].bias()}; }

 private:
  // In the order of the reference: all decoders at a level, then the next level.
  void add(const Level& level, size_t decoder, const VNetOptions& options, int64_t classes) {
    const int64_t width = options.filters * level.widening;
    const std::string name = std::string("block_") + level.name, suffix = kSuffixes[decoder];
    const bool is_first = &level == &kLevels.front(), is_last = &level == &kLevels.back();
    if (!is_first || decoder > 0) {
      const VNetBlock block(root_.child(name + suffix), level.convolutions, width, width, options);
      if (!is_first) blocks_[decoder].push_back(block);
    }
    if (!is_last) {
      const Module sequence = root_.child(name + "_up" + suffix).child("conv");
      lifts_[decoder].emplace_back(sequence, width, decoder, options.norm);
      return;
    }
    dropouts_.emplace_back(root_.child(name + suffix).child("dropout"), options.dropout,
                           DropoutKind::kChannel);
    heads_.emplace_back(root_.child("out_conv" + suffix),
                        ConvOptions{.in = width, .out = classes, .kernel = {1, 1, 1}});
  }

  at::Tensor decode(size_t decoder, const std::vector<at::Tensor>& levels, const Pass& pass) const {
    at::Tensor x = levels.back();
    for (size_t i = 0; i < lifts_[decoder].size(); ++i) {
      x = lifts_[decoder][i](x, pass) + levels[levels.size() - 2 - i];
      x = blocks_[decoder][i](x, pass);
    }
    return dropouts_[decoder](x, pass);
  }

  VNetEncoder encoder_;
  std::array<std::vector<Lift>, 3> lifts_;
  std::array<std::vector<VNetBlock>, 3> blocks_;
  std::vector<Dropout> dropouts_;
  std::vector<Conv> heads_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet_mct",
     .summary = "V-Net 3-D with three decoders, for the co-training form of caussl",
     .paper = "Miao et al., ICCV 2023",
     .small = "filters = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { VNetOptions::read(section, shape, {}); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet_mct");
           return std::make_unique<VNetMct>(VNetOptions::read(section, shape, {}), shape,
                                            Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::vnet_mct
