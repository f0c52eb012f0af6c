// SPDX-License-Identifier: Apache-2.0
// The memories of all streams of TSA (student, teacher …), kept the same on all ranks with one
// message a step. SumOrder in sum_window.h says what is sent and which bits depend on it. Axis
// legend: that of class_statistics.h. D domains: statistics may be kept for each domain apart, as
// rows d·C + k of one memory of D·C classes, so that the message stays one and is D times as long.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"
#include "framework/methods/tsa/class_memory.h"
#include "framework/methods/tsa/sum_window.h"

namespace semiseg {

struct TsaMemoryOptions {
  MemoryOptions memory;
  SumOrder order = SumOrder::kAllReduce;
  int64_t every = 1;  // batches between two merges: fewer messages, statistics up to every - 1 old
  // Uses the statistics from before the step, so that the message overlaps with the backward and
  // the optimiser. With kAllReduce it does; the other orders gather in after_step.
  bool lagged = false;
  int64_t domains = 1;           // D; 1: all samples together
  int64_t checksum_every = 100;  // iterations between two checks of the replicas; 0: none
};

// The images of one forward pass, on this rank.
struct LabelledFeatures {
  at::Tensor features, label;  // as for batch_sums
  SampleIds samples = {};  // [N] global ids, each once in a stream over all ranks; for kPerSample
  at::Tensor domain = {};  // int64 [N] in {0 … D-1}; for D > 1
};

// One batch of a stream on this rank, in as many parts as there were passes: nothing is copied to
// join them.
using StreamBatch = std::vector<LabelledFeatures>;

class TsaMemory {
 public:
  TsaMemory(std::vector<std::string> streams, int64_t classes, int64_t features,
            const TsaMemoryOptions& options, at::Device device = at::kCPU);

  // Collective, after the forward passes. One batch for each stream. One message every `every`
  // calls, none once the memory is frozen. Throws kInternal when a sample comes twice.
  void step(std::span<const StreamBatch> batches, const Communicator& comm);

  // Collective, once after each step(): ends what step() started. Throws kRank when the replicas
  // differ.
  void after_step(const Communicator& comm, int64_t iteration);

  // Collective. Makes state() complete on every rank: within a window of several batches each rank
  // has sums of its own. Later steps keep their bits.
  void settle(const Communicator& comm);

  // Return the statistics for the loss of the current step: of all domains together, of one, and of
  // all others together.
  const ClassStatistics& statistics(size_t stream) const { return statistics_[stream].all; }
  const ClassStatistics& statistics_of(size_t stream, int64_t domain) const {
    return statistics_[stream].of.at(static_cast<size_t>(domain));
  }
  const ClassStatistics& statistics_besides(size_t stream, int64_t domain) const {
    return statistics_[stream].besides.at(static_cast<size_t>(domain));
  }
  // Returns those of a domain with every merge so far, which are those of state().
  ClassStatistics merged(size_t stream, int64_t domain) const;
  // Classes of the memory are rows d·C + k.
  const ClassMemory& memory(size_t stream) const { return memories_[stream]; }

  // Call it between after_step() and step(), on several ranks after settle(). Any number of ranks
  // can resume from it: with kPerSample to the bit, else up to rounding.
  void state(StateVisitor& visitor);

 private:
  void add(size_t stream, const StreamBatch& batch, int rank);
  void merge(const Communicator& comm);
  void publish();
  at::Tensor rows_of(const std::vector<int64_t>& domains) const;
  void memory_state(StateVisitor& visitor);

  struct Published {
    ClassStatistics all;
    std::vector<ClassStatistics> of = {}, besides = {};  // by domain; empty for one domain
  };

  TsaMemoryOptions options_;
  std::vector<std::string> streams_;
  int64_t classes_;
  std::vector<ClassMemory> memories_;
  SumWindow window_;
  std::vector<Published> statistics_;
  int64_t window_batches_ = 0;
  bool fed_ = false;  // between step() and after_step()
};

}  // namespace semiseg
