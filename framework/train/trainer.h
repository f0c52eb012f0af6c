// SPDX-License-Identifier: Apache-2.0
// The loop: stages, steps, validation, best state, early stop, checkpoints, resume. It knows no
// plug-in's name.
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

// What the loop tells the outside.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  // Once, before the first step. `done` > 0: resumed there; rows of later steps, if any, are
  // written again, and so is the validation after `done` where it `is_due`.
  virtual void begin(const Plan& plan, int64_t done, bool is_due) = 0;
  // Every step: total iterations done so far, of the whole training.
  virtual void stepped(const Stage& stage, int64_t iteration, int64_t done, int64_t samples) = 0;
  virtual void train_row(const Stage& stage, int64_t iteration, const ValueRow& values) = 0;
  virtual void validation_row(const Stage& stage, int64_t iteration, const ValueRow& values,
                              bool is_best) = 0;
};

// Where states go: the whole training after `done` iterations, or the method's part of the best
// one.
class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual void save_newest(const StateMap& state, int64_t done) = 0;
  virtual std::optional<StateMap> load_newest() = 0;
  // Once, before the first step: the training goes on from a state whose best one was saved after
  // `best_done` iterations; 0: it has none. kData when it is lost and `is_needed`.
  virtual void begin_from(int64_t best_done, bool is_needed) = 0;
  virtual void save_best(const StateMap& state, int64_t done) = 0;
  // kData when it is not the one that was saved after `done` iterations.
  virtual StateMap load_best(int64_t done) = 0;
};

struct TrainerParts {
  Method& method;
  const ProtocolOptions& protocol;
  const Communicator& comm;
  Draws draws;  // of the run seed
  // The batches of a stage from one of its iterations on.
  std::function<std::unique_ptr<BatchSource>(int64_t stage, int64_t first_iteration)> batches;
  // Scores of the current predictor on the selection split: the first is compared, higher is
  // better. Collective; an empty row when a rank wanted to stop before all cases were scored. Empty
  // function: no split to select on.
  std::function<ValueRow()> validate;
  // Of rank 0, which alone writes; null on the others.
  TrainingObserver* observer = nullptr;
  StateStore* store = nullptr;
  // Asked once a step on every rank, with the steps of this start: why this rank wants to stop, if
  // it does. One is enough: all stop at the same step.
  std::function<std::optional<std::string>(int64_t steps)> stop_reason;
};

class Trainer {
 public:
  explicit Trainer(TrainerParts parts);

  // Resumes from rank 0's newest state when there is one; the number of ranks may be another than
  // before. True: trained to the end and the predictor holds the selected weights; false: stopped
  // on request, state saved. Collective.
  bool run();

  // Why it stopped: "rank 2: SIGUSR1".
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
  void at(const char* phase) const;  // tells the watchdog
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
  int64_t entered_ = 0, ended_ = 0;    // of this stage: begun; ended early
  int64_t begun_ = 0;                  // done_ when this start began
  int64_t validated_ = 0;              // done_ at the last validation
  Selection selection_;
  std::string stop_reason_;
};

}  // namespace semiseg
