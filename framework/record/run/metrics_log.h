// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run: one JSON object a line. It holds no times, so that an interrupted and
// resumed run has the same bytes as an uninterrupted one.
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
  int64_t step = 0;       // step over all stages; never decreases from row to row
  std::string split;      // validated split; empty in rows of training
  std::vector<std::pair<std::string, double>> values;  // in the order of the text
};

class MetricsLog {
 public:
  // Appends to the file, after removing the rows after `last_step`, which a resumed run writes
  // again, and the torn last line of a process that died. A new run has last_step 0.
  // `validates_again`: the validation after last_step goes, too. Throws kData when a row before the
  // end is damaged, kIo when the file cannot be written.
  MetricsLog(std::filesystem::path path, int64_t last_step, bool validates_again = false);

  // The operating system has the row when this returns. Throws kIo when it cannot be written.
  void append(const MetricsRow& row);
  // The rows are on the disk when this returns. Call it before a checkpoint that depends on them.
  void sync();

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// Returns the text of a row with its newline. Numbers have 17 significant digits; non-finite ones
// are null.
std::string to_json(const MetricsRow& row);

// Returns all whole rows; null becomes NaN, a torn last line is left out. Throws kData naming the
// line for anything else.
std::vector<MetricsRow> read_metrics_log(const std::filesystem::path& path);

// Returns the rows of validations alone; those of training, which are the most by far, are not
// parsed.
std::vector<MetricsRow> read_validations(const std::filesystem::path& path);

}  // namespace semiseg
