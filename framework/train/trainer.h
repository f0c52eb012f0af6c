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
#include "framework/data/batch.h"
#include "framework/methods/method.h"
#include "framework/train/display.h"
#include "framework/train/gradients/reduction.h"
#include "framework/train/gradients/scaler.h"
#include "framework/train/journal.h"
#include "framework/train/protocol.h"
#include "framework/train/selection.h"

namespace semiseg {

using ValueRow = std::vector<std::pair<std::string, double>>;

struct TrainerParts {
  Method& method;
  const ProtocolOptions& protocol;
  const Communicator& comm;
  Draws draws;  // draws of the run seed
  // Returns the batches of a stage from one of its iterations on.
  std::function<std::unique_ptr<BatchSource>(int64_t stage, int64_t first_iteration)> batches;
  // Returns the iterations of an epoch of a stage; needed where protocol.patience_epochs is set.
  std::function<int64_t(int64_t stage)> epoch_length;
  // Collective. Returns the scores of the current predictor on the selection split: the first is
  // compared, higher is better. The row is empty when the run must stop before all cases are
  // scored. Empty function: no split to select on.
  std::function<ValueRow()> validate;
  Journal* journal = nullptr;      // set on rank 0, null on the others
  std::vector<Display*> displays;  // of rank 0
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

  int64_t done() const { return done_; }    // iterations of all stages so far
  int64_t begun() const { return begun_; }  // those of earlier starts

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
  bool is_out_of_patience() const;
  void save();
  void begin_records();
  void record(const MetricsRow& row, bool is_best);
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
