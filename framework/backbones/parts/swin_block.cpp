// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/swin_block.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace semiseg {
namespace {

constexpr int64_t kMlpRatio = 4;

// [N,H,W,C] → [N·windows, w², C].
at::Tensor windows_of(const at::Tensor& x, int64_t w) {
  const int64_t n = x.size(0), h = x.size(1), width = x.size(2), c = x.size(3);
  return x.reshape({n, h / w, w, width / w, w, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({n * (h / w) * (width / w), w * w, c});
}

at::Tensor map_of(const at::Tensor& windows, int64_t w, at::IntArrayRef size) {
  const int64_t h = size[1], width = size[2];
  return windows.reshape({size[0], h / w, width / w, w, w, size[3]})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape(size);
}

// int64 [w²·w²]: row of the bias table for each pair of tokens.
at::Tensor relative_positions(int64_t w) {
  const at::Tensor side = at::arange(w, at::kLong);
  const at::Tensor rows = side.repeat_interleave(w), columns = side.repeat({w});
  const at::Tensor dy = rows.unsqueeze(1) - rows + w - 1,
                   dx = columns.unsqueeze(1) - columns + w - 1;
  return (dy * (2 * w - 1) + dx).flatten();
}

// [windows, w², w²]: -100 between tokens that were not neighbours before the shift.
at::Tensor shift_mask(int64_t h, int64_t width, int64_t w, const at::TensorOptions& options) {
  const int64_t shift = w / 2;
  at::Tensor region = at::zeros({1, h, width, 1}, options);
  int64_t number = 0;
  const auto parts = [&](int64_t side) {
    return std::vector<std::pair<int64_t, int64_t>>{
        {0, side - w}, {side - w, side - shift}, {side - shift, side}};
  };
  for (const auto& [top, bottom] : parts(h)) {
    for (const auto& [left, right] : parts(width))
      region.slice(1, top, bottom).slice(2, left, right).fill_(number++);
  }
  const at::Tensor of_token = windows_of(region, w).squeeze(-1);
  const at::Tensor differs = of_token.unsqueeze(1) != of_token.unsqueeze(2);
  return differs.to(options.dtype()) * -100;
}

}  // namespace

SwinBlock::SwinBlock(const Module& module, const SwinBlockOptions& o)
    : options_(o),
      norm1_(module.child("norm1"), o.features),
      bias_table_(module.child("attn").normal_parameter(
          "relative_position_bias_table", {(2 * o.window - 1) * (2 * o.window - 1), o.heads},
          0.02)),
      qkv_(module.child("attn.qkv"), o.features, 3 * o.features),
      projection_(module.child("attn.proj"), o.features, o.features),
      norm2_(module.child("norm2"), o.features),
      fc1_(module.child("mlp.fc1"), o.features, kMlpRatio * o.features),
      fc2_(module.child("mlp.fc2"), kMlpRatio * o.features, o.features),
      path1_(module.child("drop_path1"), o.path_dropout),
      path2_(module.child("drop_path2"), o.path_dropout) {}

at::Tensor SwinBlock::operator()(const at::Tensor& x, const Pass& pass) const {
  const at::Tensor y = x + drop(attend(norm1_(x)), path1_, pass);
  return y + drop(fc2_(at::gelu(fc1_(norm2_(y)))), path2_, pass);
}

at::Tensor SwinBlock::drop(const at::Tensor& branch, const Dropout& path, const Pass& pass) const {
  const at::Tensor ones = at::ones({branch.size(0), 1, 1, 1}, branch.options());
  return branch * path(ones, pass);
}

at::Tensor SwinBlock::attend(const at::Tensor& x) const {
  const int64_t w = options_.window, shift = w / 2;
  const bool shifts = options_.shifted && std::min(x.size(1), x.size(2)) > w;
  const at::Tensor moved = shifts ? at::roll(x, {-shift, -shift}, {1, 2}) : x;
  const at::Tensor mask = shifts ? shift_mask(x.size(1), x.size(2), w, x.options()) : at::Tensor();
  const at::Tensor y = map_of(attend_in_windows(windows_of(moved, w), mask), w, x.sizes());
  return shifts ? at::roll(y, {shift, shift}, {1, 2}) : y;
}

at::Tensor SwinBlock::attend_in_windows(const at::Tensor& windows, const at::Tensor& mask) const {
  const int64_t count = windows.size(0), tokens = windows.size(1), heads = options_.heads,
                width = options_.features / heads;
  const auto qkv = qkv_(windows).reshape({count, tokens, 3, heads, width}).permute({2, 0, 3, 1, 4});
  const at::Tensor q = qkv[0] / std::sqrt(static_cast<double>(width));
  const at::Tensor positions = relative_positions(options_.window).to(windows.device());
  const at::Tensor bias = bias_table_.index_select(0, positions)
                              .view({tokens, tokens, heads})
                              .permute({2, 0, 1})
                              .to(windows.scalar_type());
  at::Tensor scores = at::matmul(q, qkv[1].transpose(-2, -1)) + bias;
  if (mask.defined()) {
    scores = scores.view({-1, mask.size(0), heads, tokens, tokens}) + mask.unsqueeze(1);
    scores = scores.view({-1, heads, tokens, tokens});
  }
  const at::Tensor y = at::matmul(scores.softmax(-1), qkv[2]);
  return projection_(y.transpose(1, 2).reshape({count, tokens, options_.features}));
}

}  // namespace semiseg
