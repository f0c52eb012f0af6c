// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/channel_attention.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {
namespace {

constexpr double kEpsilon = 1e-6;
constexpr int64_t kWidening = 2;  // of keys and values
constexpr LinearInit kXavier = LinearInit::kXavierUniform;

ConvOptions token_options(const ChannelAttentionOptions& o) {
  if (!o.is_global) return {.in = 1, .out = 8, .kernel = {2, 2, 2}, .stride = 2};
  const int64_t positions = o.grid[0] * o.grid[1] * o.grid[2];
  return {.in = 1, .out = positions, .kernel = {o.grid[0], o.grid[1], o.grid[2]}};
}

at::Tensor normalised(const at::Tensor& scores) {
  const at::Tensor mean = scores.mean({-2, -1}, /*keepdim=*/true),
                   variance = scores.var({-2, -1}, /*unbiased=*/false, /*keepdim=*/true);
  return (scores - mean) * (variance + 1e-5).rsqrt();
}

}  // namespace

ChannelAttention::ChannelAttention(const Module& module, const ChannelAttentionOptions& o)
    : options_(o),
      tokens_(module.child("token_learner.proj"), token_options(o)),
      unused_(module.child("token_learner.map_in.0"), token_options(o)),
      attention_norm_(module.child("attn_norm"), o.channels, kEpsilon),
      q_(module.child("attn.q"), o.channels, kWidening * o.channels, false, kXavier),
      k_(module.child("attn.k"), o.channels, kWidening * o.channels, false, kXavier),
      v_(module.child("attn.v"), o.channels, kWidening * o.channels, false, kXavier),
      out_(module.child("attn.out"), kWidening * o.channels, o.channels, false, kXavier),
      map_norm_(module.child("ffn_norm"), o.channels, kEpsilon),
      map_(module.child("map_out.0"), {.in = o.channels, .out = o.channels, .kernel = {1, 1, 1}}),
      weights_dropout_(module.child("attn.attn_dropout"), o.dropout),
      out_dropout_(module.child("attn.proj_dropout"), o.dropout) {}

at::Tensor ChannelAttention::operator()(const at::Tensor& x, int64_t labelled,
                                        const Pass& pass) const {
  if (x.size(0) == 0) return x;
  const at::Tensor t = tokens_of(x), a = attention_norm_(t);
  const at::Tensor o = labelled < 0 ? alone(a, pass) : across(a, labelled, pass);
  return at::gelu(map_(map_of(map_norm_(o + t))));
}

// Output channel 4 i + 2 j + k of a local convolution is position (i, j, k) of its patch.
at::Tensor ChannelAttention::tokens_of(const at::Tensor& x) const {
  const int64_t b = x.size(0), e = x.size(1);
  const at::Tensor y = tokens_(x.flatten(0, 1).unsqueeze(1));  // [B·E,P,n…]
  return y.flatten(2).view({b, e, y.size(1), -1}).permute({0, 3, 2, 1});
}

at::Tensor ChannelAttention::map_of(const at::Tensor& tokens) const {
  const auto [d, h, w] = options_.grid;
  const int64_t b = tokens.size(0), e = tokens.size(3);
  if (options_.is_global) return tokens.squeeze(1).transpose(1, 2).reshape({b, e, d, h, w});
  return tokens.reshape({b, d / 2, h / 2, w / 2, 2, 2, 2, e})
      .permute({0, 7, 1, 4, 2, 5, 3, 6})
      .reshape({b, e, d, h, w});
}

// q [.., P, C], k and v [.., P, C'] → [.., P, C].
at::Tensor ChannelAttention::mixed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const Pass& pass) const {
  const at::Tensor scores = normalised(at::matmul(q.transpose(-2, -1), k)).softmax(-1);
  return at::matmul(v, weights_dropout_(scores, pass).transpose(-2, -1));
}

at::Tensor ChannelAttention::across(const at::Tensor& a, int64_t labelled, const Pass& pass) const {
  const at::Tensor a_l = a.slice(0, 0, labelled), a_u = a.slice(0, labelled).detach();
  // [b,n,P,2E] → [1,n,P,b·2E]: the channels of all images side by side.
  const auto joined = [](const at::Tensor& x) {
    return x.permute({1, 2, 0, 3}).flatten(2).unsqueeze(0);
  };
  const auto part = [&](int64_t first, int64_t size) {
    Pass own = pass;
    if (pass.mode == NetworkMode::kTrain) {
      own.samples = SampleIds(pass.samples.begin() + first, pass.samples.begin() + first + size);
    }
    return own;
  };
  const at::Tensor of_l = mixed(q_(a_l), joined(k_(a_u)), joined(v_(a_u)), part(0, labelled));
  const at::Tensor of_u =
      mixed(q_(a_u), joined(k_(a_l)), joined(v_(a_l)), part(labelled, a.size(0) - labelled));
  return out_dropout_(out_(at::cat({of_l, of_u})), pass);
}

at::Tensor ChannelAttention::alone(const at::Tensor& a, const Pass& pass) const {
  const int64_t heads = options_.heads;
  // [B,n,P,2E] → [B,heads,n,P,2E/heads].
  const auto split = [&](const at::Tensor& x) {
    return options_.is_global ? x.unflatten(3, {heads, -1}).permute({0, 3, 1, 2, 4})
                              : x.unflatten(3, {-1, heads}).permute({0, 4, 1, 2, 3});
  };
  const at::Tensor y = mixed(split(q_(a)), split(k_(a)), split(v_(a)), pass);
  const at::Tensor joined =
      y.permute({0, 2, 3, 4, 1}).flatten(3);  // channel c of head h at c·heads + h
  return options_.is_global ? out_dropout_(out_(joined), pass) : out_(joined);
}

}  // namespace semiseg
