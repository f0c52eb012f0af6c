// SPDX-License-Identifier: Apache-2.0
// The training sample of each slot of the global batch at each step: the sampling of SSL4MIS's
// TwoStreamBatchSampler for any number of streams, as a pure function of run seed, stage and step,
// so that resuming needs no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/random/draws.h"
#include "framework/data/batch.h"
#include "framework/data/pool.h"

namespace semiseg {

// A stream whose pool has labels is cut into epochs: each permutes the pool once and cuts it into
// blocks of the stream's samples; a remainder is dropped. The other streams come from consecutive
// permutations of their pools.
enum class EndlessStreams {
  kWholeStage,     // one row of permutations for the stage: every sample comes once before any
                   // comes twice
  kLabelledEpoch,  // a new row each epoch of the first stream, as in the reference: with few
                   // labels some samples wait long
};

class BatchPlan {
 public:
  // `streams` fill the slots in their order; `draws` are those of the run seed. Throws kConfig with
  // patients and counts when a pool is smaller than its slots.
  BatchPlan(const Pools& pools, std::vector<StreamPlan> streams, const Draws& draws, int64_t stage,
            EndlessStreams endless = EndlessStreams::kWholeStage);

  // Returns for each slot an index into Pools::samples.
  std::vector<size_t> samples(int64_t step) const;

  // A slot finds its sample at this position of this permutation, counted from 0 for each stream.
  struct Place {
    int64_t permutation, position;
  };
  Place place(int64_t step, int64_t slot) const;

  const std::vector<StreamPlan>& streams() const { return streams_; }
  // Returns the stream of a slot, as an index into streams().
  size_t stream_of(int64_t slot) const;
  bool has_labels(size_t stream) const { return pools_[stream].has_labels; }
  int64_t epoch_length() const;  // steps of one epoch of the first stream, whose pool has labels
  // Steps in which the pool that lasts longest is drawn once, at least 1: an epoch of loaders that
  // repeat the smaller pools.
  int64_t longest_epoch() const;

 private:
  int64_t pool_size(size_t stream) const;
  int64_t epoch_length(size_t stream) const;

  std::vector<StreamPlan> streams_;
  std::vector<Pool> pools_;     // the pool of each stream
  std::vector<int64_t> begin_;  // first slot of each stream, and the number of all slots
  Draws draws_;
  int64_t stage_;
  EndlessStreams endless_;
};

// Returns the slots of one rank, ascending: a contiguous share of the colocated groups, as even as
// possible. `colocated` partitions the slots of the batch; empty: each slot is a group of its own,
// and every rank gets its part of every stream. Throws kConfig when there are more ranks than
// groups.
std::vector<int64_t> share(const std::vector<StreamPlan>& streams,
                           const std::vector<std::vector<int64_t>>& colocated, int rank, int size);

}  // namespace semiseg
