// SPDX-License-Identifier: Apache-2.0
// A run that keeps its states and rows in memory, for checks of the trainer.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/train/trainer.h"

namespace semiseg {

// Tensors of a state share memory with the networks, so a store copies them.
inline StateMap copy_of(const StateMap& state) {
  StateMap copy = state;
  for (auto& [name, value] : copy) {
    if (auto* tensor = std::get_if<at::Tensor>(&value)) *tensor = tensor->detach().clone();
  }
  return copy;
}

class MemoryStore : public StateStore, public TrainingObserver {
 public:
  void save_newest(const StateMap& state, int64_t done) override {
    newest = copy_of(state);
    events.push_back("save " + std::to_string(done));
  }
  std::optional<StateMap> load_newest() override { return newest; }
  void begin_from(int64_t best_done, bool) override { best_done_ = best_done; }
  void save_best(const StateMap& state, int64_t done) override {
    best = copy_of(state);
    best_done_ = done;
    events.push_back("best " + std::to_string(done));
  }
  StateMap load_best(int64_t done) override {
    SEMISEG_CHECK(done == best_done_, "the best state of another step is asked for");
    events.push_back("load best " + std::to_string(done));
    return copy_of(best.value());
  }

  void begin(const Plan&, int64_t done, bool) override {
    events.push_back("begin " + std::to_string(done));
  }
  void stepped(const Stage&, int64_t, int64_t, int64_t) override { ++steps; }
  void train_row(const Stage& stage, int64_t iteration, const ValueRow& values) override {
    rows.emplace_back(stage.name + " " + std::to_string(iteration), values);
  }
  void validation_row(const Stage&, int64_t, const ValueRow& values, bool is_best) override {
    scores.emplace_back(values.front().second, is_best);
  }

  std::optional<StateMap> newest, best;
  std::vector<std::string> events;
  std::vector<std::pair<std::string, ValueRow>> rows;
  std::vector<std::pair<double, bool>> scores;
  int64_t steps = 0;

 private:
  int64_t best_done_ = 0;
};

}  // namespace semiseg
