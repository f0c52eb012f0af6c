// SPDX-License-Identifier: Apache-2.0
// The trainer's observer and store of one run folder: metrics.jsonl, TensorBoard, progress,
// checkpoints. These are written in the background, in the order of the calls: a newest state is on
// the disk only after the rows and the best states before it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "framework/checkpoint/background_writer.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/record/progress.h"
#include "framework/record/run/metrics_log.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/tensorboard.h"
#include "framework/train/trainer.h"

namespace semiseg {

class RunRecorder : public TrainingObserver, public StateStore {
 public:
  RunRecorder(const RunFolder& folder, const ProtocolOptions& protocol);

  void begin(const Plan& plan, int64_t done, bool is_due) override;
  void stepped(const Stage& stage, int64_t iteration, int64_t done, int64_t samples) override;
  void train_row(const Stage& stage, int64_t iteration, const ValueRow& values) override;
  void validation_row(const Stage& stage, int64_t iteration, const ValueRow& values,
                      bool is_best) override;

  // The tensors of the state are written later: do not change them after this. Both rethrow the
  // error of an earlier save, such as kIo when the disk is full.
  void save_newest(const StateMap& state, int64_t done) override;
  std::optional<StateMap> load_newest() override;
  void begin_from(int64_t best_done, bool is_needed) override;
  void save_best(const StateMap& state, int64_t done) override;
  StateMap load_best(int64_t done) override;

  // Returns when all is on the disk; rethrows the error of a save. Call it before the run is marked
  // done or stopped.
  void flush();

  int64_t done() const { return done_; }
  double longest_save_seconds() const { return writer_.longest_seconds(); }
  void finish_progress();

 private:
  const RunFolder& folder_;
  std::string select_;
  CheckpointFolder checkpoints_;
  int64_t done_ = 0;
  std::unique_ptr<MetricsLog> metrics_;
  std::unique_ptr<TensorBoardLog> events_;
  std::unique_ptr<Progress> progress_;
  std::string loss_, best_;  // as text, of the last rows
  ProgressNotes notes_;
  BackgroundWriter writer_;  // last: it uses the others until it has ended
};

}  // namespace semiseg
