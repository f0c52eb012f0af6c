// SPDX-License-Identifier: Apache-2.0
// The journal of a run folder: metrics.jsonl and checkpoint/. States are written in the background,
// in the order of the calls.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "framework/checkpoint/background_writer.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/record/run/metrics_log.h"
#include "framework/train/journal.h"

namespace semiseg {

class RunJournal : public Journal {
 public:
  // `keep`: number of checkpoints that stay, the newest ones.
  RunJournal(std::filesystem::path run, int64_t keep);

  std::optional<StateMap> load_newest() override;
  void begin(const JournalStart& start) override;
  // The operating system has the row when this returns.
  void append(const MetricsRow& row) override;
  void save_best(const StateMap& state, int64_t done) override;
  StateMap load_best(int64_t done) override;
  void save_newest(const StateMap& state, int64_t done) override;
  void check() override { writer_.check(); }

  // Returns when all is on the disk. Throws the error of a save, such as kIo when the disk is full.
  // Call it before the run is marked done or stopped.
  void flush() { writer_.flush(); }

  double longest_save_seconds() const { return writer_.longest_seconds(); }

 private:
  std::filesystem::path metrics_file_;
  CheckpointFolder checkpoints_;
  std::unique_ptr<MetricsLog> metrics_;
  BackgroundWriter writer_;  // last: it uses the others until it has ended
};

}  // namespace semiseg
