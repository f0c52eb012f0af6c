// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/tsa_memory.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <utility>

#include "framework/core/error.h"
#include "framework/methods/tsa/replica_check.h"

namespace semiseg {
namespace {

// Makes memories, each with tensors of its own.
std::vector<ClassMemory> make_memories(size_t streams, int64_t classes, int64_t features,
                                       const MemoryOptions& options, at::Device device) {
  std::vector<ClassMemory> memories;
  for (size_t i = 0; i < streams; ++i) memories.emplace_back(classes, features, options, device);
  return memories;
}

}  // namespace

TsaMemory::TsaMemory(std::vector<std::string> streams, int64_t classes, int64_t features,
                     const TsaMemoryOptions& options, at::Device device)
    : options_(options),
      streams_(std::move(streams)),
      memories_(make_memories(streams_.size(), classes, features, options.memory, device)),
      window_(options.order, std::ssize(streams_), memories_[0].no_sums()) {
  publish();
}

void TsaMemory::step(std::span<const StreamBatch> batches, const Communicator& comm) {
  SEMISEG_CHECK(batches.size() == streams_.size(), "one batch for each stream");
  SEMISEG_CHECK(!fed_, "after_step() ends a step");
  fed_ = true;
  if (options_.lagged) publish();
  if (!memories_[0].frozen()) {
    window_.decay(memories_[0].forgetting(),
                  /*counts=*/options_.memory.kind == MemoryOptions::Kind::kBatchOnly);
    for (size_t i = 0; i < batches.size(); ++i) add(i, batches[i], comm.rank());
    const bool is_full = ++window_batches_ == options_.every;
    if (is_full && options_.lagged) window_.start(comm);
    if (is_full && !options_.lagged) merge(comm);
  }
  if (!options_.lagged) publish();
}

void TsaMemory::add(size_t stream, const StreamBatch& batch, int rank) {
  std::vector<at::Tensor> sums;
  SampleIds samples;
  for (const LabelledFeatures& part : batch) {
    sums.push_back(memories_[stream].sample_sums(part.features, part.label));
    samples.insert(samples.end(), part.samples.begin(), part.samples.end());
  }
  const at::Tensor rows = at::cat(sums);
  const auto index = static_cast<int64_t>(stream);
  if (options_.order == SumOrder::kPerSample) {
    window_.add(index, samples, rows);
  } else {
    window_.add(index, {rank}, sum_of_samples(rows).unsqueeze(0));
  }
}

void TsaMemory::after_step(const Communicator& comm, int64_t iteration) {
  if (!fed_) return;
  fed_ = false;
  if (window_batches_ == options_.every) merge(comm);
  if (options_.checksum_every > 0 && (iteration + 1) % options_.checksum_every == 0) {
    check_replicas([this](StateVisitor& v) { memory_state(v); }, comm, "the memory of TSA",
                   fmt::format("iteration {}", iteration));
  }
}

void TsaMemory::merge(const Communicator& comm) {
  const std::vector<BatchSums> sums = window_.finish(comm);
  for (size_t i = 0; i < memories_.size(); ++i) memories_[i].update(sums[i], window_batches_);
  window_batches_ = 0;
}

void TsaMemory::settle(const Communicator& comm) {
  if (window_batches_ > 0) window_.exchange(comm);
}

void TsaMemory::publish() {
  statistics_.clear();
  for (const ClassMemory& memory : memories_) statistics_.push_back(memory.statistics());
}

void TsaMemory::memory_state(StateVisitor& visitor) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    visitor.scope(streams_[i], [&](StateVisitor& v) { memories_[i].state(v); });
  }
}

void TsaMemory::state(StateVisitor& visitor) {
  memory_state(visitor);
  visitor.scope("window", [this](StateVisitor& v) { window_.state(v); });
  visitor.scalar("window_batches", window_batches_);
}

}  // namespace semiseg
