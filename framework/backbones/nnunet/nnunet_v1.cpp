// SPDX-License-Identifier: Apache-2.0
// The 3-D network of nnU-Net v1: Isensee et al., Nature Methods 2021, as HiLab-git/SSL4MIS
// networks/nnunet.py builds Generic_UNet. Units of nnunet_parts.h, two at each level; levels of 16,
// 32, 64, 128, 256, 320 channels and a bottleneck of 320.
//
//   level           0        1        2        3       4       5       bottleneck
//   kernel          1×3×3    1×3×3    3³       3³      3³      3³      3³
//   stride to it    –        1×2×2    1×2×2    2³      2³      1×2×2   1×2×2
//
// A level of the decoder takes the kernel of the level below it. Up: transposed conv of kernel =
// stride without bias, [up, skip]. Heads without bias at every level; only the finest is used, as
// in the reference, whose deep supervision is off. 30,446,256 parameters with one channel and two
// classes.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/backbones/nnunet/nnunet_parts.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg::nnunet_v1 {
namespace {

constexpr int64_t kPools = 6, kWidest = 320;
const std::vector<Sides> kKernels = {{1, 3, 3}, {1, 3, 3}, {3, 3, 3}, {3, 3, 3},
                                     {3, 3, 3}, {3, 3, 3}, {3, 3, 3}};
const std::vector<Sides> kStrides = {{1, 2, 2}, {1, 2, 2}, {2, 2, 2},
                                     {2, 2, 2}, {1, 2, 2}, {1, 2, 2}};
const Sides kOnes = {1, 1, 1};

struct Options {
  int64_t filters = 16;

  static Options read(const Config& section) {
    Options o;
    section.read(
        "filters", o.filters, {1, 320},
        "Number of channels at full resolution; doubled in each level, up to 320. Halve it "
        "for a quarter of the work.");
    return o;
  }
  int64_t width(int64_t level) const { return std::min(filters << level, kWidest); }
};

void check_size(at::IntArrayRef size) {
  if (size.size() == 3 && size[0] % 4 == 0 && size[1] % 64 == 0 && size[2] % 64 == 0) return;
  throw Error(ErrorKind::kConfig,
              {.what = "this image size does not fit the nnunet_v1",
               .expected = "three sides, multiples of 4, 64 and 64, the shortest first",
               .fix = "set protocol.patch_size, e.g. [16, 128, 128]"});
}

NnUNetUnit unit(const Module& module, int64_t in, int64_t out, const Sides& kernel,
                const Sides& stride = kOnes) {
  return NnUNetUnit(module, nnunet_conv(in, out, kernel, stride), true, "instnorm");
}

class NnUNetV1 : public ModuleBackbone {
 public:
  NnUNetV1(const Options& o, const NetworkShape& shape, const Module& root) : ModuleBackbone(root) {
    for (int64_t u = 0; u < kPools; ++u) {
      const int64_t level = kPools - 1 - u, width = o.width(level);
      const Module place = root_.child(fmt::format("conv_blocks_localization.{}", u));
      const Sides& kernel = kKernels[static_cast<size_t>(level + 1)];
      up_.push_back({unit(place.child("0.blocks.0"), 2 * width, width, kernel),
                     unit(place.child("1.blocks.0"), width, width, kernel)});
    }
    for (int64_t level = 0; level <= kPools; ++level) add_down(o, shape.channels, level);
    for (int64_t u = 0; u < kPools; ++u) {
      const int64_t level = kPools - 1 - u;
      const Sides& stride = kStrides[static_cast<size_t>(level)];
      lifts_.emplace_back(root_.child(fmt::format("tu.{}", u)),
                          ConvOptions{.in = o.width(level + 1),
                                      .out = o.width(level),
                                      .kernel = stride,
                                      .bias = false,
                                      .transposed = true,
                                      .strides = stride,
                                      .he_slope = 0.01});
    }
    for (int64_t u = 0; u < kPools; ++u) {
      heads_.emplace_back(root_.child(fmt::format("seg_outputs.{}", u)),
                          nnunet_conv(o.width(kPools - 1 - u), shape.classes, kOnes, kOnes, false));
    }
  }

  NetworkOutput forward(const NetworkInput& input, const Pass&) override {
    check_size(input.image.sizes().slice(2));
    std::vector<at::Tensor> levels;
    for (const auto& units : down_) {
      at::Tensor x = levels.empty() ? input.image : levels.back();
      for (const NnUNetUnit& one : units) x = one(x);
      levels.push_back(x);
    }
    at::Tensor x = levels.back();
    for (size_t u = 0; u < up_.size(); ++u) {
      x = at::cat({lifts_[u](x), levels[levels.size() - 2 - u]}, 1);
      for (const NnUNetUnit& one : up_[u]) x = one(x);
    }
    return {heads_.back()(x), x, {}};
  }

  Classifier classifier() const override { return {heads_.back().weight(), {}}; }

 private:
  // The bottleneck's units stand in two sequences of their own.
  void add_down(const Options& o, int64_t channels, int64_t level) {
    const Module place = root_.child(fmt::format("conv_blocks_context.{}", level));
    const int64_t width = o.width(level), before = level == 0 ? channels : o.width(level - 1);
    const Sides& kernel = kKernels[static_cast<size_t>(level)];
    const Sides& stride = level == 0 ? kOnes : kStrides[static_cast<size_t>(level - 1)];
    const bool is_bottleneck = level == kPools;
    down_.push_back(
        {unit(place.child(is_bottleneck ? "0.blocks.0" : "blocks.0"), before, width, kernel,
              stride),
         unit(place.child(is_bottleneck ? "1.blocks.0" : "blocks.1"), width, width, kernel)});
  }

  std::vector<std::vector<NnUNetUnit>> up_, down_;
  std::vector<Conv> lifts_, heads_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "nnunet_v1",
     .summary = "The 3-D network of nnU-Net v1 of SSL4MIS, 30 million parameters",
     .paper = "Isensee et al., Nature Methods 2021",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_size(shape.patch_size);
       return std::make_unique<NnUNetV1>(Options::read(options), shape,
                                         Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::nnunet_v1
