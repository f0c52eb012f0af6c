// SPDX-License-Identifier: Apache-2.0
#include "launch/load_run.h"

#include <optional>

#include "framework/checkpoint/checkpoint.h"
#include "framework/comm/broadcast_state.h"
#include "framework/config/compose.h"
#include "framework/core/files.h"

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

}  // namespace

Experiment load_run(World& world, const std::filesystem::path& run, const std::string& weights) {
  std::optional<Experiment> e;
  std::optional<StateMap> state;
  std::optional<Config> config;
  world.agree([&] {
    const std::filesystem::path file = run / kRunConfigFile;
    config = parse_config(read_file(file), file.string());
  });
  world.choose_device(*config);
  world.agree([&] {
    e = assemble(*config, world);
    if (world.is_first()) state = load_checkpoint(run / "checkpoint" / (weights + ".h5"));
  });
  const StateMap method = method_part(*broadcast_state(std::move(state), world.comm()));
  world.agree([&] { put_state([&](StateVisitor& v) { e->method->state(v); }, method); });
  return std::move(*e);
}

}  // namespace semiseg
