// SPDX-License-Identifier: Apache-2.0
// semiseg import-weights FILE: a run folder around weights that another program wrote, so that they
// can be evaluated and used like trained ones.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "framework/checkpoint/best_checkpoint.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/record/run/dataset_record.h"
#include "framework/record/run/provenance.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"
#include "framework/run/places.h"
#include "framework/run/run.h"
#include "framework/run/world.h"
#include "launch/command_line/compose_flags.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kExample =
    "FILE is .safetensors, or .pth and .pt of torch.save, which is read as data: nothing in it is "
    "executed.\nAll networks of the method get the weights; parameter names are those of the "
    "reference.\n"
    "example: semiseg import-weights unet.pth method=mean_teacher dataset=acdc "
    "dataset.root=/data/ACDC\n"
    "         semiseg import-weights unet.pth runs/2026-01-31-bcp-acdc-1a2b3c\n"
    "A training that starts from weights: semiseg train … backbone.weights=unet.pth";

// Returns the text as one value of the override grammar.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("()[]{}:=,'\" \\").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

bool is_run(const fs::path& folder) { return fs::exists(folder / kRunConfigFile); }

// A run among the arguments is the experiment to start from, instead of the experiment files.
ComposeRequest request_of(ComposeFlags flags, const fs::path& file) {
  auto& overrides = flags.overrides;
  const auto run = std::find_if(overrides.begin(), overrides.end(), is_run);
  if (run != overrides.end()) {
    flags.config_folders = {*run};
    flags.config_name = fs::path(kRunConfigFile).stem();
    overrides.erase(run);
    overrides.insert(overrides.begin(), "run.dir=\"\"");
  }
  overrides.push_back("backbone.weights=" + escaped(fs::absolute(file)));
  return flags.request();
}

// The folder is named for the weights, not for the configuration: a training of this configuration
// has its own folder.
RunFolderRequest imported_folder(RunFolderRequest request, const InitialWeights& weights) {
  request.method += "-imported";
  if (request.directory.empty())
    request.directory = request.root / run_folder_name(request, weights.checksum());
  return request;
}

int import_weights(World& world, const ComposeRequest& request, const Arguments& arguments) {
  if (world.comm().size() != 1)
    throw Error(ErrorKind::kConfig, {.what = "import-weights runs in one process"});
  const Config config = compose(with_whole_places(request));
  world.choose_device(config);
  const Run run = Run::assemble(config, world, Start::kFresh);
  const InitialWeights& weights = *run.model.initial_weights;
  const std::string message =
      fmt::format("{}{}, weights {}", kImportedMessage, weights.file(), weights.checksum());
  const RunFolder folder(config, imported_folder(folder_request(config), weights));
  if (folder.is_done()) {
    if (read_run_state(folder.path())->message != message) {
      throw Error(ErrorKind::kConfig, {.what = "the folder holds a run with other weights",
                                       .where = folder.path().string(),
                                       .expected = message,
                                       .got = read_run_state(folder.path())->message,
                                       .fix = "give another run.dir"});
    }
    log::info("already imported: {}", folder.path().string());
    return 0;
  }
  record_provenance(folder, arguments, {});
  write_dataset_record(folder.path(), {run.data.facts.info, run.data.facts.domains});
  BestCheckpoint(folder / "checkpoint")
      .save(take_state([&run](StateVisitor& v) { run.model.method->state(v); }), /*step=*/0);
  folder.set_status(RunStatus::kDone, now_seconds(), message);
  log::info("run folder: {}", folder.path().string());
  return 0;
}

}  // namespace

int run_import_weights(const Arguments& arguments) {
  Flags flags("import-weights", "Makes a run of weights that another program wrote.", kExample);
  fs::path file;
  flags.require("file", file, "weights");
  ComposeFlags configuration;
  configuration.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  World world;
  return world.run(
      [&] { return import_weights(world, request_of(configuration, file), arguments); });
}

}  // namespace semiseg
