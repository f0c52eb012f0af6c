// SPDX-License-Identifier: Apache-2.0
// The bottlenecks of ENet: Paszke et al., arXiv 1606.02147, as HiLab-git/SSL4MIS networks/enet.py
// has them. No convolution has a bias; a quarter of the channels between the first and the last
// one. Encoder activations are PReLUs with one slope each, decoder ones ReLUs.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "framework/nn/layers.h"

namespace semiseg {

// PReLU with one slope, or ReLU.
class ENetActivation {
 public:
  ENetActivation(const Module& module, bool learns);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor slope_;  // [1], undefined for ReLU
};

// A convolution, its batch norm and activation: children first, first + 1, first + 2.
class ENetUnit {
 public:
  ENetUnit(const Module& sequence, int64_t first, const ConvOptions& conv, bool learns);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  Conv conv_;
  BatchNorm norm_;
  ENetActivation activation_;
};

struct ENetBottleneckOptions {
  int64_t kernel = 3, dilation = 1;
  bool asymmetric = false;  // kernel × 1, then 1 × kernel
  bool learns = true;       // PReLU
  double dropout = 0.1;
};

// x + dropout(conv 1×1 → conv kernel → conv 1×1), activated; each conv → BN → activation.
class ENetBottleneck {
 public:
  ENetBottleneck(const Module& module, int64_t channels, const ENetBottleneckOptions& options);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  std::vector<ENetUnit> units_;
  Dropout dropout_;
  ENetActivation activation_;
};

struct ENetPooled {
  at::Tensor x, indices;      // of the max-pool, for the unpooling
  std::vector<int64_t> size;  // of the input
};

// To half the sides: max-pool 2 with zero channels behind it + dropout(conv 2×2 stride 2 → conv 3×3
// → conv 1×1), activated.
class ENetDown {
 public:
  ENetDown(const Module& module, int64_t in, int64_t out, double dropout);
  ENetPooled operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  int64_t added_;
  std::vector<ENetUnit> units_;
  Dropout dropout_;
  ENetActivation activation_;
};

// To the size before a down step: unpool(conv 1×1 → BN) + dropout(conv 1×1 → transposed conv 2×2 →
// conv 1×1, BN each, ReLU after the first two), ReLU.
class ENetUp {
 public:
  ENetUp(const Module& module, int64_t in, int64_t out, double dropout);
  at::Tensor operator()(const at::Tensor& x, const ENetPooled& down, const Pass& pass) const;

 private:
  Conv main_;
  BatchNorm main_norm_;
  ENetUnit reduce_;
  Conv lift_;
  BatchNorm lift_norm_;
  Conv expand_;
  BatchNorm expand_norm_;
  Dropout dropout_;
};

}  // namespace semiseg
