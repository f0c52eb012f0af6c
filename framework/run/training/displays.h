// SPDX-License-Identifier: Apache-2.0
// The displays of a training: its progress, as a bar or as lines of the log, and TensorBoard.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/record/progress.h"
#include "framework/record/run/tensorboard.h"
#include "framework/train/display.h"

namespace semiseg {

class ProgressDisplay : public Display {
 public:
  void begin(const Plan& plan, int64_t done, std::optional<double> best) override;
  void stepped(int64_t done, int64_t samples) override;
  void show(const MetricsRow& row, bool is_best) override;
  // Prints the last state as a line that stays.
  void finish();

 private:
  std::optional<Progress> progress_;
  std::string loss_, best_;  // as text, of the last rows
  ProgressNotes notes_;
};

// Writes events.tfevents… of a run folder.
class TensorBoardDisplay : public Display {
 public:
  explicit TensorBoardDisplay(std::filesystem::path run);
  void begin(const Plan& plan, int64_t done, std::optional<double> best) override;
  void show(const MetricsRow& row, bool is_best) override;

 private:
  std::filesystem::path run_;
  std::optional<TensorBoardLog> events_;
};

}  // namespace semiseg
