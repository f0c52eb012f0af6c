// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/class_memory.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "framework/core/error.h"

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

void ClassMemory::add(BatchSums& window, const BatchSums& batch) const {
  // The count is not decayed, unless there is to be no memory at all.
  const int64_t first = options_.kind == MemoryOptions::Kind::kBatchOnly ? 0 : 1;
  window.values.slice(1, first).mul_(forgetting());
  window.values.add_(batch.values);
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

ClassStatistics ClassMemory::statistics() const {
  const int64_t features = mean_.size(1);
  if (options_.covariance != CovarianceKind::kFull) {
    const bool mean = options_.covariance == CovarianceKind::kIsotropic;
    return {count_, mean_,
            at::diag_embed(mean ? scatter_.mean(1, true).expand_as(scatter_) : scatter_)};
  }
  const auto [row, column] = scatter_index(features, CovarianceKind::kFull, mean_.device());
  at::Tensor upper = at::zeros({mean_.size(0), features * features}, mean_.options());
  upper.index_copy_(1, row * features + column, scatter_);
  upper = upper.view({-1, features, features});
  return {count_, mean_, upper + upper.triu(1).transpose(1, 2)};
}

void ClassMemory::state(StateVisitor& visitor) {
  visitor.scalar("batches", batches_);
  visitor.tensor("count", count_);
  visitor.tensor("weight", weight_);
  visitor.tensor("mean", mean_);
  visitor.tensor("scatter", scatter_);
  visitor.tensor("skipped", skipped_);
}

TsaMemory::TsaMemory(std::vector<std::string> streams, int64_t classes, int64_t features,
                     const TsaMemoryOptions& options, at::Device device)
    : options_(options), streams_(std::move(streams)) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    memories_.emplace_back(classes, features, options_.memory, device);
    windows_.push_back(memories_.back().no_sums());
  }
  publish();
}

void TsaMemory::step(std::span<const LabelledFeatures> batches, const Communicator& comm) {
  SEMISEG_CHECK(batches.size() == streams_.size(), "one batch for each stream");
  if (options_.lagged) publish();
  if (!memories_[0].frozen()) {
    for (size_t i = 0; i < batches.size(); ++i) {
      memories_[i].add(windows_[i], memories_[i].sums(batches[i].features, batches[i].label));
    }
    if (++window_batches_ == options_.every) merge(comm);
  }
  if (!options_.lagged) publish();
}

void TsaMemory::merge(const Communicator& comm) {
  std::vector<BatchSums*> sums;
  for (BatchSums& window : windows_) sums.push_back(&window);
  reduce_sums(sums, comm, options_.order);
  for (size_t i = 0; i < memories_.size(); ++i) {
    memories_[i].update(windows_[i], window_batches_);
    windows_[i] = memories_[i].no_sums();
  }
  window_batches_ = 0;
}

void TsaMemory::publish() {
  statistics_.clear();
  for (const ClassMemory& memory : memories_) statistics_.push_back(memory.statistics());
}

void TsaMemory::state(StateVisitor& visitor) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    visitor.scope(streams_[i], [&](StateVisitor& v) {
      memories_[i].state(v);
      v.tensor("window", windows_[i].values);
    });
  }
  visitor.scalar("window_batches", window_batches_);
}

}  // namespace semiseg
