// SPDX-License-Identifier: Apache-2.0
#include "framework/run/load_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/comm/broadcast.h"
#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"
#include "framework/record/run/dataset_record.h"
#include "framework/record/run/run_folder.h"
#include "framework/run/data_identity.h"

namespace semiseg {
namespace {

void check_exists(const std::filesystem::path& folder, const std::string& weights) {
  std::vector<std::string> known;
  for (const auto& [step, file] : numbered_files(folder)) known.push_back(file.stem());
  if (std::find(known.begin(), known.end(), weights) != known.end()) return;
  known.insert(known.begin(), "best");
  throw Error(ErrorKind::kConfig, {.what = "the run has no weights of this name",
                                   .where = folder.string(),
                                   .expected = fmt::format("{}", fmt::join(known, ", ")),
                                   .got = weights});
}

// "best" is what the run deploys: a run that selects nothing, or has nothing to select on, deploys
// its last weights, and imported ones are best.h5 alone.
StateMap read_weights(const std::string& select, const std::filesystem::path& run,
                      const std::string& weights) {
  const CheckpointFolder folder(run / "checkpoint", /*keep=*/1);
  const BestCheckpoint best(run / "checkpoint");
  if (weights == "best" && (select == "last" || !best.exists())) {
    auto newest = folder.load_newest();
    if (newest && (select == "last" || steps_of_best(*newest) == 0)) return std::move(*newest);
  }
  if (weights == "best") return best.load(std::nullopt);
  check_exists(run / "checkpoint", weights);
  return load_checkpoint(folder.path(weights));
}

// Collective. Returns the configuration of the run folder; the device is that which it asks for.
Config read_configuration(World& world, const std::filesystem::path& run) {
  std::optional<Config> config;
  world.agree([&] {
    const std::filesystem::path file = run / kRunConfigFile;
    config = parse_config(read_own_file(file), file.string());
  });
  world.choose_device(*config);
  double deadline = 0;
  world.agree([&] { deadline = CommOptions::read(config->section("comm")).deadline; });
  world.watch_reading(run, deadline);
  return *config;
}

// Collective. Makes the parts of a run with `make` on every rank, reads the weights on rank 0 and
// puts them into the method of all.
template <typename Make>
auto with_weights(World& world, const std::filesystem::path& run, const std::string& weights,
                  const Make& make) {
  std::optional<decltype(make())> loaded;
  std::optional<StateMap> state;
  world.agree([&] {
    loaded.emplace(make());
    if (world.is_first()) state = read_weights(loaded->options.protocol.select, run, weights);
  });
  const StateMap method = method_part(*broadcast_state(std::move(state), world.comm()));
  world.agree([&] { put_state([&](StateVisitor& v) { loaded->model.method->state(v); }, method); });
  return std::move(*loaded);
}

}  // namespace

Run load_run(World& world, const std::filesystem::path& folder, const std::string& weights) {
  const Config config = read_configuration(world, folder);
  Run run = with_weights(world, folder, weights,
                         [&] { return Run::assemble(config, world, Start::kCheckpoint); });
  // With other data the scores are not those of the run, but they may be useful.
  world.agree([&] {
    if (!world.is_first()) return;
    const std::string changed = changed_data(folder, data_identity(run.options, run.data));
    if (!changed.empty())
      log::warn("the data set is not the one that this run was trained on: {}", changed);
  });
  return run;
}

LoadedModel load_model(World& world, const std::filesystem::path& folder,
                       const std::string& weights) {
  const Config config = read_configuration(world, folder);
  return with_weights(world, folder, weights, [&]() -> LoadedModel {
    RunOptions options = RunOptions::read(config, world);
    const auto recorded = read_dataset_record(folder);
    DataFacts facts =
        recorded ? DataFacts{recorded->info, recorded->domains} : RunData::open(options).facts;
    facts.class_voxels = {};  // the data are closed again
    RunModel model = RunModel::build(options, facts, world, Start::kCheckpoint);
    return {std::move(options), facts.info, std::move(model)};
  });
}

StateMap method_part(const StateMap& state) {
  const std::string prefix = "method/";
  StateMap part;
  for (const auto& [name, value] : state) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = value;
  }
  return part.empty() ? state : part;
}

int64_t steps_of_best(const StateMap& state) {
  const auto found = state.find("trainer/best_done");
  const int64_t* done = found == state.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return done ? *done : 0;
}

}  // namespace semiseg
