// SPDX-License-Identifier: Apache-2.0
// A small random problem for TSA: features, a classifier, statistics of two streams. float64, from
// named draws.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/random/draws.h"
#include "framework/methods/tsa/offset_table.h"
#include "framework/methods/tsa/tsa_memory.h"
#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg {

inline at::Tensor normal(const std::string& name, at::IntArrayRef shape) {
  return Draws(17).at(0, 0).normal(name, shape).to(at::kDouble);
}

// Classes 0 … classes - 1 and, one time in (classes + 1), ignored.
inline at::Tensor labels(const std::string& name, at::IntArrayRef shape, int64_t classes) {
  const at::Tensor y = Draws(17).at(0, 0).integers(name, shape, 0, classes + 1);
  return at::where(y == classes, kIgnoreLabel, y);
}

inline ClassStatistics statistics(const std::string& name, int64_t classes, int64_t features) {
  const at::Tensor root = normal(name + "/root", {classes, features, features});
  return {at::full({classes}, 1000, at::kLong), normal(name + "/mean", {classes, features}),
          at::matmul(root, root.transpose(1, 2)) / static_cast<double>(features)};
}

struct TsaProblem {
  at::Tensor feature, label, weight, bias;  // [2,A,6,5], [2,6,5], [C,A], [C]
  ClassStatistics from, to;
  double lambda = 0.3;
  OffsetOptions options;

  explicit TsaProblem(int64_t classes = 4, int64_t features = 5)
      : feature(normal("feature", {2, features, 6, 5})),
        label(labels("label", {2, 6, 5}, classes)),
        weight(normal("weight", {classes, features}).set_requires_grad(true)),
        bias(normal("bias", {classes}).set_requires_grad(true)),
        from(statistics("from", classes, features)),
        to(statistics("to", classes, features)) {
    feature.set_requires_grad(true);
  }

  at::Tensor logits() const {
    const at::Tensor z = at::matmul(weight, feature.flatten(2)) + bias.unsqueeze(1);
    return z.view({feature.size(0), weight.size(0), feature.size(2), feature.size(3)});
  }
  at::Tensor table() const { return offset_table(weight, from, to, lambda, options).table; }
  at::Tensor loss() const {
    return cross_entropy_with_offsets(logits(), label, table(), {}, *make_serial_communicator());
  }
};

inline at::Tensor leaf(const at::Tensor& value) {
  return value.detach().clone().set_requires_grad(true);
}

// A classifier: 1×1, or 3×3 with padding 1.
inline at::Tensor head(const at::Tensor& feature, const at::Tensor& weight,
                       const at::Tensor& bias) {
  const at::Tensor kernel = weight.dim() == 2 ? weight.unsqueeze(-1).unsqueeze(-1) : weight;
  return at::conv2d(feature, kernel, bias, /*stride=*/1, /*padding=*/kernel.size(2) / 2);
}

inline at::Tensor plain_loss(const at::Tensor& logits, const at::Tensor& label) {
  return at::cross_entropy_loss(logits, label, {}, at::Reduction::Mean, kIgnoreLabel);
}

// Gradients of `loss` with respect to leaves, which are left without.
inline std::vector<at::Tensor> gradients(const at::Tensor& loss,
                                         const std::vector<at::Tensor>& leaves) {
  loss.backward();
  std::vector<at::Tensor> result;
  for (at::Tensor leaf : leaves) {
    result.push_back(leaf.grad().defined() ? leaf.grad().clone() : at::zeros_like(leaf));
    leaf.mutable_grad().reset();
  }
  return result;
}

// max |a - b| / max |b|; the scale is 1 where b is 0.
inline double deviation(const at::Tensor& a, const at::Tensor& b) {
  if (b.numel() == 0) return a.numel() == 0 ? 0 : INFINITY;
  const double scale = b.abs().max().item<double>();
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() /
         (scale > 0 ? scale : 1);
}

inline MemoryOptions forgetting(double rate) {
  return {.kind = MemoryOptions::Kind::kForget, .forgetting = rate};
}

inline void expect_same(const ClassStatistics& a, const ClassStatistics& b, double tolerance) {
  EXPECT_TRUE(at::equal(a.count, b.count));
  EXPECT_LE(deviation(a.mean, b.mean), tolerance);
  EXPECT_LE(deviation(a.covariance, b.covariance), tolerance);
}

// A way in which a tensor [N,channels,S] lies in memory.
struct TensorLayout {
  const char* name;
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  bool channels_last = false;

  at::Tensor arranged(const at::Tensor& values) const {
    const auto format =
        shape.size() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::ChannelsLast3d;
    return values.to(dtype).contiguous(channels_last ? format : at::MemoryFormat::Contiguous);
  }
  std::vector<int64_t> pixels() const {  // [N,S]
    std::vector<int64_t> sizes = shape;
    sizes.erase(sizes.begin() + 1);
    return sizes;
  }
  friend std::ostream& operator<<(std::ostream& out, const TensorLayout& layout) {
    return out << layout.name;
  }
};

inline std::vector<at::Tensor> leaves(const TsaProblem& p) { return {p.feature, p.weight, p.bias}; }

}  // namespace semiseg
