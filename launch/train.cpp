// SPDX-License-Identifier: Apache-2.0
// semiseg train: from a configuration to a run folder with weights, rows and a picture; again:
// resume.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "framework/comm/launch_environment.h"
#include "framework/comm/texts.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/profile.h"
#include "framework/record/dataset_record.h"
#include "framework/train/stop_reasons.h"
#include "framework/train/stop_signal.h"
#include "launch/command_line.h"
#include "launch/finish_run.h"
#include "launch/precision.h"
#include "launch/record_provenance.h"
#include "launch/run_recorder.h"
#include "launch/stop_run.h"
#include "launch/world.h"

namespace semiseg {
namespace {

constexpr const char* kExample =
    "example: semiseg train method=transmedseg dataset=phantom labelled=3 seed=0\n"
    "         semiseg train method=bcp dataset=acdc dataset.root=/data/ACDC protocol=acdc_2d "
    "labelled=7\n"
    "The same command again resumes where it stopped. Ctrl-C stops and saves; a second one leaves "
    "at once.";

void announce(const Experiment& e, const RunFolder& folder) {
  log::info(
      "{} on {} with {}: {} labelled patients ({}{}), {} labelled and {} unlabelled samples, seed "
      "{}",
      e.method_name, e.dataset_name, e.backbone_name, e.budget.patients.size(),
      fmt::join(e.budget.patients.begin(),
                e.budget.patients.begin() + std::min<ptrdiff_t>(3, std::ssize(e.budget.patients)),
                ", "),
      e.budget.patients.size() > 3 ? ", …" : "", e.budget.labelled.size(),
      e.budget.unlabelled.size(), e.seed);
  log::info("on {}, {}; run folder: {}", e.device.str(), e.protocol.precision,
            folder.path().string());
}

std::function<ValueRow()> validation(const Experiment& e) {
  // Weights that are not selected are still watched on the validation split.
  const Split split = e.selection_split().value_or(Split::kVal);
  if (!e.has_cases(split)) {
    log::warn("the data set has no {} split: the last weights are taken", to_string(split));
    return {};
  }
  return [&e, split] {
    const EvaluationSummary metrics = summarise(e.evaluate_split(split, /*distances=*/false));
    ValueRow row = {{"dice", metrics.overall.dice.mean}};
    for (size_t k = 0; k < metrics.class_names.size(); ++k) {
      row.emplace_back("dice." + metrics.class_names[k], metrics.classes[k].dice.mean);
    }
    return row;
  };
}

// Of the process, nearly: set before main.
const double kStart = steady_seconds();

// Why this rank wants to stop, asked once a step.
std::function<std::optional<std::string>()> stop_reason(const Experiment& e,
                                                        const RunRecorder* recorder,
                                                        StopRequest* request, int64_t stop_after) {
  auto seconds = slurm_seconds_left(environment(), now_seconds());
  if (e.walltime) {  // of the whole start, the reading of the data included
    const double left = *e.walltime - (steady_seconds() - kStart);
    seconds = seconds ? std::min(*seconds, left) : left;
  }
  return [=, reasons = StopReasons(Walltime(seconds, steady_seconds()), request),
          steps = int64_t{0}]() mutable -> std::optional<std::string> {
    if (++steps == stop_after) return "--stop-after";
    return reasons.reason(steady_seconds(), recorder ? recorder->longest_save_seconds() : 0);
  };
}

// Of rank 0.
void write_profile(const RunFolder& folder) {
  const std::string report = profile::report();
  if (report.empty()) return;
  write_file(folder / "profile.txt", report);
  profile::write_trace(folder / "profile.json");
  std::cout << report << "trace: " << (folder / "profile.json").string() << '\n';
}

// The loop on every rank; rank 0 alone has a folder and records. False: stopped on request.
bool train(const Experiment& e, RunFolder* folder, RunRecorder* recorder, int64_t stop_after) {
  std::optional<StopRequest> request;
  if (folder) request.emplace(folder->path());
  Trainer trainer(
      {.method = *e.method,
       .protocol = e.protocol,
       .comm = *e.comm,
       .draws = e.draws.on(e.device),
       .make_loader = [&e](int64_t stage, int64_t first) { return e.make_loader(stage, first); },
       .validate = validation(e),
       .observer = recorder,
       .store = recorder,
       .stop_reason = stop_reason(e, recorder, request ? &*request : nullptr, stop_after)});
  const bool is_done = trainer.run();
  if (!folder) return is_done;
  recorder->flush();
  recorder->finish_progress();
  write_profile(*folder);
  if (!is_done) {
    folder->set_status(RunStatus::kStopped, now_seconds(), trainer.stop_reason());
    log::info("stopped and saved after {} iterations ({}); the same command goes on",
              recorder->done(), trainer.stop_reason());
  }
  return is_done;
}

void finish(const Experiment& e, RunFolder* folder, int64_t iterations, double seconds) {
  if (!e.has_cases(Split::kTest) && !e.has_cases(Split::kVal)) {
    if (!folder) return;
    folder->set_status(RunStatus::kDone, now_seconds());
    log::info(
        "nothing is measured: the data set has no val and no test cases; semiseg predict {} "
        "takes the last weights",
        folder->path().string());
    return;
  }
  const Split split = e.has_cases(Split::kTest) ? Split::kTest : Split::kVal;
  const FinishedRun finished = finish_run(e, folder, split, iterations, seconds);
  if (!folder) return;
  folder->set_status(RunStatus::kDone, now_seconds());
  log::info("{}: {}", to_string(split), describe(finished.metrics, e.evaluation));
  log::info("overlay: {}", finished.overlay.string());
}

int train_and_finish(const Experiment& e, RunFolder* folder, const Arguments& arguments,
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
  if (!train(e, folder, recorder ? &*recorder : nullptr, stop_after))
    return exit_code(ErrorKind::kStopped);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  finish(e, folder, recorder ? recorder->done() : 0, taken.count());
  return 0;
}

// The error that is on its way counts, not that it cannot be written down.
void mark_failed(const RunFolder& folder, const std::string& message) {
  try {
    folder.set_status(RunStatus::kFailed, now_seconds(), message);
  } catch (const Error& error) {
    log::warn("{}", error.what());
  }
}

// Collective. The configuration of the run, the same on all ranks. precision=auto becomes what rank
// 0 finds fastest, as if it had been asked for by name: a run folder knows one arithmetic.
Config agree_on_configuration(World& world, ComposeRequest request) {
  std::optional<Config> config;
  std::string precision;
  world.agree([&] { config = compose(request); });
  world.check_same(*config);
  world.choose_device(*config);
  world.agree([&] { precision = ProtocolOptions::read(config->section("protocol")).precision; });
  if (precision != "auto") return *config;
  precision =
      broadcast_text(world.is_first() ? fastest_precision(world.device()) : "", world.comm());
  request.overrides.push_back("protocol.precision=" + precision);
  config = compose(request);
  world.choose_device(*config);
  return *config;
}

// Collective. Ranks find out together whether the run can start.
int start(World& world, ComposeRequest request, const Arguments& arguments, int64_t stop_after) {
  request.now = std::stoll(broadcast_text(std::to_string(request.now), world.comm()));
  const Config config = agree_on_configuration(world, request);
  std::optional<Experiment> e;
  std::optional<RunFolder> folder;
  world.agree([&] {
    e = assemble(config, world, Start::kFresh);
    check_world(LaunchEnvironment::read(environment()), world.comm().size(), e->comm_options.ranks);
  });
  world.agree([&] {
    if (!world.is_first()) return;
    folder.emplace(config, e->folder_request());
  });
  const std::string path =
      broadcast_text(folder && !folder->is_done() ? folder->path().string() : "", world.comm());
  if (path.empty()) {
    if (folder)
      log::info("already done: {} (remove the folder to train again)", folder->path().string());
    return 0;
  }
  world.agree([&] { log::set_file(path + world.log_name()); });
  world.watch(path, e->comm_options.deadline);
  try {
    return train_and_finish(*e, folder ? &*folder : nullptr, arguments, stop_after);
  } catch (const std::exception& error) {
    if (folder) mark_failed(*folder, error.what());
    throw;
  }
}

}  // namespace

int run_train(const Arguments& arguments) {
  Flags flags("train", "Trains a method on a data set.", kExample);
  ComposeFlags configuration;
  configuration.add_to(flags);
  bool show_config = false, show_groups = false;
  flags.add("--cfg", show_config,
            "print the resolved configuration with the file that set each key, and stop");
  flags.add("--info", show_groups,
            "print the groups, their options and the defaults that are picked, and stop");
  std::filesystem::path run_to_stop;
  flags.add("--stop", run_to_stop,
            "ask the run in this folder, here or on another machine, to stop and save, and wait");
  bool with_profile = false;
  flags.add(
      "--profile", with_profile,
      "measure where the time goes: RUN/profile.txt and a trace for Perfetto, RUN/profile.json");
  int64_t stop_after = 0;
  flags.add("--stop-after", stop_after,
            "stop and save after this many iterations of this start; 0: train to the end");
  if (const auto code = flags.parse(arguments)) return *code;
  if (!run_to_stop.empty()) return stop_run(run_to_stop);
  if (show_groups) return std::cout << describe_groups(configuration.request()), 0;
  if (show_config) return std::cout << compose(configuration.request()).to_toml(true), 0;
  if (with_profile) profile::start();
  World world;
  return world.run([&] { return start(world, configuration.request(), arguments, stop_after); });
}

}  // namespace semiseg
