// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/run_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/process.h"

namespace semiseg {
namespace {

// "loss.total" → "train/loss.total": TensorBoard groups by what stands before the slash.
ValueRow with_prefix(const std::string& prefix, const ValueRow& values) {
  ValueRow row;
  for (const auto& [name, value] : values) row.emplace_back(prefix + "/" + name, value);
  return row;
}

// Returns the best score of the last stage, because each stage selects for itself; empty without a
// validation.
std::string best_so_far(const std::filesystem::path& metrics) {
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  double best = kNone;
  std::string stage;
  for (const MetricsRow& row : read_metrics_log(metrics)) {
    if (row.stage != std::exchange(stage, row.stage)) best = kNone;
    if (row.split.empty() || row.values.empty()) continue;
    const double score = row.values.front().second;
    best = std::max(best, score);
  }
  return best > kNone ? fmt::format("{:.4f}", best) : "";
}

}  // namespace

RunRecorder::RunRecorder(const RunFolder& folder, const ProtocolOptions& protocol)
    : folder_(folder),
      select_(protocol.select),
      checkpoints_(folder / "checkpoint", protocol.keep_checkpoints) {}

void RunRecorder::begin(const Plan& plan, int64_t done, bool is_due) {
  int64_t total = 0;
  for (const auto& stage : plan.stages) total += stage.iterations;
  done_ = done;
  if (done > 0) log::info("resuming after {} of {} iterations", done, total);
  metrics_ = std::make_unique<MetricsLog>(folder_ / "metrics.jsonl", done, is_due);
  best_ = best_so_far(folder_ / "metrics.jsonl");
  events_ =
      std::make_unique<TensorBoardLog>(folder_.path(), done, static_cast<double>(now_seconds()));
  progress_ = std::make_unique<Progress>("train", "samples", total, done, steady_seconds());
}

void RunRecorder::stepped(const Stage& stage, int64_t iteration, int64_t done, int64_t samples) {
  done_ = done;
  writer_.check();
  progress_->update(done, static_cast<double>(samples), steady_seconds(), notes_);
}

void RunRecorder::train_row(const Stage& stage, int64_t iteration, const ValueRow& values) {
  metrics_->append({stage.name, iteration, done_, "", values});
  events_->append(done_, with_prefix("train", values), static_cast<double>(now_seconds()));
  for (const auto& [name, value] : values) {
    if (!name.starts_with("loss.total")) continue;
    loss_ = fmt::format("{:.4f}", value);
    if (notes_.empty()) notes_.emplace_back("loss", "");
    notes_.front().second = loss_;
    break;
  }
}

void RunRecorder::validation_row(const Stage& stage, int64_t iteration, const ValueRow& values,
                                 bool is_best) {
  metrics_->append({stage.name, iteration, done_, select_ == "test" ? "test" : "val", values});
  events_->append(done_, with_prefix("validation", values), static_cast<double>(now_seconds()));
  const std::string score = fmt::format("{:.4f}", values.front().second);
  if (is_best) best_ = score;
  notes_ = {{"loss", loss_}, {"validation " + values.front().first, score}, {"best", best_}};
}

void RunRecorder::save_newest(const StateMap& state, int64_t done) {
  writer_.write([this, state, done] {
    metrics_->sync();  // the checkpoint depends on the rows before it
    checkpoints_.save(state, done);
  });
}

std::optional<StateMap> RunRecorder::load_newest() {
  flush();
  return checkpoints_.load_newest();
}

void RunRecorder::begin_from(int64_t best_done, bool is_needed) {
  if (checkpoints_.best().rewind(best_done) || !is_needed) return;
  throw Error(ErrorKind::kData,
              {.what = "the best weights that the newest checkpoint refers to are lost",
               .where = checkpoints_.path("best").string(),
               .expected = fmt::format("those after {} iterations", best_done),
               .fix = "bring the file back, or remove the folder to start at the beginning"});
}

void RunRecorder::save_best(const StateMap& state, int64_t done) {
  writer_.write([this, state, done] { checkpoints_.best().save(state, done); });
}

StateMap RunRecorder::load_best(int64_t done) {
  flush();
  return checkpoints_.best().load(done);
}

void RunRecorder::flush() { writer_.flush(); }

void RunRecorder::finish_progress() { progress_->finish(steady_seconds(), notes_); }

}  // namespace semiseg
