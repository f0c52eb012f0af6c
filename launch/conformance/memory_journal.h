// SPDX-License-Identifier: Apache-2.0
// A journal and a display in memory, for checks of the trainer.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/train/display.h"
#include "framework/train/journal.h"

namespace semiseg {

// Keeps every row and the states that were saved last, and notes the order of the calls.
class MemoryJournal : public Journal {
 public:
  std::optional<StateMap> load_newest() override { return newest; }
  void begin(const JournalStart& start) override {
    best_done_ = start.best_done;
    events.push_back("begin " + std::to_string(start.done));
  }
  void append(const MetricsRow& row) override { rows.push_back(row); }
  void save_best(const StateMap& state, int64_t done) override {
    best = state;
    best_done_ = done;
    events.push_back("best " + std::to_string(done));
  }
  StateMap load_best(int64_t done) override {
    SEMISEG_CHECK(done == best_done_, "the best state of another step is asked for");
    events.push_back("load best " + std::to_string(done));
    return best.value();
  }
  void save_newest(const StateMap& state, int64_t done) override {
    newest = state;
    events.push_back("save " + std::to_string(done));
  }

  std::optional<StateMap> newest, best;
  std::vector<std::string> events;
  std::vector<MetricsRow> rows;

 private:
  int64_t best_done_ = 0;
};

// Counts the steps of all starts, and keeps the scores with whether each was the best of its stage.
class MemoryDisplay : public Display {
 public:
  void begin(const Plan&, int64_t, std::optional<double> best) override { best_at_begin = best; }
  void stepped(int64_t, int64_t) override { ++steps; }
  void show(const MetricsRow& row, bool is_best) override {
    if (!row.split.empty()) scores.emplace_back(row.values.front().second, is_best);
  }

  std::optional<double> best_at_begin;
  int64_t steps = 0;
  std::vector<std::pair<double, bool>> scores;
};

}  // namespace semiseg
