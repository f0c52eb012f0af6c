// SPDX-License-Identifier: Apache-2.0
// Which training sample fills which slot of the global batch at which step: two-stream sampling
// (SSL4MIS TwoStreamBatchSampler) as a pure function of run seed, stage and step, so that resuming
// needs no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framework/core/draws.h"
#include "framework/data/label_budget.h"

namespace semiseg {

// An epoch permutes the labelled samples once and cuts them into blocks of b; a remainder is
// dropped. The other slots come from consecutive permutations of the unlabelled samples.
enum class UnlabelledStream {
  kEndless,    // one stream for the stage: every sample appears once before any appears twice
  kReference,  // a new stream each labelled epoch, as the reference does: with few labels some
               // samples wait long
};

struct BatchShape {
  int64_t labelled = 0;    // b, slots 0 … b - 1
  int64_t unlabelled = 0;  // slots b … B - 1; 0: supervised
};

class BatchPlan {
 public:
  // `draws` of the run seed. With every sample labelled the unlabelled slots draw from the labelled
  // samples. kConfig naming patients and counts when a pool is smaller than its slots.
  BatchPlan(const LabelBudget& budget, BatchShape shape, const Draws& draws, int64_t stage,
            UnlabelledStream stream = UnlabelledStream::kEndless);

  // For each slot an index into training_pool(budget).
  std::vector<size_t> samples(int64_t step) const;

  // Where a slot finds its sample: this position of this permutation, counted from 0 for each pool.
  struct Place {
    int64_t permutation, position;
  };
  Place place(int64_t step, int64_t slot) const;

  const BatchShape& shape() const { return shape_; }
  int64_t epoch_length() const;  // steps of one labelled epoch; needs b > 0

 private:
  BatchShape shape_;
  Draws draws_;
  int64_t stage_;
  UnlabelledStream stream_;
  int64_t labelled_pool_, unlabelled_pool_;  // sizes
  int64_t unlabelled_begin_;                 // of the unlabelled pool in training_pool
};

// All training samples as BatchPlan counts them: the labelled ones, then the unlabelled ones.
std::vector<SampleInfo> training_pool(const LabelBudget& budget);

// Slots of one rank, ascending: a contiguous share of the units, as even as can be. `units`
// partition the slots of the batch; none: each slot alone, dealt so that every rank gets its part
// of both streams. kConfig when there are more ranks than units.
std::vector<int64_t> share(const BatchShape& shape, const std::vector<std::vector<int64_t>>& units,
                           int rank, int size);

}  // namespace semiseg
