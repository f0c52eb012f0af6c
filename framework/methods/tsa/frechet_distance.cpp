// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/frechet_distance.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

namespace semiseg {
namespace {

// [C,A,A] symmetric, no eigenvalue below 0 but by rounding.
at::Tensor square_root(const at::Tensor& covariance) {
  const auto [value, vector] = at::linalg_eigh(covariance);
  const at::Tensor root = value.clamp_min(0).sqrt().unsqueeze(1);
  return at::matmul(vector * root, vector.transpose(1, 2));
}

at::Tensor traces(const at::Tensor& matrices) { return matrices.diagonal(0, 1, 2).sum(1); }

}  // namespace

at::Tensor frechet_distance(const ClassStatistics& one, const ClassStatistics& other) {
  const at::NoGradGuard no_grad;
  const at::Tensor a = one.covariance.to(at::kCPU), b = other.covariance.to(at::kCPU);
  const at::Tensor root = square_root(a);
  const at::Tensor product = at::matmul(at::matmul(root, b), root);
  const at::Tensor common = at::linalg_eigvalsh(0.5 * (product + product.transpose(1, 2)));
  const at::Tensor spread = traces(a) + traces(b) - 2 * common.clamp_min(0).sqrt().sum(1);
  const at::Tensor shift = (one.mean - other.mean).to(at::kCPU).square().sum(1);
  return (shift + spread.clamp_min(0)).sqrt();
}

std::vector<std::pair<std::string, double>> domain_distances(
    const TsaMemory& memory, size_t from, size_t to, const std::vector<std::string>& domains,
    int64_t least) {
  std::vector<std::pair<std::string, double>> numbers;
  const auto add = [&](size_t d, size_t e) {
    const ClassStatistics one = memory.merged(from, static_cast<int64_t>(d)),
                          other = memory.merged(to, static_cast<int64_t>(e));
    const at::Tensor known =
        (one.count >= least).logical_and(other.count >= least).to(at::kCPU).nonzero().flatten();
    if (known.numel() == 0) return;
    const at::Tensor distance = frechet_distance(one, other).index_select(0, known);
    const std::string name = fmt::format("tsa.frechet.{}_to_{}", domains[d], domains[e]);
    numbers.emplace_back(name, distance.mean().item<double>());
    for (int64_t i = 0; i < known.numel(); ++i) {
      numbers.emplace_back(fmt::format("{}.class{}", name, known[i].item<int64_t>()),
                           distance[i].item<double>());
    }
  };
  for (size_t d = 0; d < domains.size(); ++d) {
    for (size_t e = 0; e < domains.size(); ++e) {
      if (d != e) add(d, e);
    }
  }
  return numbers;
}

}  // namespace semiseg
