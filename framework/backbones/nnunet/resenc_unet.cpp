// SPDX-License-Identifier: Apache-2.0
// The network of nnU-Net v2 with a residual encoder: Isensee et al., MICCAI 2024, as
// MIC-DKFZ/dynamic-network-architectures ResidualEncoderUNet has it. Parts: nnunet_parts.h.
//
//   stem        unit of stride 1
//   block       unit → conv → instance norm, + skip, LeakyReLU 0.01; the norm before the sum begins
//               with 0
//   skip        average pool where the block has a stride, conv 1 without bias → instance norm
//               where the channels change
//
// 102,349,770 parameters with six stages of 1, 3, 4, 6, 6, 6 blocks in 3-D, one channel, two
// classes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "framework/backbones/nnunet/nnunet_parts.h"
#include "framework/nn/kernels/average_pool.h"

namespace semiseg::resenc_unet {
namespace {

NnUNetPlan read_plan(const Config& section, const NetworkShape& shape) {
  return NnUNetPlan::read(section, shape, "blocks_per_stage", {1, 3, 4, 6, 6, 6});
}

// A unit without activation whose norm begins with 0: a new block is its skip.
class LastUnit {
 public:
  LastUnit(const Module& module, const ConvOptions& conv)
      : conv_(module.child("conv"), conv),
        weight_(module.child("norm").constant_parameter("weight", {conv.out}, 0)),
        bias_(module.child("norm").constant_parameter("bias", {conv.out}, 0)) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const at::Tensor y = conv_(x);
    if (y.size(0) == 0) return y;
    return at::group_norm(y, y.size(1), weight_, bias_, /*eps=*/1e-5);
  }

 private:
  Conv conv_;
  at::Tensor weight_, bias_;
};

class Block {
 public:
  Block(const Module& module, int64_t in, int64_t out, const Sides& kernel, const Sides& stride)
      : stride_(stride),
        strides_(std::any_of(stride.begin(), stride.end(), [](int64_t s) { return s != 1; })),
        first_(module.child("conv1"), nnunet_conv(in, out, kernel, stride)),
        last_(module.child("conv2"), nnunet_conv(out, out, kernel, Sides(kernel.size(), 1))) {
    if (in == out) return;
    const Sides ones(kernel.size(), 1);
    skip_.emplace(module.child(strides_ ? "skip.1" : "skip.0"),
                  nnunet_conv(in, out, ones, ones, /*bias=*/false), /*activates=*/false);
  }

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor skip = x;
    if (strides_) skip = average_pool(x, stride_);
    if (skip_) skip = (*skip_)(skip);
    return at::leaky_relu(last_(first_(x)) + skip, 0.01);
  }

 private:
  Sides stride_;
  bool strides_;
  NnUNetUnit first_;
  LastUnit last_;
  std::optional<NnUNetUnit> skip_;
};

class ResEncUNet : public ModuleBackbone {
 public:
  ResEncUNet(const NnUNetPlan& plan, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        plan_(plan),
        stem_(root_.child("encoder.stem.convs.0"),
              nnunet_conv(shape.channels, plan.features[0], plan.kernels[0],
                          Sides(plan.kernels[0].size(), 1))),
        stages_(make_encoder(root_.child("encoder"), plan)),
        decoder_(root_.child("decoder"), plan, shape.classes) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    plan_.check_size(input.image.sizes().slice(2), "resenc_unet");
    std::vector<at::Tensor> levels;
    at::Tensor x = stem_(input.image);
    for (const auto& blocks : stages_) {
      for (const Block& block : blocks) x = block(x);
      levels.push_back(x);
    }
    return decoder_(levels, pass);
  }

  Classifier classifier() const override { return decoder_.classifier(); }

 private:
  static std::vector<std::vector<Block>> make_encoder(const Module& module,
                                                      const NnUNetPlan& plan) {
    std::vector<std::vector<Block>> stages;
    for (size_t s = 0; s < plan.stages(); ++s) {
      auto& blocks = stages.emplace_back();
      for (int64_t i = 0; i < plan.encoder[s]; ++i) {
        const int64_t in = plan.features[i > 0 || s == 0 ? s : s - 1];
        blocks.emplace_back(module.child(fmt::format("stages.{}.blocks.{}", s, i)), in,
                            plan.features[s], plan.kernels[s],
                            i == 0 ? plan.strides[s] : Sides(plan.kernels[s].size(), 1));
      }
    }
    return stages;
  }

  NnUNetPlan plan_;
  NnUNetUnit stem_;
  std::vector<std::vector<Block>> stages_;
  NnUNetDecoder decoder_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "resenc_unet",
     .summary = "The network of nnU-Net v2 with a residual encoder, in two and three dimensions",
     .paper = "Isensee et al., MICCAI 2024",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { read_plan(section, shape); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           const NnUNetPlan plan = read_plan(section, shape);
           if (!shape.patch_size.empty()) plan.check_size(shape.patch_size, "resenc_unet");
           return std::make_unique<ResEncUNet>(plan, shape, Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::resenc_unet
