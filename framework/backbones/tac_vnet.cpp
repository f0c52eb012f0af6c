// SPDX-License-Identifier: Apache-2.0
// The V-Net of TAC (Chen et al., IEEE TMI 2023), as jingkunchen/TAC has it: the V-Net of vnet.cpp
// with batch norm and an additive attention gate (Oktay et al., MIDL 2018) on each skip.
//
//   gate(g, x): a = x · σ(BN(conv₁(ReLU(BN(conv g) + BN(conv x)))))     1³ convolutions with bias
//   up-sampled map g of level n + gate(g, x_n) → block                  sums, no concatenation
//
// Inner channels of the gates: 4F, 2F, F and, at full resolution, 2F (the reference's 64, 32, 16
// and 32 for F = 16). Heads beside the logits, in the reference's order: encoder_1 … encoder_5, the
// blocks of the way down (the last one after its dropout), and attention_4 … attention_1, the gated
// skips. 9,472,414 parameters with one channel and two classes. In 2-D, which the reference lacks,
// every kernel has two axes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/backbones/vnet/vnet_levels.h"
#include "framework/config/option_list.h"

namespace semiseg::tac_vnet {
namespace {

struct Options {
  int64_t filters = 16;
  double dropout = 0.5;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probability that a channel of the deepest and of the last block is dropped. "
                 "Raise it when the network overfits.");
    return o;
  }
};

ConvOptions pointwise(int64_t in, int64_t out, int64_t axes) {
  return {.in = in, .out = out, .kernel = std::vector<int64_t>(static_cast<size_t>(axes), 1)};
}

// A 1³ convolution and its norm.
class Projection {
 public:
  Projection(const Module& sequence, int64_t in, int64_t out, int64_t axes)
      : conv_(sequence.child("0"), pointwise(in, out, axes)), norm_(sequence.child("1"), out) {}
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    return norm_.after(conv_, x, pass);
  }

 private:
  Conv conv_;
  BatchNorm norm_;
};

class Gate {
 public:
  Gate(const Module& module, int64_t channels, int64_t inner, int64_t axes)
      : up_(module.child("W_g"), channels, inner, axes),
        skip_(module.child("W_x"), channels, inner, axes),
        psi_(module.child("psi"), inner, 1, axes) {}
  at::Tensor operator()(const at::Tensor& g, const at::Tensor& x, const Pass& pass) const {
    const at::Tensor up = up_(g, pass), skip = skip_(x, pass);
    return x * psi_(at::relu(up + skip), pass).sigmoid();
  }

 private:
  Projection up_, skip_, psi_;
};

class TacVNet : public ModuleBackbone {
 public:
  TacVNet(const Options& options, const NetworkShape& shape, const Draws& draws,
          const std::string& net)
      : TacVNet({.channels = shape.channels,
                 .filters = options.filters,
                 .axes = shape.patch_size.empty() ? 3 : std::ssize(shape.patch_size)},
                options.dropout, shape, draws, net) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_level_sides(input.image.sizes().slice(2), "tac_vnet", axes_);
    at::Tensor x = input.image;
    std::vector<at::Tensor> skips = encode_vnet(levels_, x, pass);
    x = dropout_deepest_(levels_[kVNetDeepest].block(x, pass), pass);
    NetworkOutput out;
    for (size_t i = 0; i < skips.size(); ++i)
      out.others.push_back({"encoder_" + std::to_string(i + 1), skips[i]});
    out.others.push_back({"encoder_5", x});
    for (size_t i = kVNetDeepest; i < kVNetLast; ++i) {
      const at::Tensor g = (*levels_[i].resize)(x, pass);
      const at::Tensor gated = gates_[i - kVNetDeepest](g, skips.back(), pass);
      out.others.push_back({"attention_" + std::to_string(skips.size()), gated});
      skips.pop_back();
      x = levels_[i + 1].block(g + gated, pass);
    }
    out.features = dropout_last_(x, pass);
    out.logits = out_conv_(out.features);
    return out;
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  TacVNet(const LevelWidth& width, double dropout, const NetworkShape& shape, const Draws& draws,
          const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        axes_(static_cast<size_t>(width.axes)),
        levels_(make_levels(width)),
        out_conv_(root_.child("out_conv"), pointwise(width.filters, shape.classes, width.axes)),
        dropout_deepest_(root_.child("block_five.dropout"), dropout, DropoutKind::kChannel),
        dropout_last_(root_.child("block_nine.dropout"), dropout, DropoutKind::kChannel) {}

  // The gates stand between the levels, in the reference's order.
  std::vector<VNetLevel> make_levels(const LevelWidth& width) {
    constexpr int64_t kInner[] = {4, 2, 1, 2};
    std::vector<VNetLevel> levels;
    for (size_t i = 0; i <= kVNetLast; ++i) {
      levels.push_back(make_vnet_level(root_, i, width));
      if (i < kVNetDeepest || i == kVNetLast) continue;
      const size_t gate = i - kVNetDeepest;
      gates_.emplace_back(root_.child("Att" + std::to_string(5 - gate)),
                          vnet_channels(i + 1, width.filters), kInner[gate] * width.filters,
                          width.axes);
    }
    return levels;
  }

  size_t axes_;
  std::vector<Gate> gates_;
  std::vector<VNetLevel> levels_;
  Conv out_conv_;
  Dropout dropout_deepest_, dropout_last_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "tac_vnet",
     .summary = "V-Net with attention gates of TAC, slices or volumes, 9.5 million parameters",
     .paper = "Chen et al., IEEE TMI 2023",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_level_sides(shape.patch_size, "tac_vnet");
       return std::make_unique<TacVNet>(Options::read(options), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::tac_vnet
