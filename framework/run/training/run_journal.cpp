// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/run_journal.h"

#include <fmt/format.h>

#include "framework/core/error.h"

namespace semiseg {

RunJournal::RunJournal(std::filesystem::path run, int64_t keep)
    : metrics_file_(run / "metrics.jsonl"), checkpoints_(run / "checkpoint", keep) {}

std::optional<StateMap> RunJournal::load_newest() {
  flush();
  return checkpoints_.load_newest();
}

void RunJournal::begin(const JournalStart& start) {
  if (!checkpoints_.best().rewind(start.best_done) && start.needs_best) {
    throw Error(ErrorKind::kData,
                {.what = "the best weights that the newest checkpoint refers to are lost",
                 .where = checkpoints_.path("best").string(),
                 .expected = fmt::format("those after {} iterations", start.best_done),
                 .fix = "bring the file back, or remove the folder to start at the beginning"});
  }
  metrics_ = std::make_unique<MetricsLog>(metrics_file_, start.done, start.validates_again);
}

void RunJournal::append(const MetricsRow& row) { metrics_->append(row); }

void RunJournal::save_best(const StateMap& state, int64_t done) {
  writer_.write([this, state, done] { checkpoints_.best().save(state, done); });
}

StateMap RunJournal::load_best(int64_t done) {
  flush();
  return checkpoints_.best().load(done);
}

void RunJournal::save_newest(const StateMap& state, int64_t done) {
  writer_.write([this, state, done] {
    metrics_->sync();  // the checkpoint counts on the rows before it
    checkpoints_.save(state, done);
  });
}

}  // namespace semiseg
