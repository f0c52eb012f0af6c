// SPDX-License-Identifier: Apache-2.0
// Diffusion of label maps: Ho, Jain & Abbeel, NeurIPS 2020 (DDPM), with the deterministic sampler
// of Song, Meng & Ermon, ICLR 2021 (DDIM, η = 0), for a network that predicts x_0 itself. As
// xmed-lab/GenericSSL uses them. N samples, K classes, S spatial axes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace semiseg {

// β_t from 1e-4 to 0.02 in equal steps, ᾱ_t = Π (1 − β), t = 0 … steps − 1; float64. t = 0 is
// already noisy.
class Diffusion {
 public:
  explicit Diffusion(int64_t steps);

  // Returns x_0 = 2·onehot(y) − 1, [N,K,S] in the dtype of `like` (also [N,K,S]); −1 everywhere
  // where the label is no class.
  static at::Tensor clean(const at::Tensor& label, const at::Tensor& like);

  // x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε; t [N] int64, on the CPU.
  at::Tensor noisy(const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& t) const;

  // Returns f(x_t, t) [N,K,S] of the network; t [N] int64 on the device of x, `pass` counts from 0.
  using Denoise = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& t, int64_t pass)>;

  // From the last of `steps` evenly spaced t to the first: x̂0 = clamp(f, ±1),
  // ε̂ = (x/√ᾱ − x̂0) / √(1/ᾱ − 1), x ← √ᾱ' x̂0 + √(1−ᾱ') ε̂. Returns the last x̂0. Copies nothing
  // to the host.
  at::Tensor sample(const at::Tensor& start, int64_t steps, const Denoise& denoise) const;

  // Returns the evenly spaced t of so many sampling steps, ascending: 0, 111, …, 999 for 10 of
  // 1000.
  std::vector<int64_t> sampled_steps(int64_t steps) const;
  double alpha_bar(int64_t t) const { return alpha_bar_[static_cast<size_t>(t)]; }

 private:
  std::vector<double> alpha_bar_;
};

// softmax over classes of x + g, g = −ln(−ln(max(u, 1e-6))); u [N,K,S] in [0, 1).
at::Tensor gumbel_softmax(const at::Tensor& x, const at::Tensor& uniform);

// Convolves each class map with a Gaussian of 3 voxels along each axis, σ = 1, which sums to 1. The
// map is continued by zeros, so values shrink at the border.
at::Tensor smooth(const at::Tensor& map);

}  // namespace semiseg
