// SPDX-License-Identifier: Apache-2.0
// What ranks do together. A loss is always the loss of the global batch: sums and counts go through
// sum(), means divide by global counts, and gradients are summed over ranks.
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

// A reduction under way beside other work.
class PendingReduction {
 public:
  virtual ~PendingReduction() = default;
  // The tensor that was handed in holds the sum when this returns. Called once, by the thread that
  // started it.
  virtual void wait() = 0;
  // Lets the reduction move on; true once wait() would return at once.
  virtual bool advance() = 0;
};

// Collective calls are made by all ranks in the same order, with tensors of one shape and dtype
// unless said otherwise. Names tell what travels, in messages for people.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Collective. Sum over ranks of a tensor (any shape, floating); backward is the identity, because
  // every rank holds the whole loss and gradients are summed once, at the end.
  at::Tensor sum(const at::Tensor& local) const;

  // For what depends on weights alone and is therefore equal on all ranks: forward identity,
  // backward divides by size, so that the sum over ranks counts it once. Not collective.
  at::Tensor replicated(const at::Tensor& value) const;

  // Collective, in place, without gradient: sum over ranks. Equal bits on all ranks.
  virtual void all_reduce(at::Tensor& value, std::string_view name) const = 0;

  // Collective. The same, beside other work: `value` is neither read nor written, and lives, until
  // wait(). Returns without waiting for other ranks.
  virtual std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                             std::string_view name) const = 0;

  // Collective. Concatenation over ranks along axis 0, in rank order; without gradient.
  virtual at::Tensor gather(const at::Tensor& local, std::string_view name) const = 0;

  // Collective. As gather, for tensors that differ in the size of axis 0 (one more message).
  virtual at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const = 0;

  // Collective. Rank 0's tensor on all ranks, in place.
  virtual void broadcast(at::Tensor& value, std::string_view name) const = 0;

  // Collective. Returns when all ranks have come here.
  virtual void barrier(std::string_view name) const = 0;

  // Collective. The same ranks once more; calls on the two are ordered independently of each other,
  // so that one may be used while ranks are at different calls of the other.
  virtual std::unique_ptr<Communicator> duplicate() const = 0;

  // Takes all ranks down; returns only in the serial case (the caller's exception goes on).
  virtual void abort(int exit_code) const = 0;

  // Collective, once, when all work is done and before the process ends.
  virtual void leave() {}

  // How sums are made and checked, from the configuration, which is read after ranks have met.
  virtual void configure(const CommOptions&) {}

  // What this rank is doing, for the watchdog; none where there is nobody to wait for.
  virtual Heartbeat* heartbeat() const { return nullptr; }
};

// One rank: every operation is the identity.
std::unique_ptr<Communicator> make_serial_communicator();

// Collective over the processes that were started together, as the variables of the environment
// say; serial for one that was started alone. Once a process.
std::unique_ptr<Communicator> join_world(const std::map<std::string, std::string>& variables);

// Collective over the ranks of `host`. For tensors on `device`: NCCL where ranks have a GPU each;
// the host's own otherwise.
std::unique_ptr<Communicator> place_on(at::Device device, std::unique_ptr<Communicator> host);

}  // namespace semiseg
