// SPDX-License-Identifier: Apache-2.0
// The communication between ranks. A loss is always the loss of the global batch: sums and counts
// go through sum(), means divide by global counts, and gradients are summed over ranks.
// framework/comm/README.md says what is reduced when.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "framework/comm/comm_options.h"
#include "framework/comm/heartbeat.h"

namespace semiseg {

// An asynchronous reduction.
class PendingReduction {
 public:
  virtual ~PendingReduction() = default;
  // Waits until the tensor that was passed in holds the sum. Call it once, on the thread that
  // started the reduction.
  virtual void wait() = 0;
  // Drives the reduction forward; returns true once wait() would return at once.
  virtual bool advance() = 0;
};

// Collective calls are made by all ranks in the same order, with tensors of one shape and dtype
// unless said otherwise. Names say in messages which tensor is meant.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Collective. Returns the sum over ranks of a tensor (any shape, floating); backward is the
  // identity, because every rank holds the whole loss and gradients are summed once, at the end.
  at::Tensor sum(const at::Tensor& local) const;

  // Use it for values that depend on weights alone and are therefore equal on all ranks. Forward is
  // the identity, backward divides by size, so that the sum over ranks counts it once. Not
  // collective.
  at::Tensor replicated(const at::Tensor& value) const;

  // Collective. Sums over ranks, in place, without gradient. All ranks get the same bits.
  virtual void all_reduce(at::Tensor& value, std::string_view name) const = 0;

  // Collective. The same, asynchronously: `value` is neither read nor written, and lives, until
  // wait(). Returns without waiting for other ranks.
  virtual std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                             std::string_view name) const = 0;

  // Collective. Returns the concatenation over ranks along axis 0, in rank order; without gradient.
  virtual at::Tensor gather(const at::Tensor& local, std::string_view name) const = 0;

  // Collective. As gather, for tensors that differ in the size of axis 0 (one more message).
  virtual at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const = 0;

  // Collective. Broadcasts rank 0's tensor, in place.
  virtual void broadcast(at::Tensor& value, std::string_view name) const = 0;

  // Collective. Returns when all ranks have called it.
  virtual void barrier(std::string_view name) const = 0;

  // Collective. Duplicates the communicator; calls on the two are ordered independently, so that
  // one may be used while ranks are at different calls of the other.
  virtual std::unique_ptr<Communicator> duplicate() const = 0;

  // Aborts all ranks; returns only in the serial case (the caller's exception propagates).
  virtual void abort(int exit_code) const = 0;

  // Collective. Call it once, when all work is done and before the process ends (MPI_Finalize).
  virtual void leave() {}

  // Sets how sums are made and checked. The configuration is read after the ranks have connected.
  virtual void configure(const CommOptions&) {}

  // Returns what this rank is doing, for the watchdog; nullptr in the serial case.
  virtual Heartbeat* heartbeat() const { return nullptr; }
};

// One rank: every operation is the identity.
std::unique_ptr<Communicator> make_serial_communicator();

// Collective over the processes that were started together, according to the environment variables;
// serial for a process that was started alone. Call it once a process.
std::unique_ptr<Communicator> join_world(const std::map<std::string, std::string>& variables);

// Collective over the ranks of `host`. Returns a communicator for tensors on `device`: NCCL where
// each rank has a GPU, else `host` itself.
std::unique_ptr<Communicator> place_on(at::Device device, std::unique_ptr<Communicator> host);

}  // namespace semiseg
