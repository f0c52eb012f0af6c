// SPDX-License-Identifier: Apache-2.0
// The memories of TSA fed over several ranks with fixed features: uneven shares of scattered
// samples, one of which lacks class 0 and one of which has ignored pixels only.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <thread>
#include <vector>

#include "launch/conformance/thread_communicator.h"
#include "tests/support/state_equality.h"
#include "tests/tsa/tsa_problem.h"

namespace semiseg {

// Reductions that are done only when they are waited for: until then the value is not to be used.
class DeferredCommunicator : public ThreadCommunicator {
 public:
  using ThreadCommunicator::ThreadCommunicator;
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    class Deferred : public PendingReduction {
     public:
      Deferred(at::Tensor& value, at::Tensor total) : value_(value), total_(std::move(total)) {}
      void wait() override { value_.copy_(total_); }
      bool advance() override { return false; }

     private:
      at::Tensor &value_, total_;
    };
    at::Tensor total = value.clone();
    all_reduce(total, name);
    value.fill_(std::nan(""));
    return std::make_unique<Deferred>(value, total);
  }
};

// Results of a body that runs on each rank.
template <class Body>
auto on_ranks(int size, const Body& body) {
  ThreadCommunicator::World world(size);
  std::vector<decltype(body(DeferredCommunicator(world, 0)))> results(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      results[static_cast<size_t>(rank)] = body(DeferredCommunicator(world, rank));
    });
  }
  for (auto& thread : threads) thread.join();
  return results;
}

// Ten samples, the first without class 0, the last without any; features change with the step.
struct RankFeed {
  static constexpr int64_t kClasses = 3, kFeatures = 5, kDomains = 3;
  at::Tensor x = normal("x", {10, kFeatures, 300}), y = labels("y", {10, 300}, kClasses);

  RankFeed() {
    y[9].fill_(kIgnoreLabel);
    y[0] = at::where(y[0] == 0, 1, y[0]);
  }

  // Ranks without a class, without any class and, of 4, without a sample.
  static SampleIds share(int rank, int ranks) {
    static const std::map<int, std::vector<int64_t>> sizes = {
        {1, {10}}, {2, {9, 1}}, {3, {1, 8, 1}}, {4, {1, 0, 8, 1}}, {8, {1, 2, 1, 1, 2, 1, 1, 1}}};
    const SampleIds scattered = {0, 5, 3, 8, 1, 6, 2, 7, 4, 9};
    const auto& of_ranks = sizes.at(ranks);
    const auto first =
        scattered.begin() + std::accumulate(of_ranks.begin(), of_ranks.begin() + rank, int64_t{0});
    SampleIds mine(first, first + of_ranks[static_cast<size_t>(rank)]);
    std::sort(mine.begin(), mine.end());
    return mine;
  }

  LabelledFeatures student(const SampleIds& samples, int64_t step) const {
    const at::Tensor index = at::tensor(samples, at::kLong);
    const at::Tensor features = x.index_select(0, index) + 0.1 * static_cast<double>(step);
    return {features.to(at::kFloat), y.index_select(0, index), samples, index.remainder(kDomains)};
  }

  // Two streams of different sizes: the second lacks the samples 0 to 2.
  std::vector<StreamBatch> batches(const SampleIds& samples, int64_t step) const {
    SampleIds fewer = samples;
    std::erase_if(fewer, [](int64_t id) { return id < 3; });
    LabelledFeatures teacher = student(fewer, step);
    teacher.features = teacher.features * 2;
    return {{student(samples, step)}, {teacher}};
  }

  TsaMemory memory(const TsaMemoryOptions& options) const {
    return TsaMemory({"student", "teacher"}, kClasses, kFeatures, options);
  }

  void steps(TsaMemory& memory, const Communicator& comm, int64_t first, int64_t end) const {
    for (int64_t step = first; step < end; ++step) {
      memory.step(batches(share(comm.rank(), comm.size()), step), comm);
      memory.after_step(comm, step);
    }
  }
};

inline StateMap settled_state(TsaMemory& memory, const Communicator& comm) {
  memory.settle(comm);
  return take_state([&](StateVisitor& v) { memory.state(v); });
}

inline std::vector<ClassStatistics> statistics_of(const TsaMemory& memory) {
  return {memory.memory(0).statistics(), memory.memory(1).statistics()};
}

inline constexpr SumOrder kSumOrders[] = {SumOrder::kAllReduce, SumOrder::kOrdered,
                                          SumOrder::kPerSample};

}  // namespace semiseg
