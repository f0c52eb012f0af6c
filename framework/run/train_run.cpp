// SPDX-License-Identifier: Apache-2.0
#include "framework/run/train_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/core/profile.h"
#include "framework/record/run/dataset_record.h"
#include "framework/run/finish_run.h"
#include "framework/run/record_provenance.h"
#include "framework/run/run_recorder.h"
#include "framework/run/stop_conditions.h"
#include "framework/train/stop_signal.h"
#include "framework/train/trainer.h"

namespace semiseg {
namespace {

void announce(const Experiment& e, const RunFolder& folder) {
  log::info(
      "{} on {} with {}: {} labelled patients ({}{}), {} labelled and {} unlabelled samples, seed "
      "{}",
      e.method_name, e.dataset_name, e.backbone_name, e.pools.labelled_patients.size(),
      fmt::join(e.pools.labelled_patients.begin(),
                e.pools.labelled_patients.begin() +
                    std::min<ptrdiff_t>(3, std::ssize(e.pools.labelled_patients)),
                ", "),
      e.pools.labelled_patients.size() > 3 ? ", …" : "", e.pools.find("labelled").members.size(),
      e.pools.samples.size() - e.pools.find("labelled").members.size(), e.seed);
  log::info("on {}, {}; run folder: {}", e.device.str(), e.protocol.precision,
            folder.path().string());
}

std::function<ValueRow()> validation(const Experiment& e, StopConditions& stop) {
  // Without a selection, scores are still logged on the validation split.
  const Split split = e.selection_split().value_or(Split::kVal);
  if (!e.has_cases(split)) {
    log::warn("the data set has no {} split: the last weights are taken", to_string(split));
    return {};
  }
  return [&e, &stop, split]() -> ValueRow {
    const auto rows =
        e.evaluate_split(split, /*distances=*/false, [&stop] { return stop.now().has_value(); });
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
  const Experiment& e;
  RunFolder* folder;
  RunRecorder* recorder;
  StopConditions& stop;
};

void note_stop(const StartedRun& run, const std::string& reason, const std::string& what) {
  if (!run.folder) return;
  run.folder->set_status(RunStatus::kStopped, now_seconds(), reason);
  log::info("{} ({}); run the same command to resume", what, reason);
}

// Returns false when stopped on request.
bool train(const StartedRun& run) {
  const Experiment& e = run.e;
  Trainer trainer(
      {.method = *e.method,
       .protocol = e.protocol,
       .comm = *e.comm,
       .draws = e.draws.on(e.device),
       .batches = [&e](int64_t stage, int64_t first) { return e.make_loader(stage, first); },
       .validate = validation(e, run.stop),
       .observer = run.recorder,
       .store = run.recorder,
       .stop_reason = [&run](int64_t steps) { return run.stop.after_steps(steps); }});
  const bool is_done = trainer.run();
  if (run.folder) {
    run.recorder->flush();
    run.recorder->finish_progress();
    write_profile(*run.folder);
  }
  if (!is_done) {
    note_stop(run, trainer.stop_reason(),
              fmt::format("stopped and saved after {} iterations",
                          run.recorder ? run.recorder->done() : 0));
  }
  return is_done;
}

// The same for the evaluation at the end. `seconds` is the duration of training.
bool finish(const StartedRun& run, double seconds) {
  const Experiment& e = run.e;
  if (!e.has_cases(Split::kTest) && !e.has_cases(Split::kVal)) {
    if (!run.folder) return true;
    run.folder->set_status(RunStatus::kDone, now_seconds());
    log::info(
        "nothing is measured: the data set has no val and no test cases; semiseg predict {} "
        "takes the last weights",
        run.folder->path().string());
    return true;
  }
  const Split split = e.has_cases(Split::kTest) ? Split::kTest : Split::kVal;
  run.stop.begin_evaluation();
  const auto rows =
      e.evaluate_split(split, /*distances=*/true, [&run] { return run.stop.now().has_value(); });
  if (rows.empty()) {
    note_stop(run, agree_to_stop(run.stop.now(), *e.comm),
              "stopped in the evaluation after the training");
    return false;
  }
  if (!run.folder) return true;
  const FinishedRun finished =
      finish_run(e, *run.folder, split, rows, run.recorder->done(), seconds);
  run.folder->set_status(RunStatus::kDone, now_seconds());
  log::info("{}: {}", to_string(split), describe(finished.metrics, e.evaluation));
  log::info("overlay: {}", finished.overlay.string());
  return true;
}

}  // namespace

bool train_run(const Experiment& e, RunFolder* folder, const std::vector<std::string>& arguments,
               int64_t stop_after) {
  const auto begin = std::chrono::steady_clock::now();
  catch_stop_signals();
  std::optional<RunRecorder> recorder;
  if (folder) {
    announce(e, *folder);
    record_provenance(*folder, arguments, e.comm->size());
    write_dataset_record(folder->path(), e.dataset);
    recorder.emplace(*folder, e.protocol);
  }
  RunRecorder* const records = recorder ? &*recorder : nullptr;
  StopConditions stop(e, folder ? folder->path() : "", records, stop_after);
  const StartedRun run{e, folder, records, stop};
  if (!train(run)) return false;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return finish(run, taken.count());
}

}  // namespace semiseg
