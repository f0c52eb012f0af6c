// SPDX-License-Identifier: Apache-2.0
#include "framework/train/trainer.h"

#include <ATen/Functions.h>

#include "framework/core/error.h"
#include "framework/core/log.h"
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
  });
  visitor.scope("method", [this](StateVisitor& v) { parts_.method.state(v); });
}

void Trainer::save() {
  parts_.method.settle(parts_.comm);
  parts_.store.save_newest(take_state([this](StateVisitor& v) { state(v); }), done_);
}

bool Trainer::run() {
  if (const auto saved = parts_.store.load_newest()) {
    put_state([this](StateVisitor& v) { state(v); }, *saved);
  }
  parts_.observer.begin(plan_, done_);
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
  if (parts_.protocol.select != "last" && best_iteration_ >= 0) {
    put_state([this](StateVisitor& v) { parts_.method.state(v); },
              parts_.store.load_best(stage().name));
  }
  return true;
}

void Trainer::enter_stage() {
  if (stage().start_from_best && best_iteration_ >= 0) {
    const std::string& before = plan_.stages[static_cast<size_t>(stage_ - 1)].name;
    log::info("stage {} starts from the best state of stage {} (iteration {})", stage().name,
              before, best_iteration_);
    put_state([this](StateVisitor& v) { parts_.method.state(v); }, parts_.store.load_best(before));
  }
  parts_.method.begin_stage(stage_);
  best_iteration_ = -1;
  validations_since_best_ = 0;
  entered_ = 1;
  if (stage_ > 0) save();  // from here on no resume needs the stage before
}

bool Trainer::train_stage() {
  if (ended_ || iteration_ >= stage().iterations) return true;
  const auto loader = parts_.make_loader(stage_, iteration_);
  const ProtocolOptions& protocol = parts_.protocol;
  while (iteration_ < stage().iterations && !ended_) {
    train_step(loader->next());
    const bool is_last = iteration_ == stage().iterations;
    if (parts_.validate && protocol.validate_every > 0 &&
        (is_last || iteration_ % protocol.validate_every == 0)) {
      validate();
    }
    if (parts_.stop_requested()) return false;
    if (done_ % protocol.checkpoint_every == 0) save();
  }
  return true;
}

void Trainer::train_step(const Batch& batch) {
  std::vector<std::pair<std::string, TrainingStep::Value>> records;
  const Draws draws = parts_.draws.at(stage_, iteration_);
  TrainingStep step(parts_.comm, draws, records);
  step.stage = stage_;
  step.iteration = iteration_;
  step.stage_iterations = stage().iterations;
  parts_.method.step(batch, step);
  parts_.method.after_step(step);
  ++iteration_;
  ++done_;
  parts_.observer.stepped(stage(), iteration_, done_, stage().labelled + stage().unlabelled);
  if (iteration_ % parts_.protocol.log_every != 0 && iteration_ != stage().iterations) return;
  ValueRow row;
  for (const auto& [name, value] : records) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    row.emplace_back(name, tensor ? tensor->item<double>() : std::get<double>(value));
  }
  parts_.observer.train_row(stage(), iteration_, row);
}

void Trainer::validate() {
  const ValueRow scores = parts_.validate();
  SEMISEG_CHECK(!scores.empty(), "validation gives at least one score");
  const double score = scores.front().second;
  const bool is_best = best_iteration_ < 0 || score > best_score_;
  if (is_best) {
    best_score_ = score;
    best_iteration_ = iteration_;
    validations_since_best_ = 0;
    parts_.method.settle(parts_.comm);
    parts_.store.save_best(take_state([this](StateVisitor& v) { parts_.method.state(v); }),
                           stage().name);
  } else {
    ++validations_since_best_;
  }
  parts_.observer.validation_row(stage(), iteration_, scores, is_best);
  if (parts_.protocol.patience > 0 && validations_since_best_ >= parts_.protocol.patience) {
    log::info("stage {} ends at iteration {}: no new best in {} validations", stage().name,
              iteration_, validations_since_best_);
    ended_ = 1;
  }
}

}  // namespace semiseg
