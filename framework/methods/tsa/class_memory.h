// SPDX-License-Identifier: Apache-2.0
// TSA's memory of each class: the mean and covariance of its pixels' features, merged batch by
// batch instead of kept in a feature bank. The estimate is ISDA's (Wang et al., NeurIPS 2019,
// EstimatorCV), merged as by Chan et al. (1979):
//   n' = γ n + m, w = m / n', μ' = μ + w (ν - μ), Σ' = (1 - w) Σ + w S + w (1 - w) (ν - μ)(ν - μ)ᵀ
// for a batch of m pixels with mean ν and covariance S. Axis legend: that of class_statistics.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/core/state.h"
#include "framework/methods/tsa/class_statistics.h"

namespace semiseg {

// The class statistics from which the offset table is computed.
struct ClassStatistics {
  at::Tensor count;       // int64 [C] pixels seen, never decayed: for the gate
  at::Tensor mean;        // float64 [C,A]; 0 for a class never seen
  at::Tensor covariance;  // float64 [C,A,A] of the population, symmetric to the bit
};

struct MemoryOptions {
  enum class Kind {
    kCumulative,   // every pixel ever seen weighs the same
    kForget,       // a batch weighs `forgetting` times less with each later one
    kBatchOnly,    // the last batch alone; a class that is absent from it counts 0
    kFrozenAfter,  // cumulative for `frozen_after` batches, then constant
  };
  Kind kind = Kind::kForget;
  double forgetting = 0.999;  // γ in (0, 1]: half-life 693 batches
  int64_t frozen_after = 0;   // batches
  CovarianceKind covariance = CovarianceKind::kFull;
};

// The memory of one stream of features. Equal on all ranks when fed with equal sums.
class ClassMemory {
 public:
  ClassMemory(int64_t classes, int64_t features, const MemoryOptions& options,
              at::Device device = at::kCPU);

  // Returns the sums of a batch, or of each of its samples, about this memory's mean. Local.
  BatchSums sums(const at::Tensor& features, const at::Tensor& label) const;
  at::Tensor sample_sums(const at::Tensor& features, const at::Tensor& label) const;

  // Returns all-zero sums of the right shape.
  BatchSums no_sums() const;

  // Merges a window of `batches` batches, one by default; the sums are those of all ranks. All
  // weights are decayed first, also of classes that the window lacks. Non-finite sums are skipped
  // and counted.
  void update(const BatchSums& sums, int64_t batches = 1);

  double forgetting() const;  // factor on sums and weights for each later batch
  bool frozen() const;
  ClassStatistics statistics() const;
  // Returns the statistics of groups of classes as one class each, merged by their weights: `rows`
  // int64 [G,K] holds the G classes of each of K groups. Up to rounding they are those of a memory
  // that takes a group as one class; without weight, mean and covariance are 0.
  ClassStatistics pooled(const at::Tensor& rows) const;
  const at::Tensor& weight() const { return weight_; }    // float64 [C], decayed
  const at::Tensor& skipped() const { return skipped_; }  // int64 [], updates that were not finite
  void state(StateVisitor& visitor);

 private:
  ClassStatistics unpacked(const at::Tensor& count, const at::Tensor& mean,
                           const at::Tensor& scatter) const;

  MemoryOptions options_;
  int64_t batches_ = 0;
  at::Tensor count_, weight_, mean_, scatter_, skipped_;  // scatter: covariance [C,P]
};

}  // namespace semiseg
