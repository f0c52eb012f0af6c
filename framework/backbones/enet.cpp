// SPDX-License-Identifier: Apache-2.0
// ENet: Paszke et al., arXiv 1606.02147, as HiLab-git/SSL4MIS networks/enet.py has it. Parts:
// enet_bottleneck.h.
//
//   stage                  operation                                            channels   size
//   initial_block          [conv 3×3 stride 2, max-pool of the image], BN, PReLU   16      1/2
//   downsample1_0, 1_1–4   down, 4 × regular                                       64      1/4
//   downsample2_0, 2_1–8   down, regular, dilated 2, asymmetric 5, dilated 4,     128      1/8
//                          regular, dilated 8, asymmetric 5, dilated 16
//   3_0–7                  the same eight                                         128      1/8
//   upsample4_0, 4_1–2     up, 2 × regular                                         64      1/4
//   upsample5_0, 5_1       up, regular                                             16      1/2
//   transposed_conv        transposed conv 3×3 stride 2                             K      1
//
// Dropout of channels 0.01 in the first stage, then 0.1. Sides need not be even: what goes up takes
// the size from which it came down. Four channels and more for each number above scale with f = 16:
// 349,284 parameters with one channel and four classes.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/backbones/parts/enet_bottleneck.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg::enet {
namespace {

struct Options {
  int64_t filters = 16;
  std::vector<double> dropout = {0.01, 0.1};

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {4, 1024},
                 "Number of channels of the first block, a multiple of four; the others are four "
                 "and eight times as wide. Halve it for a quarter of the work.");
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probabilities that a channel is dropped: of the first stage, and of the others. "
                 "Raise them when the network overfits.");
    if (o.filters % 4 != 0)
      section.fail("filters", "a bottleneck has a quarter of the channels", "a multiple of 4");
    if (o.dropout.size() != 2) section.fail("dropout", "there are two dropouts", "two numbers");
    return o;
  }
};

class Initial {
 public:
  Initial(const Module& module, int64_t channels, int64_t out)
      : conv_(module.child("main_branch"), {.in = channels,
                                            .out = out - channels,
                                            .kernel = {3, 3},
                                            .stride = 2,
                                            .padding = 1,
                                            .bias = false}),
        norm_(module.child("batch_norm"), out),
        activation_(module.child("out_activation"), true) {}

  at::Tensor operator()(const at::Tensor& image, const Pass& pass) const {
    const at::Tensor pooled = at::max_pool2d(image, {3, 3}, {2, 2}, {1, 1});
    return activation_(norm_(at::cat({conv_(image), pooled}, 1), pass));
  }

 private:
  Conv conv_;
  BatchNorm norm_;
  ENetActivation activation_;
};

// The eight bottlenecks of stages 2 and 3, which differ in the number of the first.
std::vector<ENetBottleneck> make_stage(const Module& root, int64_t stage, int64_t first,
                                       int64_t channels, double dropout) {
  struct Kind {
    const char* name;
    ENetBottleneckOptions options;
  };
  const std::vector<Kind> kinds = {
      {"regular", {.dropout = dropout}},
      {"dilated", {.dilation = 2, .dropout = dropout}},
      {"asymmetric", {.kernel = 5, .asymmetric = true, .dropout = dropout}},
      {"dilated", {.dilation = 4, .dropout = dropout}},
      {"regular", {.dropout = dropout}},
      {"dilated", {.dilation = 8, .dropout = dropout}},
      {"asymmetric", {.kernel = 5, .asymmetric = true, .dropout = dropout}},
      {"dilated", {.dilation = 16, .dropout = dropout}}};
  std::vector<ENetBottleneck> all;
  for (const Kind& kind : kinds) {
    const Module place = root.child(fmt::format("{}{}_{}", kind.name, stage, first++));
    all.emplace_back(place, channels, kind.options);
  }
  return all;
}

std::vector<ENetBottleneck> make_regular(const Module& root, int64_t stage, int64_t count,
                                         int64_t channels, const ENetBottleneckOptions& options) {
  std::vector<ENetBottleneck> all;
  for (int64_t i = 1; i <= count; ++i)
    all.emplace_back(root.child(fmt::format("regular{}_{}", stage, i)), channels, options);
  return all;
}

void check_size(at::IntArrayRef size) {
  if (size.size() == 2 && size[0] >= 8 && size[1] >= 8) return;
  throw Error(ErrorKind::kConfig, {.what = "this image size does not fit the enet",
                                   .expected = "two sides of at least 8",
                                   .fix = "set protocol.patch_size, e.g. [256, 256]"});
}

class ENet : public ModuleBackbone {
 public:
  ENet(const Options& o, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        initial_(root_.child("initial_block"), shape.channels, o.filters),
        down1_(root_.child("downsample1_0"), o.filters, 4 * o.filters, o.dropout[0]),
        stage1_(make_regular(root_, 1, 4, 4 * o.filters, {.dropout = o.dropout[0]})),
        down2_(root_.child("downsample2_0"), 4 * o.filters, 8 * o.filters, o.dropout[1]),
        stage2_(make_stage(root_, 2, 1, 8 * o.filters, o.dropout[1])),
        stage3_(make_stage(root_, 3, 0, 8 * o.filters, o.dropout[1])),
        up4_(root_.child("upsample4_0"), 8 * o.filters, 4 * o.filters, o.dropout[1]),
        stage4_(make_regular(root_, 4, 2, 4 * o.filters, decoder(o))),
        up5_(root_.child("upsample5_0"), 4 * o.filters, o.filters, o.dropout[1]),
        stage5_(make_regular(root_, 5, 1, o.filters, decoder(o))),
        last_(root_.child("transposed_conv"), {.in = o.filters,
                                               .out = shape.classes,
                                               .kernel = {3, 3},
                                               .stride = 2,
                                               .padding = 1,
                                               .bias = false,
                                               .transposed = true}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::IntArrayRef size = input.image.sizes().slice(2);
    check_size(size);
    const auto through = [&](const std::vector<ENetBottleneck>& stage, at::Tensor x) {
      for (const ENetBottleneck& bottleneck : stage) x = bottleneck(x, pass);
      return x;
    };
    const ENetPooled down1 = down1_(initial_(input.image, pass), pass);
    const ENetPooled down2 = down2_(through(stage1_, down1.x), pass);
    at::Tensor x = through(stage3_, through(stage2_, down2.x));
    x = through(stage4_, up4_(x, down2, pass));
    x = through(stage5_, up5_(x, down1, pass));
    return {last_.to_size(x, size), x, {}};
  }

  Classifier classifier() const override {
    throw Error(ErrorKind::kConfig,
                {.what = "enet has no last linear layer: it ends in a transposed convolution",
                 .fix = "choose another backbone for methods that augment features"});
  }

 private:
  static ENetBottleneckOptions decoder(const Options& o) {
    return {.learns = false, .dropout = o.dropout[1]};
  }

  Initial initial_;
  ENetDown down1_;
  std::vector<ENetBottleneck> stage1_;
  ENetDown down2_;
  std::vector<ENetBottleneck> stage2_, stage3_;
  ENetUp up4_;
  std::vector<ENetBottleneck> stage4_;
  ENetUp up5_;
  std::vector<ENetBottleneck> stage5_;
  Conv last_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "enet",
     .summary = "ENet 2-D, 0.35 million parameters",
     .paper = "Paszke et al., arXiv 1606.02147",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<ENet>(Options::read(options), shape,
                                     Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::enet
