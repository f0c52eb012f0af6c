// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/class_memory.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace semiseg {

ClassMemory::ClassMemory(int64_t classes, int64_t features, const MemoryOptions& options,
                         at::Device device)
    : options_(options) {
  const at::TensorOptions real = at::TensorOptions(device).dtype(at::kDouble),
                          integer = real.dtype(at::kLong);
  count_ = at::zeros({classes}, integer);
  weight_ = at::zeros({classes}, real);
  mean_ = at::zeros({classes, features}, real);
  scatter_ =
      at::zeros({classes, scatter_index(features, options.covariance, device).first.size(0)}, real);
  skipped_ = at::zeros({}, integer);
}

BatchSums ClassMemory::sums(const at::Tensor& features, const at::Tensor& label) const {
  return batch_sums(features, label, mean_, options_.covariance);
}

at::Tensor ClassMemory::sample_sums(const at::Tensor& features, const at::Tensor& label) const {
  return semiseg::sample_sums(features, label, mean_, options_.covariance);
}

BatchSums ClassMemory::no_sums() const {
  const int64_t width = 2 + mean_.size(1) + scatter_.size(1);
  return {at::zeros({mean_.size(0), width}, mean_.options()), mean_.size(1)};
}

double ClassMemory::forgetting() const {
  switch (options_.kind) {
    case MemoryOptions::Kind::kForget:
      return options_.forgetting;
    case MemoryOptions::Kind::kBatchOnly:
      return 0;
    case MemoryOptions::Kind::kCumulative:
    case MemoryOptions::Kind::kFrozenAfter:
      break;
  }
  return 1;
}

bool ClassMemory::frozen() const {
  return options_.kind == MemoryOptions::Kind::kFrozenAfter && batches_ >= options_.frozen_after;
}

// §2.5 with ν - μ = s / m, because the sums are about μ itself.
void ClassMemory::update(const BatchSums& sums, int64_t batches) {
  if (frozen()) return;
  const at::NoGradGuard no_grad;
  batches_ += batches;
  const at::Tensor finite = sums.values.isfinite().all();
  const auto keep = [&](at::Tensor& old, const at::Tensor& updated, const at::Tensor& where) {
    old = at::where(where, updated, old);
  };
  const at::Tensor m = sums.weight(),
                   old_weight = weight_ * std::pow(forgetting(), static_cast<double>(batches));
  const at::Tensor weight = old_weight + m;
  const at::Tensor seen = finite.logical_and(m > 0), seen_row = seen.unsqueeze(1);
  const at::Tensor w = (m / weight).unsqueeze(1), per_pixel = m.unsqueeze(1);
  const at::Tensor delta = sums.sum() / per_pixel;
  const auto [row, column] = scatter_index(mean_.size(1), options_.covariance, mean_.device());
  const at::Tensor outer = delta.index_select(1, row) * delta.index_select(1, column);
  const at::Tensor batch_scatter = sums.scatter() / per_pixel - outer;
  keep(mean_, mean_ + w * delta, seen_row);
  keep(scatter_, (1 - w) * scatter_ + w * batch_scatter + (w * (1 - w)) * outer, seen_row);
  keep(weight_, weight, finite);
  const bool only_batch = options_.kind == MemoryOptions::Kind::kBatchOnly;
  const at::Tensor pixels = sums.count().to(at::kLong);
  keep(count_, only_batch ? pixels : count_ + pixels, finite);
  skipped_ = skipped_ + finite.logical_not();
}

ClassStatistics ClassMemory::statistics() const { return unpacked(count_, mean_, scatter_); }

// Chan's merge of several at once: μ = Σ w_g μ_g / Σ w_g, Σ = Σ w_g (Σ_g + δ_g δ_gᵀ) / Σ w_g with
// δ_g = μ_g - μ.
ClassStatistics ClassMemory::pooled(const at::Tensor& rows) const {
  const at::NoGradGuard no_grad;
  const int64_t groups = rows.size(0);
  const auto of_group = [&](const at::Tensor& all, int64_t g) {
    return all.index_select(0, rows[g].to(all.device()));
  };
  at::Tensor count = of_group(count_, 0), weight = of_group(weight_, 0);
  for (int64_t g = 1; g < groups; ++g) {
    count = count + of_group(count_, g);
    weight = weight + of_group(weight_, g);
  }
  const auto share = [&](int64_t g) {
    return (of_group(weight_, g) / at::where(weight > 0, weight, 1.0)).unsqueeze(1);
  };
  at::Tensor mean = share(0) * of_group(mean_, 0);
  for (int64_t g = 1; g < groups; ++g) mean = mean + share(g) * of_group(mean_, g);
  const auto [row, column] = scatter_index(mean_.size(1), options_.covariance, mean_.device());
  at::Tensor scatter = at::zeros({rows.size(1), scatter_.size(1)}, scatter_.options());
  for (int64_t g = 0; g < groups; ++g) {
    const at::Tensor delta = of_group(mean_, g) - mean;
    const at::Tensor outer = delta.index_select(1, row) * delta.index_select(1, column);
    scatter = scatter + share(g) * (of_group(scatter_, g) + outer);
  }
  return unpacked(count, mean, scatter);
}

ClassStatistics ClassMemory::unpacked(const at::Tensor& count, const at::Tensor& mean,
                                      const at::Tensor& scatter) const {
  const int64_t features = mean.size(1);
  if (options_.covariance != CovarianceKind::kFull) {
    const bool is_mean = options_.covariance == CovarianceKind::kIsotropic;
    return {count, mean,
            at::diag_embed(is_mean ? scatter.mean(1, true).expand_as(scatter) : scatter)};
  }
  const auto [row, column] = scatter_index(features, CovarianceKind::kFull, mean.device());
  at::Tensor upper = at::zeros({mean.size(0), features * features}, mean.options());
  upper.index_copy_(1, row * features + column, scatter);
  upper = upper.view({-1, features, features});
  return {count, mean, upper + upper.triu(1).transpose(1, 2)};
}

void ClassMemory::state(StateVisitor& visitor) {
  visitor.scalar("batches", batches_);
  visitor.tensor("count", count_);
  visitor.tensor("weight", weight_);
  visitor.tensor("mean", mean_);
  visitor.tensor("scatter", scatter_);
  visitor.tensor("skipped", skipped_);
}

}  // namespace semiseg
