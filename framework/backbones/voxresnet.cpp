// SPDX-License-Identifier: Apache-2.0
// VoxResNet: Chen et al., NeuroImage 2018, as HiLab-git/SSL4MIS networks/VoxResNet.py has it; f
// channels throughout. Pair = 2 × [instance norm without scale → ReLU → conv 3³ without bias].
//
//   stage          operation                                    size
//   conv1          conv 3³, max-pool 2                          1/2
//   res1, res2     x + Pair(x) each, then max-pool 2            1/4
//   res3, res4     x + Pair(x) each, then max-pool 2            1/8
//   res5, res6     x + Pair(x) each                             1/8
//   up1            trilinear ×2, [skip behind res2's pool, up], Pair      1/4
//   up2            trilinear ×2, [skip behind conv1's pool, up], Pair     1/2
//   out            trilinear ×2, conv 1³                        1
//
// Corners are aligned. f = 64: 1,992,578 parameters with one channel and two classes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "framework/backbones/parts/check_sides.h"
#include "framework/config/option_list.h"
#include "framework/nn/kernels/upsample.h"
#include "framework/nn/layers.h"

namespace semiseg::voxresnet {
namespace {

struct Options {
  int64_t filters = 64;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels of each block. Halve it for a quarter of the work.");
    return o;
  }
};

class Pair {
 public:
  Pair(const Module& module, int64_t in, int64_t out)
      : norm0_(module.child("0"), in, in, /*affine=*/false),
        conv0_(module.child("2"), conv(in, out)),
        norm1_(module.child("3"), out, out, /*affine=*/false),
        conv1_(module.child("5"), conv(out, out)) {}

  at::Tensor operator()(const at::Tensor& x) const {
    return conv1_(at::relu(norm1_(conv0_(at::relu(norm0_(x))))));
  }

 private:
  static ConvOptions conv(int64_t in, int64_t out) {
    return {.in = in, .out = out, .kernel = {3, 3, 3}, .padding = 1, .bias = false};
  }

  GroupNorm norm0_;
  Conv conv0_;
  GroupNorm norm1_;
  Conv conv1_;
};

at::Tensor halved(const at::Tensor& x) { return at::max_pool3d(x, {2, 2, 2}); }

at::Tensor doubled(const at::Tensor& x) {
  return upsample_trilinear(x, {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)},
                            /*align_corners=*/true);
}

void check_size(at::IntArrayRef size) { check_sides(size, 3, 8, "voxresnet", "[64, 64, 64]"); }

class VoxResNet : public ModuleBackbone {
 public:
  VoxResNet(int64_t f, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        conv1_(root_.child("conv1"),
               {.in = shape.channels, .out = f, .kernel = {3, 3, 3}, .padding = 1}),
        residuals_(make_residuals(root_, f)),
        up1_(root_.child("up1.conv.conv_conv"), 2 * f, f),
        up2_(root_.child("up2.conv.conv_conv"), 2 * f, f),
        out_(root_.child("out"), {.in = f, .out = shape.classes, .kernel = {1, 1, 1}}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass&) override {
    check_size(input.image.sizes().slice(2));
    const at::Tensor half = halved(conv1_(input.image)), quarter = halved(residual(half, 0)),
                     deepest = residual(halved(residual(quarter, 2)), 4);
    const at::Tensor up1 = up1_(at::cat({quarter, doubled(deepest)}, 1));
    const at::Tensor up2 = up2_(at::cat({half, doubled(up1)}, 1));
    const at::Tensor x = doubled(up2);
    return {out_(x), x, {}};
  }

  Classifier classifier() const override { return {out_.weight(), out_.bias()}; }

 private:
  static std::vector<Pair> make_residuals(const Module& root, int64_t f) {
    std::vector<Pair> all;
    for (int i = 1; i <= 6; ++i) all.emplace_back(root.child(fmt::format("res{}.block", i)), f, f);
    return all;
  }
  at::Tensor residual(const at::Tensor& x, size_t first) const {
    const at::Tensor y = x + residuals_[first](x);
    return y + residuals_[first + 1](y);
  }

  Conv conv1_;
  std::vector<Pair> residuals_;
  Pair up1_, up2_;
  Conv out_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "voxresnet",
     .summary = "VoxResNet 3-D, 2 million parameters",
     .paper = "Chen et al., NeuroImage 2018",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<VoxResNet>(Options::read(options).filters, shape,
                                          Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::voxresnet
