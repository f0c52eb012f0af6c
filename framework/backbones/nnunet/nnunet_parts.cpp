// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/nnunet/nnunet_parts.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr double kSlope = 0.01;
constexpr size_t kDefaultStages = 6;

std::vector<int64_t> flat(const std::vector<Sides>& lists) {
  std::vector<int64_t> all;
  for (const Sides& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::vector<Sides> in_stages(const std::vector<int64_t>& all, size_t axes) {
  std::vector<Sides> lists;
  for (size_t i = 0; i + axes <= all.size(); i += axes)
    lists.emplace_back(all.begin() + static_cast<int64_t>(i),
                       all.begin() + static_cast<int64_t>(i + axes));
  return lists;
}

// 32, 64, 128, … up to 320 in volumes and 512 in slices.
NnUNetPlan default_plan(size_t axes, const std::vector<int64_t>& encoder) {
  NnUNetPlan plan{.encoder = encoder};
  for (size_t i = 0; i < kDefaultStages; ++i) {
    plan.features.push_back(std::min<int64_t>(32 << i, axes == 3 ? 320 : 512));
    plan.kernels.emplace_back(axes, 3);
    plan.strides.emplace_back(axes, i == 0 ? 1 : 2);
  }
  plan.decoder.assign(kDefaultStages - 1, encoder.front());
  return plan;
}

}  // namespace

NnUNetUnit::NnUNetUnit(const Module& module, const ConvOptions& conv, bool activates,
                       const char* norm)
    : conv_(module.child("conv"), conv),
      norm_(module.child(norm), conv.out, conv.out, /*affine=*/true),
      activates_(activates) {}

at::Tensor NnUNetUnit::operator()(const at::Tensor& x) const {
  const at::Tensor y = norm_(conv_(x));
  return activates_ ? at::leaky_relu(y, kSlope) : y;
}

ConvOptions nnunet_conv(int64_t in, int64_t out, const Sides& kernel, const Sides& stride,
                        bool bias) {
  Sides padding = kernel;
  for (int64_t& side : padding) side /= 2;
  return {.in = in,
          .out = out,
          .kernel = kernel,
          .bias = bias,
          .strides = stride,
          .paddings = padding,
          .he_slope = kSlope,
          .zero_bias = true};
}

NnUNetPlan NnUNetPlan::read(const Config& section, const NetworkShape& shape,
                            const std::string& encoder_key, const std::vector<int64_t>& encoder) {
  const size_t axes = shape.patch_size.size() == 2 ? 2 : 3;
  NnUNetPlan plan = default_plan(axes, encoder);
  std::vector<int64_t> kernels = flat(plan.kernels), strides = flat(plan.strides);
  section.read("features", plan.features, {1, 4096},
               "Number of channels of each stage, finest first. Take them from plans.json.");
  section.read("kernel_sizes", kernels, {1, 15},
               "Sides of the kernels, one number for each axis of each stage, stage after stage. "
               "Take 1 along a coarse axis until the spacing is even.");
  section.read("strides", strides, {1, 8},
               "Strides between stages, one number for each axis of each stage; those of the first "
               "are 1. Take 1 along a coarse axis until the spacing is even.");
  section.read(encoder_key, plan.encoder, {1, 64},
               "Number of convolutions or blocks of each stage of the encoder. Raise it for a "
               "deeper network.");
  section.read("convolutions_per_stage_decoder", plan.decoder, {1, 64},
               "Number of convolutions of each stage of the decoder, one stage less than the "
               "encoder. Raise it for a deeper network.");
  section.read("deep_supervision", plan.deep_supervision,
               "Gives the logits of the coarser stages as heads. Switch it on for methods that put "
               "a loss on them.");
  plan.kernels = in_stages(kernels, axes);
  plan.strides = in_stages(strides, axes);
  const size_t stages = plan.features.size();
  if (kernels.size() != stages * axes || strides.size() != stages * axes ||
      plan.encoder.size() != stages || plan.decoder.size() + 1 != stages) {
    section.fail("features", "the stages of the plan differ in number",
                 fmt::format("{0} × {1} kernel_sizes and strides, {0} {2}, {3} "
                             "convolutions_per_stage_decoder",
                             stages, axes, encoder_key, stages - 1));
  }
  return plan;
}

void NnUNetPlan::check_size(at::IntArrayRef size, const char* network) const {
  Sides divisor(kernels.front().size(), 1);
  for (const Sides& stride : strides) {
    for (size_t axis = 0; axis < divisor.size(); ++axis) divisor[axis] *= stride[axis];
  }
  bool fits = size.size() == divisor.size();
  for (size_t axis = 0; fits && axis < divisor.size(); ++axis)
    fits = size[axis] > 0 && size[axis] % divisor[axis] == 0;
  if (fits) return;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("this image size does not fit the {}", network),
               .expected = fmt::format("multiples of [{}]", fmt::join(divisor, ", ")),
               .got = fmt::format("[{}]", fmt::join(size.begin(), size.end(), ", ")),
               .fix = "set protocol.patch_size, or backbone.strides"});
}

NnUNetDecoder::NnUNetDecoder(const Module& module, const NnUNetPlan& plan, int64_t classes)
    : deep_supervision_(plan.deep_supervision) {
  const size_t last = plan.stages() - 1;
  const Sides ones(plan.kernels.front().size(), 1);
  for (size_t s = 0; s < last; ++s) {
    const size_t level = last - 1 - s;
    const int64_t width = plan.features[level];
    auto& units = stages_.emplace_back();
    for (int64_t i = 0; i < plan.decoder[s]; ++i) {
      const Module place = module.child(fmt::format("stages.{}.convs.{}", s, i));
      units.emplace_back(place,
                         nnunet_conv(i == 0 ? 2 * width : width, width, plan.kernels[level], ones));
    }
  }
  for (size_t s = 0; s < last; ++s) {
    const size_t level = last - 1 - s;
    lifts_.emplace_back(module.child(fmt::format("transpconvs.{}", s)),
                        ConvOptions{.in = plan.features[level + 1],
                                    .out = plan.features[level],
                                    .kernel = plan.strides[level + 1],
                                    .transposed = true,
                                    .strides = plan.strides[level + 1],
                                    .he_slope = kSlope,
                                    .zero_bias = true});
  }
  for (size_t s = 0; s < last; ++s) {
    ConvOptions head = nnunet_conv(plan.features[last - 1 - s], classes, ones, ones);
    heads_.emplace_back(module.child(fmt::format("seg_layers.{}", s)), head);
  }
}

NetworkOutput NnUNetDecoder::operator()(const std::vector<at::Tensor>& levels,
                                        const Pass& pass) const {
  std::vector<at::Tensor> maps;
  at::Tensor x = levels.back();
  for (size_t s = 0; s < stages_.size(); ++s) {
    x = at::cat({lifts_[s](x), levels[levels.size() - 2 - s]}, 1);
    for (const NnUNetUnit& unit : stages_[s]) x = unit(x);
    maps.push_back(x);
  }
  NetworkOutput out{heads_.back()(x), x, {}};
  for (size_t i = 1; deep_supervision_ && i < heads_.size(); ++i) {
    const std::string name = fmt::format("aux{}", i);
    const size_t s = heads_.size() - 1 - i;
    if (pass.wants(name)) out.others.push_back({name, heads_[s](maps[s])});
  }
  return out;
}

Classifier NnUNetDecoder::classifier() const {
  return {heads_.back().weight(), heads_.back().bias()};
}

}  // namespace semiseg
