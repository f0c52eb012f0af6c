// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/diffusion.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {

Diffusion::Diffusion(int64_t steps) {
  constexpr double kFirst = 1e-4, kLast = 0.02;
  SEMISEG_CHECK(steps > 1, "a diffusion has several steps");
  double product = 1;
  for (int64_t t = 0; t < steps; ++t) {
    product *=
        1 - (kFirst + (kLast - kFirst) * static_cast<double>(t) / static_cast<double>(steps - 1));
    alpha_bar_.push_back(product);
  }
}

at::Tensor Diffusion::clean(const at::Tensor& label, const at::Tensor& like) {
  std::vector<at::Tensor> classes;
  for (int64_t k = 0; k < like.size(1); ++k) classes.push_back(label == k);
  return at::stack(classes, 1).to(like.options()).mul_(2).sub_(1);
}

at::Tensor Diffusion::noisy(const at::Tensor& x0, const at::Tensor& noise,
                            const at::Tensor& t) const {
  std::vector<int64_t> shape(static_cast<size_t>(x0.dim()), 1);
  shape[0] = x0.size(0);
  const at::Tensor alpha_bar = at::tensor(alpha_bar_, at::kDouble).index_select(0, t).view(shape);
  return alpha_bar.sqrt().to(x0.options()) * x0 + (1 - alpha_bar).sqrt().to(x0.options()) * noise;
}

std::vector<int64_t> Diffusion::sampled_steps(int64_t steps) const {
  const double stride = static_cast<double>(std::ssize(alpha_bar_) - 1) /
                        static_cast<double>(std::max<int64_t>(1, steps - 1));
  std::vector<int64_t> chosen;
  for (int64_t k = 0; k < steps; ++k)
    chosen.push_back(std::llrint(stride * static_cast<double>(k)));  // halves to even
  return chosen;
}

at::Tensor Diffusion::sample(const at::Tensor& start, int64_t steps, const Denoise& denoise) const {
  const std::vector<int64_t> times = sampled_steps(steps);
  at::Tensor x = start, clean;
  for (int64_t k = steps - 1; k >= 0; --k) {
    const int64_t t = times[static_cast<size_t>(k)];
    const at::Tensor time = at::full({start.size(0)}, t, start.options().dtype(at::kLong));
    clean = denoise(x, time, steps - 1 - k).to(start.scalar_type()).clamp(-1, 1);
    if (k == 0) break;
    const double now = alpha_bar(t), next = alpha_bar(times[static_cast<size_t>(k - 1)]);
    const at::Tensor noise = (x / std::sqrt(now) - clean) / std::sqrt(1 / now - 1);
    x = std::sqrt(next) * clean + std::sqrt(1 - next) * noise;
  }
  return clean;
}

at::Tensor gumbel_softmax(const at::Tensor& x, const at::Tensor& uniform) {
  const at::Tensor gumbel = -(-uniform.to(x.options()).clamp_min(1e-6).log()).log();
  return (x + gumbel).softmax(1);
}

at::Tensor smooth(const at::Tensor& map) {
  const double side = std::exp(-0.5), sum = 1 + 2 * side;
  at::Tensor smoothed = map;
  for (int64_t axis = 2; axis < map.dim(); ++axis) {
    at::Tensor along = smoothed / sum;
    const int64_t length = map.size(axis) - 1;
    along.narrow(axis, 0, length).add_(smoothed.narrow(axis, 1, length), side / sum);
    along.narrow(axis, 1, length).add_(smoothed.narrow(axis, 0, length), side / sum);
    smoothed = along;
  }
  return smoothed;
}

}  // namespace semiseg
