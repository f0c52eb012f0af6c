// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process, for checks of whatever is collective. Sums are made in
// rank order.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/error.h"

namespace semiseg {

class ThreadCommunicator : public Communicator {
 public:
  // One reduction that has been started by some of the ranks.
  struct Reduction {
    std::string name;
    std::vector<at::Tensor> parts;  // by rank; undefined: not started there
    int started = 0;
  };

  // The ranks share this state; it outlives them.
  struct World {
    explicit World(int size)
        : slots(static_cast<size_t>(size)),
          barrier(size),
          num_started(slots.size()),
          num_duplicated(slots.size()) {}
    std::vector<at::Tensor> slots;
    std::barrier<> barrier;
    std::atomic<bool> has_failed = false;

    // Called by a rank that goes no further, so that no other one waits for it.
    void fail() {
      has_failed = true;
      barrier.arrive_and_drop();
      const std::lock_guard lock(mutex);
      all_started.notify_all();
      for (const auto& duplicate : duplicates) duplicate->fail();
    }
    // Throws kRank on the ranks that the failed one leaves behind.
    void check() const {
      if (has_failed) throw Error(ErrorKind::kRank, {.what = "another rank has failed"});
    }

    std::mutex mutex;  // guards all below
    std::condition_variable all_started;
    std::map<int64_t, std::shared_ptr<Reduction>> reductions;  // by number; until all have started
    std::vector<int64_t> num_started;                          // by rank
    std::deque<std::unique_ptr<World>> duplicates;
    std::vector<size_t> num_duplicated;  // by rank
  };

  ThreadCommunicator(World& world, int rank) : world_(world), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(world_.slots.size()); }

  void all_reduce(at::Tensor& value, std::string_view) const override { value.copy_(total(value)); }
  // The n-th start of one rank belongs to the n-th of every other; their names must agree.
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    const auto self = static_cast<size_t>(rank_);
    const std::lock_guard lock(world_.mutex);
    const int64_t number = world_.num_started[self]++;
    auto& reduction = world_.reductions[number];
    if (!reduction) reduction = std::make_shared<Reduction>();
    if (reduction->started == 0) {
      reduction->name = name;
      reduction->parts.resize(world_.slots.size());
    }
    SEMISEG_CHECK(reduction->name == name, "ranks start different reductions: " + reduction->name +
                                               " and " + std::string(name));
    reduction->parts[self] = value.detach().clone();
    auto pending = std::make_unique<Pending>(world_, reduction, value);
    if (++reduction->started == size()) {
      world_.reductions.erase(number);
      world_.all_started.notify_all();
    }
    return pending;
  }
  at::Tensor gather(const at::Tensor& local, std::string_view) const override {
    return at::cat(exchange(local));
  }
  at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const override {
    return gather(local, name);
  }
  void broadcast(at::Tensor& value, std::string_view) const override {
    value.copy_(exchange(value)[0]);
  }
  void barrier(std::string_view) const override {
    world_.barrier.arrive_and_wait();
    world_.check();
  }
  std::unique_ptr<Communicator> duplicate() const override {
    const std::lock_guard lock(world_.mutex);
    world_.check();
    const size_t number = world_.num_duplicated[static_cast<size_t>(rank_)]++;
    if (number == world_.duplicates.size()) {
      world_.duplicates.push_back(std::make_unique<World>(size()));
    }
    return std::make_unique<ThreadCommunicator>(*world_.duplicates[number], rank_);
  }
  void abort(int) const override { std::terminate(); }

 private:
  class Pending : public PendingReduction {
   public:
    Pending(World& world, std::shared_ptr<Reduction> reduction, at::Tensor value)
        : world_(world), reduction_(std::move(reduction)), value_(std::move(value)) {}
    void wait() override {
      std::unique_lock lock(world_.mutex);
      world_.all_started.wait(lock, [this] { return is_complete() || world_.has_failed; });
      if (!is_complete()) world_.check();
      value_.copy_(at::stack(reduction_->parts).sum(0));
    }
    bool advance() override {
      const std::lock_guard lock(world_.mutex);
      return is_complete();
    }

   private:
    bool is_complete() const { return reduction_->started == std::ssize(reduction_->parts); }
    World& world_;
    std::shared_ptr<Reduction> reduction_;
    at::Tensor value_;
  };

  std::vector<at::Tensor> exchange(const at::Tensor& local) const {
    world_.slots[static_cast<size_t>(rank_)] = local.detach().clone();
    world_.barrier.arrive_and_wait();
    world_.check();
    std::vector<at::Tensor> all = world_.slots;
    world_.barrier.arrive_and_wait();
    return all;
  }
  at::Tensor total(const at::Tensor& local) const { return at::stack(exchange(local)).sum(0); }

  World& world_;
  int rank_;
};

// Runs body(communicator) on `size` threads. Throws what the first rank that failed has thrown.
inline void run_ranks(int size, const std::function<void(const Communicator&)>& body) {
  ThreadCommunicator::World world(size);
  std::exception_ptr first;
  std::mutex guard;
  const auto run = [&](int rank) {
    try {
      body(ThreadCommunicator(world, rank));
    } catch (...) {
      {
        const std::lock_guard lock(guard);
        if (!first) first = std::current_exception();
      }
      world.fail();
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(run, rank);
  for (auto& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace semiseg
