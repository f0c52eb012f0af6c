// SPDX-License-Identifier: Apache-2.0
#include "framework/train/trainer.h"

#include <ATen/Functions.h>

#include "framework/comm/broadcast_state.h"
#include "framework/comm/texts.h"
#include "framework/core/error.h"
#include "framework/core/fault_drill.h"
#include "framework/core/log.h"
#include "framework/core/profile.h"
#include "framework/train/training_step.h"

namespace semiseg {

Trainer::Trainer(TrainerParts parts) : parts_(std::move(parts)), plan_(parts_.method.plan()) {
  SEMISEG_CHECK(!plan_.stages.empty(), "a method plans at least one stage");
}

void Trainer::state(StateVisitor& visitor) {
  visitor.scope("trainer", [this](StateVisitor& v) {
    v.scalar("stage", stage_);
    v.scalar("iteration", iteration_);
    v.scalar("done", done_);
    v.scalar("entered", entered_);
    v.scalar("ended", ended_);
    v.scalar("best_iteration", best_iteration_);
    v.scalar("validations_since_best", validations_since_best_);
    v.scalar("best_score", best_score_);
    reduction_.state(v);
    scaler_.state(v);
  });
  visitor.scope("method", [this](StateVisitor& v) { parts_.method.state(v); });
}

void Trainer::at(const char* phase) const {
  if (Heartbeat* heartbeat = parts_.comm.heartbeat()) heartbeat->at(done_, phase);
}

void Trainer::save() {
  parts_.method.settle(parts_.comm);
  if (!parts_.store) return;
  at("checkpoint");
  parts_.store->save_newest(take_state([this](StateVisitor& v) { state(v); }), done_);
}

void Trainer::save_best() {
  parts_.method.settle(parts_.comm);
  if (!parts_.store) return;
  at("checkpoint");
  parts_.store->save_best(take_state([this](StateVisitor& v) { parts_.method.state(v); }),
                          stage().name);
}

void Trainer::load_best(const std::string& stage) {
  at("load");
  std::optional<StateMap> best;
  if (parts_.store) best = parts_.store->load_best(stage);
  put_state([this](StateVisitor& v) { parts_.method.state(v); },
            *broadcast_state(std::move(best), parts_.comm));
}

bool Trainer::run() {
  at("load");
  std::optional<StateMap> newest;
  if (parts_.store) newest = parts_.store->load_newest();
  if (const auto saved = broadcast_state(std::move(newest), parts_.comm)) {
    put_state([this](StateVisitor& v) { state(v); }, *saved);
  }
  if (parts_.observer) parts_.observer->begin(plan_, done_);
  while (true) {
    if (!entered_) enter_stage();
    if (!train_stage()) {
      save();
      return false;
    }
    if (stage_ + 1 == static_cast<int64_t>(plan_.stages.size())) break;
    ++stage_;
    iteration_ = entered_ = ended_ = 0;
  }
  save();
  if (parts_.protocol.select != "last" && best_iteration_ >= 0) load_best(stage().name);
  return true;
}

void Trainer::enter_stage() {
  if (stage().start_from_best && best_iteration_ >= 0) {
    const std::string& before = plan_.stages[static_cast<size_t>(stage_ - 1)].name;
    log::info("stage {} starts from the best state of stage {} (iteration {})", stage().name,
              before, best_iteration_);
    load_best(before);
  }
  parts_.method.begin_stage(stage_);
  best_iteration_ = -1;
  validations_since_best_ = 0;
  entered_ = 1;
  if (stage_ > 0) save();  // from here on no resume needs the stage before
}

Batch Trainer::next_batch(Loader& loader) {
  const profile::Span span("data wait");
  return loader.next();
}

bool Trainer::train_stage() {
  if (ended_ || iteration_ >= stage().iterations) return true;
  const auto loader = parts_.make_loader(stage_, iteration_);
  const ProtocolOptions& protocol = parts_.protocol;
  while (iteration_ < stage().iterations && !ended_) {
    train_step(next_batch(*loader));
    const bool is_last = iteration_ == stage().iterations;
    if (parts_.validate && protocol.validate_every > 0 &&
        (is_last || iteration_ % protocol.validate_every == 0)) {
      validate();
    }
    if (should_stop()) return false;
    if (done_ % protocol.checkpoint_every == 0) save();
  }
  return true;
}

bool Trainer::should_stop() {
  const std::optional<std::string> mine = parts_.stop_reason();
  at::Tensor wanted = at::full({1}, mine ? 1.0 : 0.0, at::kDouble);
  parts_.comm.all_reduce(wanted, "stop flag");
  if (wanted.item<double>() == 0) return false;
  const auto reasons = gather_texts(mine.value_or(""), parts_.comm);
  for (size_t rank = 0; rank < reasons.size() && stop_reason_.empty(); ++rank) {
    if (reasons[rank].empty()) continue;
    stop_reason_ =
        reasons.size() == 1 ? reasons[rank] : "rank " + std::to_string(rank) + ": " + reasons[rank];
  }
  return true;
}

void Trainer::train_step(const Batch& batch) {
  std::vector<std::pair<std::string, TrainingStep::Value>> records;
  at("step");
  fault_drill(parts_.comm.rank(), done_);
  const Draws draws = parts_.draws.at(stage_, iteration_);
  TrainingStep step(parts_.comm, draws, reduction_, scaler_, records);
  step.stage = stage_;
  step.iteration = iteration_;
  step.stage_iterations = stage().iterations;
  {
    const profile::Span span("losses and the rest");
    parts_.method.step(batch, step);
  }
  {
    const profile::Span span("teacher and memories");
    parts_.method.after_step(step);
  }
  ++iteration_;
  ++done_;
  if (!parts_.observer) return;
  parts_.observer->stepped(stage(), iteration_, done_, stage().labelled + stage().unlabelled);
  if (iteration_ % parts_.protocol.log_every != 0 && iteration_ != stage().iterations) return;
  ValueRow row;
  for (const auto& [name, value] : records) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    row.emplace_back(name, tensor ? tensor->item<double>() : std::get<double>(value));
  }
  parts_.observer->train_row(stage(), iteration_, row);
}

void Trainer::validate() {
  at("validation");
  const profile::Span span("validation");
  const ValueRow scores = parts_.validate();
  SEMISEG_CHECK(!scores.empty(), "validation gives at least one score");
  const double score = scores.front().second;
  const bool is_best = best_iteration_ < 0 || score > best_score_;
  if (is_best) {
    best_score_ = score;
    best_iteration_ = iteration_;
    validations_since_best_ = 0;
    save_best();
  } else {
    ++validations_since_best_;
  }
  if (parts_.observer) parts_.observer->validation_row(stage(), iteration_, scores, is_best);
  if (parts_.protocol.patience > 0 && validations_since_best_ >= parts_.protocol.patience) {
    log::info("stage {} ends at iteration {}: no new best in {} validations", stage().name,
              iteration_, validations_since_best_);
    ended_ = 1;
  }
}

}  // namespace semiseg
