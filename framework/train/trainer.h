// SPDX-License-Identifier: Apache-2.0
// The training loop: stages, steps, validation, best state, early stop, checkpoints, resume. It
// depends on no plug-in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"
#include "framework/data/batch_source.h"
#include "framework/methods/method.h"
#include "framework/train/gradient_reduction.h"
#include "framework/train/gradient_scaler.h"
#include "framework/train/protocol.h"
#include "framework/train/selection.h"

namespace semiseg {

using ValueRow = std::vector<std::pair<std::string, double>>;

// The events of the training loop.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  // Called once, before the first step. `done` > 0: resumed there; rows of later steps, if any, are
  // written again, and so is the validation after `done` where it `is_due`.
  virtual void begin(const Plan& plan, int64_t done, bool is_due) = 0;
  // Called after every step. `done` is the number of iterations of the whole training so far.
  virtual void stepped(const Stage& stage, int64_t iteration, int64_t done, int64_t samples) = 0;
  virtual void train_row(const Stage& stage, int64_t iteration, const ValueRow& values) = 0;
  virtual void validation_row(const Stage& stage, int64_t iteration, const ValueRow& values,
                              bool is_best) = 0;
};

// Saves and loads states: the whole training after `done` iterations, or the method's part of the
// best one.
class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual void save_newest(const StateMap& state, int64_t done) = 0;
  virtual std::optional<StateMap> load_newest() = 0;
  // Called once, before the first step: training starts from a state whose best state was saved
  // after `best_done` iterations; 0: it has none. Throws kData when that is lost and `is_needed`.
  virtual void begin_from(int64_t best_done, bool is_needed) = 0;
  virtual void save_best(const StateMap& state, int64_t done) = 0;
  // Throws kData when the best state is not the one saved after `done` iterations.
  virtual StateMap load_best(int64_t done) = 0;
};

struct TrainerParts {
  Method& method;
  const ProtocolOptions& protocol;
  const Communicator& comm;
  Draws draws;  // draws of the run seed
  // Returns the batches of a stage from one of its iterations on.
  std::function<std::unique_ptr<BatchSource>(int64_t stage, int64_t first_iteration)> batches;
  // Collective. Returns the scores of the current predictor on the selection split: the first is
  // compared, higher is better. The row is empty when the run must stop before all cases are
  // scored. Empty function: no split to select on.
  std::function<ValueRow()> validate;
  // Set on rank 0, which alone writes; null on the others.
  TrainingObserver* observer = nullptr;
  StateStore* store = nullptr;
  // Polled once a step on every rank, with the steps since this start: returns a reason to stop, if
  // this rank has one. If any rank has one, all ranks stop at the same step.
  std::function<std::optional<std::string>(int64_t steps)> stop_reason;
};

class Trainer {
 public:
  explicit Trainer(TrainerParts parts);

  // Resumes from rank 0's newest state when there is one; the number of ranks may be another than
  // before. Returns true when training is complete and the predictor holds the selected weights,
  // false when it stopped on request, with its state saved. Collective.
  bool run();

  // Returns why it stopped: "rank 2: SIGUSR1".
  const std::string& stop_reason() const { return stop_reason_; }

 private:
  void state(StateVisitor& visitor);
  void enter_stage();
  Batch next_batch(BatchSource& source);
  bool train_stage();  // false: stop requested
  bool should_stop();  // collective
  void save_best();
  void load_best();
  bool needs_best() const;
  bool validation_is_due() const;
  void at(const char* phase) const;  // reports the phase to the watchdog
  void train_step(const Batch& batch);
  void validate();
  void save();
  const Stage& stage() const { return plan_.stages[static_cast<size_t>(stage_)]; }

  TrainerParts parts_;
  GradientReduction reduction_{parts_.comm, parts_.protocol.reduction};
  GradientScaler scaler_{parts_.protocol.precision == "float16"};
  Plan plan_;
  int64_t stage_ = 0, iteration_ = 0;  // next step
  int64_t done_ = 0;                   // steps of all stages so far
  int64_t entered_ = 0, ended_ = 0;    // flags of this stage: entered, ended early
  int64_t begun_ = 0;                  // done_ when this start began
  int64_t validated_ = 0;              // done_ at the last validation
  Selection selection_;
  std::string stop_reason_;
};

}  // namespace semiseg
