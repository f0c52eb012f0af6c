// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/tsa_memory.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
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

// Row d·C + k of each pixel of class k; pixels that do not count stay so.
at::Tensor row_of_pixels(const LabelledFeatures& part, int64_t classes, int64_t domains) {
  SEMISEG_CHECK(part.domain.defined() && part.domain.size(0) == part.label.size(0),
                "every sample has a domain");
  SEMISEG_CHECK(part.domain.numel() == 0 || (part.domain.min().item<int64_t>() >= 0 &&
                                             part.domain.max().item<int64_t>() < domains),
                "a domain is none of the memory's");
  std::vector<int64_t> each(static_cast<size_t>(part.label.dim()), 1);
  each[0] = part.label.size(0);
  const at::Tensor first = (part.domain * classes).to(part.label.device()).view(each);
  return at::where(part.label == kIgnoreLabel, part.label, part.label + first);
}

}  // namespace

TsaMemory::TsaMemory(std::vector<std::string> streams, int64_t classes, int64_t features,
                     const TsaMemoryOptions& options, at::Device device)
    : options_(options),
      streams_(std::move(streams)),
      classes_(classes),
      memories_(make_memories(streams_.size(), classes * options.domains, features, options.memory,
                              device)),
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
    sums.push_back(memories_[stream].sample_sums(
        part.features,
        options_.domains == 1 ? part.label : row_of_pixels(part, classes_, options_.domains)));
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
  for (const ClassMemory& memory : memories_) {
    if (options_.domains == 1) {
      statistics_.push_back({memory.statistics()});
      continue;
    }
    std::vector<int64_t> all;
    for (int64_t d = 0; d < options_.domains; ++d) all.push_back(d);
    Published published{memory.pooled(rows_of(all))};
    for (const int64_t d : all) {
      std::vector<int64_t> others = all;
      std::erase(others, d);
      published.of.push_back(memory.pooled(rows_of({d})));
      published.besides.push_back(memory.pooled(rows_of(others)));
    }
    statistics_.push_back(std::move(published));
  }
}

ClassStatistics TsaMemory::merged(size_t stream, int64_t domain) const {
  return memories_[stream].pooled(rows_of({domain}));
}

// [G,C] for ClassMemory::pooled.
at::Tensor TsaMemory::rows_of(const std::vector<int64_t>& domains) const {
  return at::tensor(domains, at::kLong).unsqueeze(1) * classes_ + at::arange(classes_);
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
