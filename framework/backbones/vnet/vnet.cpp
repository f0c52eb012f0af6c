// SPDX-License-Identifier: Apache-2.0
// V-Net: Milletari et al., 3DV 2016, as HiLab-git/SSL4MIS networks/vnet.py has it (also UA-MT,
// SASSNet, DTC, MC-Net, SS-Net, BCP): ReLU, not PReLU; skips are added; no residual blocks.
// The parts are those of vnet_parts.h.
//
//   stage               operation                              in → out     size
//   block_one, _dw      Block(1), down                         1 → 16, 32   1
//   block_two, _dw      Block(2), down                         32, 64       1/2
//   block_three, _dw    Block(3), down                         64, 128      1/4
//   block_four, _dw     Block(3), down                         128, 256     1/8
//   block_five, _up     Block(3), dropout, up                  256, 128     1/16
//   block_six, _up      sum with block_four, Block(3), up      128, 64      1/8
//   block_seven, _up    sum with block_three, Block(3), up     64, 32       1/4
//   block_eight, _up    sum with block_two, Block(2), up       32, 16       1/2
//   block_nine          sum with block_one, Block(1), dropout  16           1
//   out_conv            conv 1³                                16 → K       1
//
// Dropout drops whole channels. The features are block_nine's after its dropout, what out_conv
// sees.
// residual = true (MC-Net and others have the flag, off): a block's input is added to its last
// norm, before the ReLU. 9,448,866 parameters with one channel, two classes and batch norm.
#include "framework/backbones/parts/feature_dropout.h"
#include "framework/backbones/vnet/vnet_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::vnet {
namespace {

struct Options {
  VNetOptions parts;
  std::string head = "conv1x1";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o{.parts = VNetOptions::read(section, shape, {})};
    section.read("head", o.head, {"conv1x1", "conv3x3"},
                 "Last layer: a 1 × 1 × 1 convolution as in the reference, or 3 × 3 × 3.");
    return o;
  }
};

ConvOptions head_options(const Options& options, int64_t classes) {
  const int64_t side = options.head == "conv1x1" ? 1 : 3;
  return {.in = options.parts.filters,
          .out = classes,
          .kernel = {side, side, side},
          .padding = side / 2};
}

class VNet : public ModuleBackbone {
 public:
  VNet(const Options& options, const NetworkShape& shape, const Draws& draws,
       const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        encoder_(root_, options.parts, shape.channels),
        decoder_(root_, options.parts, VNetLift::kTransposed),
        out_conv_(root_.child("out_conv"), head_options(options, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_vnet_size(input.image.sizes().slice(2), "vnet");
    const auto levels = with_dropped_features(encoder_(input.image, pass), pass);
    const at::Tensor x = decoder_(levels, pass_of_copies(pass));
    return split_copies(out_conv_(x), x, pass);
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  VNetEncoder encoder_;
  VNetDecoder decoder_;
  Conv out_conv_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet",
     .summary = "V-Net 3-D of UA-MT and SSL4MIS, 9.4 million parameters",
     .paper = "Milletari et al., 3DV 2016",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet");
       return std::make_unique<VNet>(Options::read(options, shape), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::vnet
