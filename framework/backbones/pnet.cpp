// SPDX-License-Identifier: Apache-2.0
// P-Net: Wang et al., TPAMI 2019 (DeepIGeoS), as HiLab-git/SSL4MIS networks/pnet.py has it: five
// blocks of two dilated convolutions at full resolution.
//
//   block1 … block5   2 × [conv 3×3, dilation d → BN → LeakyReLU 0.01],  d = 1, 2, 4, 8, 16
//   catblock          all five side by side → conv 1×1 → LeakyReLU → conv 1×1 to 2f → LeakyReLU
//   out               dropout → conv 1×1 to f → LeakyReLU → dropout → conv 1×1 to K
//
// Dropout drops whole channels. f = 64: 486,596 parameters with one channel and four classes.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/config/option_list.h"
#include "framework/nn/layers.h"

namespace semiseg::pnet {
namespace {

constexpr double kSlope = 0.01;

struct Options {
  int64_t filters = 64;
  double dropout = 0.3;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels of each block. Halve it for a quarter of the work.");
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probability that a channel before the last two layers is dropped. Raise it when "
                 "the network overfits.");
    return o;
  }
};

ConvOptions pointwise(int64_t in, int64_t out) { return {.in = in, .out = out, .kernel = {1, 1}}; }

class Block {
 public:
  Block(const Module& module, int64_t in, int64_t out, int64_t dilation)
      : conv1_(module.child("conv1"), conv(in, out, dilation)),
        conv2_(module.child("conv2"), conv(out, out, dilation)),
        norm1_(module.child("in1"), out),
        norm2_(module.child("in2"), out) {}

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    return norm2_.after(conv2_, norm1_.after(conv1_, x, pass, kSlope), pass, kSlope);
  }

 private:
  static ConvOptions conv(int64_t in, int64_t out, int64_t dilation) {
    return {.in = in, .out = out, .kernel = {3, 3}, .padding = dilation, .dilation = dilation};
  }

  Conv conv1_, conv2_;
  BatchNorm norm1_, norm2_;
};

class PNet : public ModuleBackbone {
 public:
  PNet(const Options& o, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        blocks_(make_blocks(root_, shape.channels, o.filters)),
        cat1_(root_.child("catblock.conv1"), pointwise(5 * o.filters, 5 * o.filters)),
        cat2_(root_.child("catblock.conv2"), pointwise(5 * o.filters, 2 * o.filters)),
        out1_(root_.child("out.conv1"), pointwise(2 * o.filters, o.filters)),
        out2_(root_.child("out.conv2"), pointwise(o.filters, shape.classes)),
        dropout1_(root_.child("out.drop1"), o.dropout, DropoutKind::kChannel),
        dropout2_(root_.child("out.drop2"), o.dropout, DropoutKind::kChannel) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    std::vector<at::Tensor> maps;
    for (const Block& block : blocks_)
      maps.push_back(block(maps.empty() ? input.image : maps.back(), pass));
    const auto activated = [](const Conv& conv, const at::Tensor& x) {
      return at::leaky_relu(conv(x), kSlope);
    };
    const at::Tensor joined = activated(cat2_, activated(cat1_, at::cat(maps, 1)));
    const at::Tensor x = dropout2_(activated(out1_, dropout1_(joined, pass)), pass);
    return {out2_(x), x, {}};
  }

  Classifier classifier() const override { return {out2_.weight(), out2_.bias()}; }

 private:
  static std::vector<Block> make_blocks(const Module& root, int64_t channels, int64_t filters) {
    std::vector<Block> blocks;
    for (int64_t i = 0; i < 5; ++i) {
      blocks.emplace_back(root.child(fmt::format("block{}", i + 1)), i == 0 ? channels : filters,
                          filters, int64_t{1} << i);
    }
    return blocks;
  }

  std::vector<Block> blocks_;
  Conv cat1_, cat2_, out1_, out2_;
  Dropout dropout1_, dropout2_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "pnet",
     .summary = "P-Net 2-D: dilated convolutions at full resolution, 0.5 million parameters",
     .paper = "Wang et al., TPAMI 2019",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       return std::make_unique<PNet>(Options::read(options), shape,
                                     Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::pnet
