// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process, for tests of whatever is collective. Sums are made in rank
// order.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <barrier>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

class ThreadCommunicator : public Communicator {
 public:
  // What the ranks share; it outlives them.
  struct World {
    explicit World(int size) : slots(static_cast<size_t>(size)), barrier(size) {}
    std::vector<at::Tensor> slots;
    std::barrier<> barrier;
    std::vector<std::unique_ptr<World>> copies;
  };

  ThreadCommunicator(World& world, int rank) : world_(world), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(world_.slots.size()); }

  void all_reduce(at::Tensor& value, std::string_view) const override { value.copy_(total(value)); }
  // Summed at once: what is tested is the order of calls and the result.
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    class Done : public PendingReduction {
      void wait() override {}
      bool advance() override { return true; }
    };
    all_reduce(value, name);
    return std::make_unique<Done>();
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
  void barrier(std::string_view) const override { world_.barrier.arrive_and_wait(); }
  // A world of its own: rank 0 makes it, the others find it where the ranks meet.
  std::unique_ptr<Communicator> duplicate() const override {
    if (rank_ == 0) world_.copies.push_back(std::make_unique<World>(size()));
    barrier("duplicate");
    World& copy = *world_.copies.back();
    barrier("duplicate");
    return std::make_unique<ThreadCommunicator>(copy, rank_);
  }
  void abort(int) const override { std::terminate(); }

 private:
  std::vector<at::Tensor> exchange(const at::Tensor& local) const {
    world_.slots[static_cast<size_t>(rank_)] = local.detach().clone();
    world_.barrier.arrive_and_wait();
    std::vector<at::Tensor> all = world_.slots;
    world_.barrier.arrive_and_wait();
    return all;
  }
  at::Tensor total(const at::Tensor& local) const { return at::stack(exchange(local)).sum(0); }

  World& world_;
  int rank_;
};

// Runs body(communicator) on `size` threads. The body must not throw.
inline void run_ranks(int size, const std::function<void(const Communicator&)>& body) {
  ThreadCommunicator::World world(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] { body(ThreadCommunicator(world, rank)); });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace semiseg
