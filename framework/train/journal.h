// SPDX-License-Identifier: Apache-2.0
// The durable record of a training: its rows, its checkpoints and its best states are one
// transaction.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/core/state.h"
#include "framework/record/run/metrics_log.h"

namespace semiseg {

// The point that a start of a training continues from.
struct JournalStart {
  int64_t done = 0;              // iterations of the whole training so far; 0: a new training
  bool validates_again = false;  // the validation after `done` is due again
  int64_t best_done = 0;         // its best state was saved after so many; 0: it has none
  bool needs_best = false;       // that state will be loaded
};

// Set on rank 0 only, which alone writes. What save_newest() keeps counts on the rows appended and
// the best states saved before it: it is durable only after they are. Every call may throw kIo, for
// an earlier one, too.
class Journal {
 public:
  virtual ~Journal() = default;

  // Returns the newest state of the whole training; nullopt: there is none.
  virtual std::optional<StateMap> load_newest() = 0;
  // Called once, before the first step: drops the rows and the best states after this point, which
  // are written again. Throws kData when the best state is lost and needed.
  virtual void begin(const JournalStart& start) = 0;
  virtual void append(const MetricsRow& row) = 0;
  // Keeps the method's part of the state as the best one, after `done` iterations. The tensors of a
  // state may be read until the next flush: do not change them.
  virtual void save_best(const StateMap& state, int64_t done) = 0;
  // Throws kData when the best state is not the one saved after `done` iterations.
  virtual StateMap load_best(int64_t done) = 0;
  virtual void save_newest(const StateMap& state, int64_t done) = 0;
  // Called after every step: throws the error of an earlier save without waiting for one.
  virtual void check() {}
};

}  // namespace semiseg
