// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run: one JSON object a line. No times in it: a run that was interrupted and
// resumed has the same bytes as one that was not.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace semiseg {

struct MetricsRow {
  std::string stage;
  int64_t iteration = 0;  // within the stage, counted from 1
  int64_t step = 0;       // of all stages together; never decreases from row to row
  std::string split;      // what was validated on; empty in rows of training
  std::vector<std::pair<std::string, double>> values;  // in the order of the text
};

class MetricsLog {
 public:
  // Appends to the file, after dropping what lies behind `last_step`: rows that a resumed run
  // writes again, and the torn last line of a process that died. A run that starts anew has
  // last_step 0. `validates_again`: the validation after last_step goes, too. kData when a row
  // before the end is damaged, kIo when the file cannot be written.
  MetricsLog(std::filesystem::path path, int64_t last_step, bool validates_again = false);

  // The row is with the operating system when this returns. kIo when it cannot be written.
  void append(const MetricsRow& row);
  // The rows are on the disk when this returns. Before a checkpoint that counts on them.
  void sync();

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// Text of a row with its newline. Numbers have 17 significant digits; what is not finite is null.
std::string to_json(const MetricsRow& row);

// All whole rows; null comes back as NaN, a torn last line is left out. kData naming the line for
// anything else.
std::vector<MetricsRow> read_metrics_log(const std::filesystem::path& path);

}  // namespace semiseg
