// SPDX-License-Identifier: Apache-2.0
#include "framework/train/trainer.h"

#include "framework/comm/broadcast.h"
#include "framework/core/error.h"
#include "framework/core/fault_drill.h"
#include "framework/core/log.h"
#include "framework/core/profile.h"
#include "framework/train/stop_reasons.h"
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
    v.scalar("validated", validated_);
    selection_.state(v);
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
  if (!parts_.journal) return;
  at("checkpoint");
  parts_.journal->save_newest(take_state([this](StateVisitor& v) { state(v); }), done_);
}

void Trainer::save_best() {
  parts_.method.settle(parts_.comm);
  if (!parts_.journal) return;
  at("checkpoint");
  parts_.journal->save_best(take_state([this](StateVisitor& v) { parts_.method.state(v); }), done_);
}

void Trainer::begin_records() {
  if (!parts_.journal) return;
  parts_.journal->begin({.done = done_,
                         .validates_again = validation_is_due(),
                         .best_done = selection_.best_done(),
                         .needs_best = needs_best()});
  for (Display* display : parts_.displays) display->begin(plan_, done_, selection_.best_score());
}

void Trainer::record(const MetricsRow& row, bool is_best) {
  if (!parts_.journal) return;
  parts_.journal->append(row);
  for (Display* display : parts_.displays) display->show(row, is_best);
}

void Trainer::load_best() {
  at("load");
  std::optional<StateMap> best;
  if (parts_.journal) best = parts_.journal->load_best(selection_.best_done());
  put_state([this](StateVisitor& v) { parts_.method.state(v); },
            *broadcast_state(std::move(best), parts_.comm));
}

bool Trainer::run() {
  at("load");
  std::optional<StateMap> newest;
  if (parts_.journal) newest = parts_.journal->load_newest();
  if (const auto saved = broadcast_state(std::move(newest), parts_.comm)) {
    put_state([this](StateVisitor& v) { state(v); }, *saved);
  }
  begun_ = done_;
  begin_records();
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
  if (needs_best()) load_best();
  return true;
}

// Returns true when the best state of this stage is used after the stage.
bool Trainer::needs_best() const {
  if (!selection_.has_best()) return false;
  const auto next = static_cast<size_t>(stage_) + 1;
  return next < plan_.stages.size() ? plan_.stages[next].start_from_best
                                    : parts_.protocol.select != "last";
}

void Trainer::enter_stage() {
  if (stage().start_from_best && selection_.has_best()) {
    const std::string& before = plan_.stages[static_cast<size_t>(stage_ - 1)].name;
    log::info("stage {} starts from the best state of stage {} (iteration {})", stage().name,
              before, selection_.best_iteration());
    load_best();
  }
  parts_.method.begin_stage(stage_);
  selection_.begin_stage();
  entered_ = 1;
  if (stage_ > 0) save();  // from here on no resume needs the previous stage
}

Batch Trainer::next_batch(BatchSource& source) {
  const profile::Span span("data wait");
  return source.next();
}

bool Trainer::train_stage() {
  std::unique_ptr<BatchSource> batches;
  while (validation_is_due() || (iteration_ < stage().iterations && !ended_)) {
    if (!validation_is_due()) {
      if (!batches) batches = parts_.batches(stage_, iteration_);
      train_step(next_batch(*batches));
    }
    if (validation_is_due()) validate();
    if (should_stop()) return false;
    const bool is_made_up = done_ == begun_;  // the validation that the start before left
    if (is_made_up || done_ % parts_.protocol.checkpoint_every == 0) save();
  }
  return true;
}

// Also true on resume, when the validation after the last step was interrupted.
bool Trainer::validation_is_due() const {
  const int64_t every = parts_.protocol.validate_every;
  return parts_.validate && every > 0 && iteration_ > 0 && validated_ != done_ &&
         (iteration_ == stage().iterations || iteration_ % every == 0);
}

bool Trainer::should_stop() {
  stop_reason_ = agree_to_stop(parts_.stop_reason(done_ - begun_), parts_.comm);
  return !stop_reason_.empty();
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
  if (!parts_.journal) return;
  parts_.journal->check();
  for (Display* display : parts_.displays) display->stepped(done_, batch_size(stage().streams));
  if (iteration_ % parts_.protocol.log_every != 0 && iteration_ != stage().iterations) return;
  ValueRow values;
  for (const auto& [name, value] : records) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    values.emplace_back(name, tensor ? tensor->item<double>() : std::get<double>(value));
  }
  record({stage().name, iteration_, done_, /*split=*/"", values}, /*is_best=*/false);
}

void Trainer::validate() {
  at("validation");
  const profile::Span span("validation");
  ValueRow scores = parts_.validate();
  if (scores.empty()) return;  // interrupted
  validated_ = done_;
  const bool is_best = selection_.add(scores.front().second, iteration_, done_);
  if (is_best) save_best();
  const char* split = parts_.protocol.select == "test" ? "test" : "val";
  for (auto& number : parts_.method.diagnostics()) scores.push_back(std::move(number));
  record({stage().name, iteration_, done_, split, scores}, is_best);
  if (is_out_of_patience()) {
    log::info("stage {} ends at iteration {}: no new best after iteration {}", stage().name,
              iteration_, selection_.best_iteration());
    ended_ = 1;
  }
}

bool Trainer::is_out_of_patience() const {
  const ProtocolOptions& protocol = parts_.protocol;
  if (selection_.is_exhausted(protocol.patience)) return true;
  return protocol.patience_epochs > 0 &&
         selection_.is_outdated(iteration_, protocol.patience_epochs * parts_.epoch_length(stage_));
}

}  // namespace semiseg
