// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/displays.h"

#include <fmt/format.h>

#include <utility>

#include "framework/core/log.h"
#include "framework/core/process.h"

namespace semiseg {
namespace {

std::string score_text(double score) { return fmt::format("{:.4f}", score); }

}  // namespace

void ProgressDisplay::begin(const Plan& plan, int64_t done, std::optional<double> best) {
  int64_t total = 0;
  for (const auto& stage : plan.stages) total += stage.iterations;
  if (done > 0) log::info("resuming after {} of {} iterations", done, total);
  if (best) best_ = score_text(*best);
  progress_.emplace("train", "samples", total, done, steady_seconds());
}

void ProgressDisplay::stepped(int64_t done, int64_t samples) {
  progress_->update(done, static_cast<double>(samples), steady_seconds(), notes_);
}

void ProgressDisplay::show(const MetricsRow& row, bool is_best) {
  if (!row.split.empty()) {
    const auto& [name, score] = row.values.front();
    if (is_best) best_ = score_text(score);
    notes_ = {{"loss", loss_}, {"validation " + name, score_text(score)}, {"best", best_}};
    return;
  }
  for (const auto& [name, value] : row.values) {
    if (!name.starts_with("loss.total")) continue;
    loss_ = score_text(value);
    if (notes_.empty()) notes_.emplace_back("loss", "");
    notes_.front().second = loss_;
    break;
  }
}

void ProgressDisplay::finish() { progress_->finish(steady_seconds(), notes_); }

TensorBoardDisplay::TensorBoardDisplay(std::filesystem::path run) : run_(std::move(run)) {}

void TensorBoardDisplay::begin(const Plan&, int64_t done, std::optional<double>) {
  events_.emplace(run_, done, static_cast<double>(now_seconds()));
}

void TensorBoardDisplay::show(const MetricsRow& row, bool) {
  // "loss.total" → "train/loss.total": TensorBoard groups by what stands before the slash.
  const std::string prefix = row.split.empty() ? "train/" : "validation/";
  auto values = row.values;
  for (auto& [name, value] : values) name = prefix + name;
  events_->append(row.step, values, static_cast<double>(now_seconds()));
}

}  // namespace semiseg
