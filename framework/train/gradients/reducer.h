// SPDX-License-Identifier: Apache-2.0
// Sums one optimiser's gradients over ranks while the backward pass still computes others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/nn/optimiser.h"
#include "framework/train/gradients/buckets.h"
#include "framework/train/gradients/hooks.h"
#include "framework/train/protocol.h"

namespace semiseg {

// The cost of one reduction.
struct ReductionTimes {
  double exposed_seconds = 0;  // waiting after the backward pass
  int64_t bytes = 0;           // sent by a rank, all buckets together
  int64_t buckets = 0;
  int64_t launched_early = 0;  // buckets on their way before the backward pass had ended
};

// Ranks never disagree: `comm` carries nothing but this class's calls, and those are, on every
// rank, bucket 0, 1, … of each reduction, whatever the order in which gradients become ready there;
// a start never waits for other ranks and all waits follow the backward pass. So collective calls
// of the backward pass itself (batch norm), on the communicator of the losses, cannot meet them.
// MPI needs no more. NCCL also wants the calls of both communicators launched in one order on
// all ranks. A bucket is therefore launched during the backward only when all its gradients, and
// those of the buckets before it, came on every rank in every reduction so far; the others are
// launched after the backward, where no other call comes between. A gradient that stops coming on
// some rank in the middle of a stage breaks that order once.
class GradientReducer {
 public:
  // `comm` and the parameters outlive it. `order`: agreed before, or empty: the first reduction
  // goes by reversed parameter order and learns rank 0's order for all later ones.
  GradientReducer(const Communicator& comm, const Optimiser& optimiser,
                  const ReductionOptions& options, std::vector<size_t> order);

  // Returns true when these are the very tensors that it reduces.
  bool serves(const Optimiser& optimiser) const;

  // Collective. Runs `backward`, a local pass that adds to the gradients of the parameters. When it
  // returns, a parameter's gradient is the sum over ranks, equal in its bits on all of them, or
  // undefined if it is so on every rank; a rank without one counts as zeros. Gradients are views
  // into memory that the next reduction overwrites. An exception of `backward` leaves the other
  // ranks waiting: the program must end. `is_new`: other gradients than before may come, as in the
  // first step of a stage; all buckets are then launched after the backward, as in the first
  // reduction.
  ReductionTimes reduce(const std::function<void()>& backward, bool is_new = false);

  // Returns the order of all reductions but the first: indices of parameters. Empty before.
  const std::vector<size_t>& order() const { return order_; }

 private:
  void begin(bool is_new);
  void note_absent();
  void ready(size_t parameter);  // a gradient is complete; the backward pass continues
  void place(size_t parameter);  // its gradient goes to its bucket
  void launch_complete(size_t end);
  void launch_next();
  void progress();
  void take_sums();
  void agree_on_order();
  std::vector<size_t> reversed_order() const;

  const Communicator& comm_;
  std::string name_;  // name of the optimiser
  std::vector<NamedTensor> parameters_;
  ReductionOptions options_;
  std::vector<size_t> order_;
  bool has_final_buckets_;
  GradientBuckets buckets_;
  bool has_sums_ = false;            // of an earlier reduction
  std::vector<uint8_t> was_absent_;  // by parameter: on some rank, in some reduction

  // The state of the current reduction.
  bool is_armed_ = false;
  std::vector<uint8_t> is_placed_, is_defined_;             // by parameter
  std::vector<size_t> arrived_;                             // parameters in order of place()
  std::vector<size_t> missing_;                             // by bucket: gradients still to come
  size_t early_ = 0;                                        // buckets to launch in the backward
  std::vector<std::unique_ptr<PendingReduction>> pending_;  // by bucket, launched so far
  size_t first_unfinished_ = 0;                             // index into `pending_`

  GradientHooks hooks_;
};

}  // namespace semiseg
