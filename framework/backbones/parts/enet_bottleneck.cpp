// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/enet_bottleneck.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {
namespace {

constexpr int64_t kInnerReduction = 4;

ConvOptions pointwise(int64_t in, int64_t out) {
  return {.in = in, .out = out, .kernel = {1, 1}, .bias = false};
}

}  // namespace

ENetActivation::ENetActivation(const Module& module, bool learns) {
  if (learns) slope_ = module.constant_parameter("weight", {1}, 0.25);
}

at::Tensor ENetActivation::operator()(const at::Tensor& x) const {
  return slope_.defined() ? at::prelu(x, slope_.to(x.scalar_type())) : at::relu(x);
}

ENetUnit::ENetUnit(const Module& sequence, int64_t first, const ConvOptions& conv, bool learns)
    : conv_(sequence.child(std::to_string(first)), conv),
      norm_(sequence.child(std::to_string(first + 1)), conv.out),
      activation_(sequence.child(std::to_string(first + 2)), learns) {}

at::Tensor ENetUnit::operator()(const at::Tensor& x, const Pass& pass) const {
  return activation_(norm_.after(conv_, x, pass));
}

ENetBottleneck::ENetBottleneck(const Module& module, int64_t channels,
                               const ENetBottleneckOptions& o)
    : units_([&] {
        const int64_t inner = channels / kInnerReduction, pad = o.dilation * (o.kernel - 1) / 2;
        std::vector<ENetUnit> units;
        units.emplace_back(module.child("ext_conv1"), 0, pointwise(channels, inner), o.learns);
        ConvOptions conv{.in = inner,
                         .out = inner,
                         .kernel = {o.kernel, o.kernel},
                         .padding = pad,
                         .bias = false,
                         .dilation = o.dilation};
        if (o.asymmetric) {
          conv.kernel = {o.kernel, 1};
          conv.paddings = {pad, 0};
        }
        units.emplace_back(module.child("ext_conv2"), 0, conv, o.learns);
        if (o.asymmetric) {
          conv.kernel = {1, o.kernel};
          conv.paddings = {0, pad};
          units.emplace_back(module.child("ext_conv2"), 3, conv, o.learns);
        }
        units.emplace_back(module.child("ext_conv3"), 0, pointwise(inner, channels), o.learns);
        return units;
      }()),
      dropout_(module.child("ext_regul"), o.dropout, DropoutKind::kChannel),
      activation_(module.child("out_activation"), o.learns) {}

at::Tensor ENetBottleneck::operator()(const at::Tensor& x, const Pass& pass) const {
  at::Tensor y = x;
  for (const ENetUnit& unit : units_) y = unit(y, pass);
  return activation_(x + dropout_(y, pass));
}

ENetDown::ENetDown(const Module& module, int64_t in, int64_t out, double dropout)
    : added_(out - in),
      units_([&] {
        const int64_t inner = in / kInnerReduction;
        std::vector<ENetUnit> units;
        units.emplace_back(
            module.child("ext_conv1"), 0,
            ConvOptions{.in = in, .out = inner, .kernel = {2, 2}, .stride = 2, .bias = false},
            true);
        units.emplace_back(
            module.child("ext_conv2"), 0,
            ConvOptions{.in = inner, .out = inner, .kernel = {3, 3}, .padding = 1, .bias = false},
            true);
        units.emplace_back(module.child("ext_conv3"), 0, pointwise(inner, out), true);
        return units;
      }()),
      dropout_(module.child("ext_regul"), dropout, DropoutKind::kChannel),
      activation_(module.child("out_activation"), true) {}

ENetPooled ENetDown::operator()(const at::Tensor& x, const Pass& pass) const {
  const auto [pooled, indices] = at::max_pool2d_with_indices(x, {2, 2}, {2, 2});
  at::Tensor y = x;
  for (const ENetUnit& unit : units_) y = unit(y, pass);
  const at::Tensor zeros =
      at::zeros({x.size(0), added_, pooled.size(2), pooled.size(3)}, pooled.options());
  return {activation_(at::cat({pooled, zeros}, 1) + dropout_(y, pass)), indices,
          x.sizes().slice(2).vec()};
}

ENetUp::ENetUp(const Module& module, int64_t in, int64_t out, double dropout)
    : main_(module.child("main_conv1.0"), pointwise(in, out)),
      main_norm_(module.child("main_conv1.1"), out),
      reduce_(module.child("ext_conv1"), 0, pointwise(in, in / kInnerReduction), false),
      lift_(module.child("ext_tconv1"), {.in = in / kInnerReduction,
                                         .out = in / kInnerReduction,
                                         .kernel = {2, 2},
                                         .stride = 2,
                                         .bias = false,
                                         .transposed = true}),
      lift_norm_(module.child("ext_tconv1_bnorm"), in / kInnerReduction),
      expand_(module.child("ext_conv2.0"), pointwise(in / kInnerReduction, out)),
      expand_norm_(module.child("ext_conv2.1"), out),
      dropout_(module.child("ext_regul"), dropout, DropoutKind::kChannel) {}

at::Tensor ENetUp::operator()(const at::Tensor& x, const ENetPooled& down, const Pass& pass) const {
  const at::Tensor main = at::max_unpool2d(main_norm_.after(main_, x, pass).contiguous(),
                                           down.indices.contiguous(), down.size);
  const at::Tensor lifted =
      lift_norm_(lift_.to_size(reduce_(x, pass), down.size), pass, /*slope=*/0);
  const at::Tensor expanded = expand_norm_.after(expand_, lifted, pass, /*slope=*/0);
  return at::relu(main + dropout_(expanded, pass));
}

}  // namespace semiseg
