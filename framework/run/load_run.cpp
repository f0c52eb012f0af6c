// SPDX-License-Identifier: Apache-2.0
#include "framework/run/load_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/checkpoint_files.h"
#include "framework/checkpoint/checkpoint_folder.h"
#include "framework/comm/broadcast_state.h"
#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"
#include "framework/record/run/dataset_record.h"
#include "framework/run/data_identity.h"

namespace semiseg {
namespace {

// best.h5 holds the method alone, a numbered checkpoint the whole training.
StateMap method_part(const StateMap& state) {
  const std::string prefix = "method/";
  StateMap part;
  for (const auto& [name, value] : state) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = value;
  }
  return part.empty() ? state : part;
}

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

// True for the state of a training that had selected weights, which are then in best.h5.
bool counts_on_best(const StateMap& state) {
  const auto found = state.find("trainer/best_done");
  const int64_t* done = found == state.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return done && *done > 0;
}

// "best" is what the run deploys: a run that selects nothing, or has nothing to select on, deploys
// its last weights, and imported ones are best.h5 alone.
StateMap read_weights(const Experiment& e, const std::filesystem::path& run,
                      const std::string& weights) {
  const CheckpointFolder folder(run / "checkpoint", /*keep=*/1);
  const BestCheckpoint best(run / "checkpoint");
  if (weights == "best" && (e.protocol.select == "last" || !best.exists())) {
    auto newest = folder.load_newest();
    if (newest && (e.protocol.select == "last" || !counts_on_best(*newest)))
      return std::move(*newest);
  }
  if (weights == "best") return best.load(std::nullopt);
  check_exists(run / "checkpoint", weights);
  return load_checkpoint(folder.path(weights));
}

// Returns the experiment that `make` assembles from the run's configuration, with the weights.
template <typename Make>
Experiment load(World& world, const std::filesystem::path& run, const std::string& weights,
                const Make& make) {
  std::optional<Experiment> e;
  std::optional<StateMap> state;
  std::optional<Config> config;
  world.agree([&] {
    const std::filesystem::path file = run / kRunConfigFile;
    config = parse_config(read_own_file(file), file.string());
  });
  world.choose_device(*config);
  world.agree([&] {
    e = make(*config);
    if (world.is_first()) state = read_weights(*e, run, weights);
  });
  const StateMap method = method_part(*broadcast_state(std::move(state), world.comm()));
  world.agree([&] { put_state([&](StateVisitor& v) { e->method->state(v); }, method); });
  return std::move(*e);
}

}  // namespace

Experiment load_run(World& world, const std::filesystem::path& run, const std::string& weights) {
  Experiment e =
      load(world, run, weights, [&](const Config& config) { return assemble(config, world); });
  // With other data the scores are not those of the run, but they may be useful.
  world.agree([&] {
    if (!world.is_first()) return;
    const std::string changed = changed_data(run, data_identity(e));
    if (!changed.empty())
      log::warn("the data set is not the one that this run was trained on: {}", changed);
  });
  return e;
}

Experiment load_network(World& world, const std::filesystem::path& run,
                        const std::string& weights) {
  return load(world, run, weights, [&](const Config& config) {
    const auto dataset = read_dataset_record(run);
    return dataset ? assemble_network(config, world, *dataset) : assemble(config, world);
  });
}

}  // namespace semiseg
