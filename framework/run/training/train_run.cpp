// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/train_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "framework/comm/broadcast.h"
#include "framework/comm/gpu_ranks.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/core/profile.h"
#include "framework/record/run/dataset_record.h"
#include "framework/record/run/provenance.h"
#include "framework/run/load_run.h"
#include "framework/run/training/displays.h"
#include "framework/run/training/finish_run.h"
#include "framework/run/training/run_cost.h"
#include "framework/run/training/run_journal.h"
#include "framework/run/training/stop_conditions.h"
#include "framework/train/stop_signal.h"
#include "framework/train/trainer.h"

namespace semiseg {
namespace {

void announce(const Run& run, const RunFolder& folder) {
  const RunOptions& options = run.options;
  const Pools& pools = run.data.pools;
  const auto& patients = pools.labelled_patients;
  const size_t labelled = pools.find("labelled").members.size();
  log::info(
      "{} on {} with {}: {} labelled patients ({}{}), {} labelled and {} unlabelled samples, seed "
      "{}",
      options.method, options.dataset, options.backbone, patients.size(),
      fmt::join(patients.begin(), patients.begin() + std::min<ptrdiff_t>(3, std::ssize(patients)),
                ", "),
      patients.size() > 3 ? ", …" : "", labelled, pools.samples.size() - labelled,
      options.general.seed);
  const auto choices = options.config.choices();
  const auto protocol = choices.find("protocol");
  log::info("{}: {} iterations, batches of {}, patches of {}",
            protocol == choices.end() ? "this run's protocol" : "protocol " + protocol->second,
            options.protocol.iterations, options.protocol.batch,
            fmt::join(options.protocol.patch_size, " × "));
  log::info("on {}, {}; run folder: {}", run.model.device.str(), options.protocol.precision,
            folder.path().string());
}

std::function<ValueRow()> validation(const Run& run, StopConditions& stop) {
  // Without a selection, scores are still logged on the validation split.
  const Split split = run.selection_split().value_or(Split::kVal);
  if (!run.data.has_cases(split)) {
    log::warn("the data set has no {} split: the last weights are taken", to_string(split));
    return {};
  }
  return [&run, &stop, split]() -> ValueRow {
    const int64_t forwarded = *run.model.forwarded;
    const auto rows =
        run.evaluate_split(split, /*distances=*/false, [&stop] { return stop.now().has_value(); });
    *run.model.forwarded = forwarded;  // only training steps are counted
    if (rows.empty()) return {};
    const EvaluationSummary metrics = summarise(rows);
    ValueRow row = {{"dice", metrics.overall.dice.mean}};
    for (size_t k = 0; k < metrics.class_names.size(); ++k) {
      row.emplace_back("dice." + metrics.class_names[k], metrics.classes[k].dice.mean);
    }
    return row;
  };
}

// Writes the profile of rank 0.
void write_profile(const RunFolder& folder) {
  const std::string report = profile::report();
  if (report.empty()) return;
  write_file(folder / "profile.txt", report);
  profile::write_trace(folder / "profile.json");
  std::cout << report << "trace: " << (folder / "profile.json").string() << '\n';
}

// One start of a run, on every rank; rank 0 alone has a folder and records.
struct StartedRun {
  const Run& run;
  const RunBatches& batches;
  RunFolder* folder;
  RunJournal* journal;
  StopConditions& stop;
  int64_t done = 0;  // iterations of the training so far
  StartCost cost = {};
};

void note_stop(const StartedRun& start, const std::string& reason, const std::string& what) {
  if (!start.folder) return;
  start.folder->set_status(RunStatus::kStopped, now_seconds(), reason);
  log::info("{} ({}); run the same command to resume", what, reason);
}

// Returns false when stopped on request.
bool train(StartedRun& start) {
  const Run& run = start.run;
  ProgressDisplay progress;
  TensorBoardDisplay events(start.folder ? start.folder->path() : "");
  Trainer trainer(
      {.method = *run.model.method,
       .protocol = run.options.protocol,
       .comm = *run.model.comm,
       .draws = run.options.draws().on(run.model.device),
       .batches = [&start](int64_t stage,
                           int64_t first) { return start.batches.loader(stage, first); },
       .epoch_length = [&start](int64_t stage) { return start.batches.epoch_length(stage); },
       .validate = validation(run, start.stop),
       .journal = start.journal,
       .displays = {&events, &progress},
       .stop_reason = [&start](int64_t steps) { return start.stop.after_steps(steps); }});
  *run.model.forwarded = 0;
  const bool is_done = trainer.run();
  start.done = trainer.done();
  start.cost.steps = start.done - trainer.begun();
  start.cost.forward_passes = forward_passes(run, *run.model.forwarded);
  if (start.folder) {
    start.journal->flush();
    progress.finish();
    write_profile(*start.folder);
  }
  if (!is_done) {
    note_stop(start, trainer.stop_reason(),
              fmt::format("stopped and saved after {} iterations", start.done));
  }
  return is_done;
}

// Collective. Returns the rows of the last weights, which the method then holds: the selected ones'
// where these are the last; none when stopped.
std::vector<EvaluationRow> evaluate_last(const StartedRun& start, Split split,
                                         const std::vector<EvaluationRow>& selected) {
  const Run& run = start.run;
  if (run.selection() == "last") return selected;
  const auto newest =
      broadcast_state(start.journal ? start.journal->load_newest() : std::nullopt, *run.model.comm);
  const int64_t best = newest ? steps_of_best(*newest) : 0;
  if (best == 0 || best == std::get<int64_t>(newest->at("trainer/done"))) return selected;
  put_state([&run](StateVisitor& v) { run.model.method->state(v); }, method_part(*newest));
  return run.evaluate_split(split, /*distances=*/true,
                            [&start] { return start.stop.now().has_value(); });
}

bool note_stopped_evaluation(const StartedRun& start) {
  note_stop(start, agree_to_stop(start.stop.now(), *start.run.model.comm),
            "stopped in the evaluation after the training");
  return false;
}

// The same for the evaluation at the end. `seconds` is the duration of training.
bool finish(const StartedRun& start, double seconds) {
  const Run& run = start.run;
  if (!run.data.has_cases(Split::kTest) && !run.data.has_cases(Split::kVal)) {
    if (!start.folder) return true;
    start.folder->set_status(RunStatus::kDone, now_seconds());
    log::info(
        "nothing is measured: the data set has no val and no test cases; semiseg predict {} "
        "takes the last weights",
        start.folder->path().string());
    return true;
  }
  const Split split = run.data.has_cases(Split::kTest) ? Split::kTest : Split::kVal;
  start.stop.begin_evaluation();
  const auto rows = run.evaluate_split(split, /*distances=*/true,
                                       [&start] { return start.stop.now().has_value(); });
  if (rows.empty()) return note_stopped_evaluation(start);
  std::optional<FinishedRun> finished;
  if (start.folder) finished = finish_run(run, *start.folder, split, rows, start.done, seconds);
  const auto last = evaluate_last(start, split, rows);
  if (last.empty()) return note_stopped_evaluation(start);
  if (!start.folder) return true;
  write_last_cases(run, *start.folder, split, last);
  start.folder->set_status(RunStatus::kDone, now_seconds());
  log::info("{}: {}", to_string(split), describe(finished->metrics, run.options.evaluation));
  log::info("overlay: {}", finished->overlay.string());
  return true;
}

}  // namespace

bool train_run(const Run& run, const RunBatches& batches, RunFolder* folder,
               const std::vector<std::string>& arguments, int64_t stop_after) {
  const auto begin = std::chrono::steady_clock::now();
  catch_stop_signals();
  std::optional<RunJournal> journal;
  const auto machines = gather_texts(describe_machine(run.model.device), *run.model.comm);
  if (folder) {
    announce(run, *folder);
    record_provenance(*folder, arguments,
                      {.ranks = run.model.comm->size(),
                       .machines = machines,
                       .tried = read_tried(run.options.config.section("run")),
                       .labels_touched = labels_touched(run)});
    write_dataset_record(folder->path(), {run.data.facts.info, run.data.facts.domains});
    journal.emplace(folder->path(), run.options.protocol.keep_checkpoints);
  }
  RunJournal* const records = journal ? &*journal : nullptr;
  StopConditions stop(run.options, folder ? folder->path() : "", records, stop_after);
  StartedRun start{run, batches, folder, records, stop};
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const bool is_done = train(start) && finish(start, seconds());
  start.cost.seconds = seconds();
  if (folder) record_account(*folder, run, start.cost);
  return is_done;
}

}  // namespace semiseg
