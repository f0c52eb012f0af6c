// SPDX-License-Identifier: Apache-2.0
// semiseg train: from a configuration to a run folder with weights, rows and a picture; again:
// resume.
#include <filesystem>
#include <iostream>
#include <optional>

#include "cluster/submit_run.h"
#include "framework/comm/broadcast.h"
#include "framework/comm/launch_environment.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/core/profile.h"
#include "framework/nn/precision.h"
#include "framework/record/run/run_state.h"
#include "framework/record/shown_text.h"
#include "framework/run/data_identity.h"
#include "framework/run/places.h"
#include "framework/run/training/stop_run.h"
#include "framework/run/training/train_run.h"
#include "framework/run/world.h"
#include "framework/train/stop_signal.h"
#include "launch/command_line/compose_flags.h"

namespace semiseg {
namespace {

constexpr const char* kExample =
    "example: semiseg train method=transmedseg dataset=cardiac_phantom labelled=3 seed=0\n"
    "         semiseg train method=bcp dataset=acdc dataset.root=/data/ACDC "
    "labelled=7\n"
    "A data set brings the protocol that suits it; protocol=… chooses another.\n"
    "cluster=slurm submits the run to Slurm and returns at once (docs/cluster.md).\n"
    "Run the same command again to resume. Ctrl-C saves and stops; a second one ends the program "
    "at once.\n"
    "Under mpirun a SIGTERM leaves ranks one second to save; with longer steps start it with "
    "--mca odls_base_sigkill_timeout 60.";

// Any rank calls it, whether or not it holds the folder. The original error counts, not the failure
// to record it.
void note_failure(const std::filesystem::path& run, const std::string& message) noexcept {
  try {
    RunState state = read_run_state(run).value_or(RunState{});
    state.status = RunStatus::kFailed;
    state.updated = iso_time(now_seconds());
    state.message = message;
    write_run_state(run, state);
  } catch (const std::exception& error) {
    log::warn("{}", error.what());
  }
}

// Tells a job script how this start ended, where it asks for that by SEMISEG_OUTCOME, the name of a
// file: exit codes of several ranks do not reach it as they are. A start that fails leaves none.
void write_outcome(const RunFolder& folder, int code) {
  const auto variables = environment();
  const auto file = variables.find("SEMISEG_OUTCOME");
  if (file == variables.end() || file->second.empty()) return;
  const auto state = read_run_state(folder.path());
  write_file(file->second, fmt::format("code: {}\nrun: {}\nreason: {}\n", code,
                                       std::filesystem::absolute(folder.path()).string(),
                                       state ? state->message : ""));
}

// All ranks write into the folder that rank 0 has made.
void open_log(const std::string& path) {
  if (!std::filesystem::is_directory(std::filesystem::path(path).parent_path())) {
    throw Error(ErrorKind::kIo, {.what = "this rank does not see the run folder",
                                 .where = path,
                                 .expected = "a folder on a disk that all machines share",
                                 .fix = "set run.root or run.dir to one"});
  }
  log::set_file(path);
}

// Returns on rank 0 the precision that "auto" stands for: that of an existing run of these
// settings, perhaps from another kind of machine, which is resumed; else the fastest here.
// Throws kConfig when that run cannot be resumed here.
std::string resolve_auto(ComposeRequest request, at::Device device) {
  const std::vector<std::string> precisions = precisions_of_auto(device);
  request.overrides.emplace_back();
  for (const std::string& precision : precisions) {
    request.overrides.back() = "protocol.precision=" + precision;
    const Config config = compose(request);
    const auto run = find_run_folder(config, folder_request(config));
    if (!run) continue;
    check_precision(precision, device, "the run was started in it: " + run->string());
    log::info("precision: {}, as in {}", precision, run->string());
    return precision;
  }
  log::info("precision: {}, the fastest of this {}", precisions.front(),
            device.is_cpu() ? "processor" : "GPU");
  return precisions.front();
}

// Collective. The configuration of the run, the same on all ranks. precision=auto becomes what it
// stands for, as if it had been asked for by name: a run folder has one arithmetic.
Config agree_on_configuration(World& world, ComposeRequest request) {
  std::optional<Config> config;
  std::string precision;
  world.agree([&] {
    request = with_whole_places(std::move(request));
    config = compose(request);
  });
  world.check_same(*config);
  world.choose_device(*config);
  world.agree([&] { precision = ProtocolOptions::read(config->section("protocol")).precision; });
  if (precision != "auto") return *config;
  world.agree([&] {
    if (world.is_first()) precision = resolve_auto(request, world.device());
  });
  request.overrides.push_back("protocol.precision=" + broadcast_text(precision, world.comm()));
  config = compose(request);
  world.choose_device(*config);
  return *config;
}

// Collective. Ranks find out together whether the run can start.
int start(World& world, ComposeRequest request, const Arguments& arguments, int64_t stop_after) {
  request.now = std::stoll(broadcast_text(std::to_string(request.now), world.comm()));
  const Config config = agree_on_configuration(world, request);
  std::optional<Run> run;
  std::optional<RunBatches> batches;
  std::optional<RunFolder> folder;
  world.agree([&] {
    run.emplace(Run::assemble(config, world, Start::kFresh));
    batches.emplace(*run);
    const CommOptions& comm = run->options.comm;
    check_world(LaunchEnvironment::read(environment()), world.comm().size(), comm.ranks);
    if (world.comm().size() > 1 && !world.device().is_cpu()) comm.check_for_gpus();
  });
  std::string identity;
  world.agree([&] { identity = data_identity(run->options, run->data); });
  check_same_data(identity, world);
  world.agree([&] {
    if (!world.is_first()) return;
    const RunFolderRequest wanted = folder_request(config);
    if (const auto there = find_run_folder(config, wanted)) check_data(*there, identity);
    folder.emplace(config, wanted);
    keep_data_identity(folder->path(), identity);
  });
  const std::string path =
      broadcast_text(folder && !folder->is_done() ? folder->path().string() : "", world.comm());
  if (path.empty()) {
    if (folder)
      log::info(
          "already done: {} (remove the folder to train again; semiseg evaluate measures it again)",
          folder->path().string());
    if (folder) write_outcome(*folder, 0);
    return 0;
  }
  try {
    world.agree([&] { open_log(path + world.log_name()); });
    world.watch(path, run->options.comm.deadline,
                [path](const std::string& why) { note_failure(path, why); });
    world.agree([&] { settle_selection(*run); });
    if (folder) warn_of_absent_classes(run->data);
    const bool is_done =
        train_run(*run, *batches, folder ? &*folder : nullptr, arguments, stop_after);
    const int code = is_done ? 0 : exit_code(ErrorKind::kStopped);
    if (folder) write_outcome(*folder, code);
    return code;
  } catch (const std::exception& error) {
    if (folder) note_failure(path, error.what());
    throw;
  } catch (...) {  // the ranks agreed that one of them failed
    if (folder) note_failure(path, "a rank could not start: see its message");
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
  const cluster::SplitRequest split = cluster::split_request(configuration.request());
  if (show_groups) return std::cout << describe_groups(split.run), 0;
  if (show_config) return std::cout << compose(split.run).to_toml(true), 0;
  if (cluster::is_for_batch_system(split)) return cluster::submit_run(split, arguments);
  // A job may be told to stop while it still starts; it then saves after its first step.
  if (!LaunchEnvironment::read(environment()).job.empty()) catch_stop_signals();
  if (with_profile) profile::start();
  World world;
  return world.run([&] { return start(world, split.run, arguments, stop_after); });
}

}  // namespace semiseg
