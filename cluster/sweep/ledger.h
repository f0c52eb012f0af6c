// SPDX-License-Identifier: Apache-2.0
// ledger.jsonl of a sweep: one line for each state change. Lines are only ever appended, each batch
// in one write, so that several processes may append.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/launcher.h"

namespace semiseg::cluster {

// "pending", "running", …: on disk, do not rename.
const char* to_string(TaskState state);

struct LedgerLine {
  std::string time;  // ISO, UTC
  int64_t point = -1;
  TaskState state = TaskState::kPending;
  std::string detail;           // why it failed; who works on it
  std::optional<double> score;  // of a run that is done: mean Dice
  std::string launch;           // handle of the launch that this line is about
  // Overrides of the launch and points that it started: only in the line of a launch itself.
  std::vector<std::string> overrides;
  std::vector<int64_t> points;
  int64_t pack = 1;  // as in Launch
  // A launch notes when the runs of its points that had started before were updated last, by the
  // clocks of their nodes.
  std::map<int64_t, std::string> seen;

  bool is_launch() const { return point < 0; }
};

// The detail of a line that makes a failed or cancelled point pending again: its earlier launch and
// its earlier end no longer count.
inline constexpr const char* kRetried = "retry";

// Appends whole lines to a file that several processes append to, in one write, and syncs. A line
// without an end, of a process that died within its write, is ended first. Throws kIo naming `what`,
// "the ledger of the sweep".
void append_lines(const std::filesystem::path& file, const char* what, const std::string& lines);

class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& sweep);

  // Appends in one write and syncs. Throws kIo.
  void append(const std::vector<LedgerLine>& lines);

  // Returns the lines since the last call, of all processes. A line that is not whole yet, because
  // its process died or still writes, is left out, and so is a damaged one, with a warning.
  std::vector<LedgerLine> read_new();

 private:
  std::filesystem::path path_;
  int64_t read_ = 0;  // bytes
};

}  // namespace semiseg::cluster
