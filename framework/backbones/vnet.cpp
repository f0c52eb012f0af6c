// SPDX-License-Identifier: Apache-2.0
// V-Net: Milletari et al., 3DV 2016, as HiLab-git/SSL4MIS networks/vnet.py has it (also UA-MT,
// SASSNet, DTC, MC-Net, SS-Net, BCP): ReLU, not PReLU; skips are added; no residual blocks.
// Block(n, i, o) = n × [conv 3³ → norm → ReLU]; down = conv 2³, stride 2 → norm → ReLU; up = the
// same, transposed.
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
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/nn/norm.h"

namespace semiseg {
namespace {

constexpr int64_t kDivisor = 16;

struct Options {
  int64_t filters = 16;
  NormOptions norm;
  double dropout = 0.5;
  bool residual = false;
  std::string head = "conv1x1";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    o.norm = NormOptions::read(section, o.norm);
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probability that a channel of the deepest and of the last block is dropped. "
                 "Raise it when the network overfits.");
    section.read("residual", o.residual,
                 "Adds the input of a block to its output. Switch it on for the residual V-Net of "
                 "other code bases.");
    section.read("head", o.head, {"conv1x1", "conv3x3"},
                 "Last layer: a 1 × 1 × 1 convolution as in the reference, or 3 × 3 × 3.");
    if (o.norm.kind == "group" && o.filters % o.norm.groups != 0) {
      section.fail("filters", "the groups of channels do not fit",
                   fmt::format("a multiple of norm_groups = {}", o.norm.groups));
    }
    if (o.residual && shape.channels != 1 && shape.channels != o.filters) {
      section.fail("residual", "the image cannot be added to the first block's output",
                   "one channel, or as many as filters");
    }
    return o;
  }
};

void check_size(at::IntArrayRef size) {
  const bool fits = size.size() == 3 && std::all_of(size.begin(), size.end(), [](int64_t side) {
                      return side > 0 && side % kDivisor == 0;
                    });
  if (fits) return;
  throw Error(ErrorKind::kConfig,
              {.what = "this image size does not fit the vnet",
               .expected = fmt::format("three sides, each a multiple of {}", kDivisor),
               .got = fmt::format("[{}]", fmt::join(size.begin(), size.end(), ", ")),
               .fix = "set protocol.patch_size, e.g. [112, 112, 80]"});
}

// A convolution, its norm and ReLU. In the reference's sequence a layer that is absent (no norm)
// has no number.
class Unit {
 public:
  Unit(const Module& sequence, int64_t position, const ConvOptions& conv, const NormOptions& norm)
      : conv_(sequence.child(std::to_string(position)), conv),
        norm_(sequence.child(std::to_string(position + 1)), conv.out, norm) {}

  at::Tensor linear(const at::Tensor& x, const Pass& pass) const {
    return norm_.after(conv_, x, pass, /*slope=*/1);
  }
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    return norm_.after(conv_, x, pass, /*slope=*/0);
  }
  static int64_t layers(const NormOptions& norm) { return norm.kind == "none" ? 2 : 3; }

 private:
  Conv conv_;
  Norm norm_;
};

class Block {
 public:
  Block(const Module& module, int64_t count, int64_t in, int64_t out, const Options& options)
      : residual_(options.residual) {
    for (int64_t i = 0; i < count; ++i) {
      const ConvOptions conv{
          .in = i == 0 ? in : out, .out = out, .kernel = {3, 3, 3}, .padding = 1};
      units_.emplace_back(module.child("conv"), i * Unit::layers(options.norm), conv, options.norm);
    }
  }

  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const {
    at::Tensor hidden = x;
    for (size_t i = 0; i + 1 < units_.size(); ++i) hidden = units_[i](hidden, pass);
    return residual_ ? at::relu(units_.back().linear(hidden, pass) + x)
                     : units_.back()(hidden, pass);
  }

 private:
  bool residual_;
  std::vector<Unit> units_;
};

// One level: its block, and the way to the next one (none after the last).
struct Level {
  Block block;
  std::optional<Unit> resize;
};

struct LevelShape {
  const char* name;
  int64_t convolutions, widening;
};
constexpr std::array<LevelShape, 9> kLevels = {{{"one", 1, 1},
                                                {"two", 2, 2},
                                                {"three", 3, 4},
                                                {"four", 3, 8},
                                                {"five", 3, 16},
                                                {"six", 3, 8},
                                                {"seven", 3, 4},
                                                {"eight", 2, 2},
                                                {"nine", 1, 1}}};
constexpr size_t kDeepest = 4, kLast = kLevels.size() - 1;

std::vector<Level> make_levels(const Module& root, const Options& options, int64_t channels) {
  std::vector<Level> levels;
  for (size_t i = 0; i <= kLast; ++i) {
    const int64_t width = options.filters * kLevels[i].widening;
    const std::string name = std::string("block_") + kLevels[i].name;
    levels.push_back({Block(root.child(name), kLevels[i].convolutions, i == 0 ? channels : width,
                            width, options),
                      std::nullopt});
    if (i == kLast) continue;
    const bool is_up = i >= kDeepest;
    const ConvOptions conv{.in = width,
                           .out = is_up ? width / 2 : 2 * width,
                           .kernel = {2, 2, 2},
                           .stride = 2,
                           .transposed = is_up};
    const Module sequence = root.child(name + (is_up ? "_up" : "_dw")).child("conv");
    levels.back().resize.emplace(sequence, 0, conv, options.norm);
  }
  return levels;
}

ConvOptions head_options(const Options& options, int64_t classes) {
  const int64_t side = options.head == "conv1x1" ? 1 : 3;
  return {.in = options.filters, .out = classes, .kernel = {side, side, side}, .padding = side / 2};
}

class VNet : public ModuleBackbone {
 public:
  VNet(const Options& options, const NetworkShape& shape, const Draws& draws,
       const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        levels_(make_levels(root_, options, shape.channels)),
        out_conv_(root_.child("out_conv"), head_options(options, shape.classes)),
        dropout_deepest_(root_.child("block_five.dropout"), options.dropout, DropoutKind::kChannel),
        dropout_last_(root_.child("block_nine.dropout"), options.dropout, DropoutKind::kChannel) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    check_size(image.sizes().slice(2));
    std::vector<at::Tensor> skips;
    at::Tensor x = image;
    for (size_t i = 0; i < kDeepest; ++i) {
      skips.push_back(levels_[i].block(x, pass));
      x = (*levels_[i].resize)(skips.back(), pass);
    }
    x = dropout_deepest_(levels_[kDeepest].block(x, pass), pass);
    for (size_t i = kDeepest; i < kLast; ++i) {
      x = (*levels_[i].resize)(x, pass) + skips.back();
      skips.pop_back();
      x = levels_[i + 1].block(x, pass);
    }
    x = dropout_last_(x, pass);
    return {out_conv_(x), x, {}};
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  std::vector<Level> levels_;
  Conv out_conv_;
  Dropout dropout_deepest_, dropout_last_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet",
     .summary = "V-Net 3-D of UA-MT and SSL4MIS, 9.4 million parameters",
     .paper = "Milletari et al., 3DV 2016",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<VNet>(Options::read(options, shape), shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg
