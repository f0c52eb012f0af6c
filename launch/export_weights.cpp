// SPDX-License-Identifier: Apache-2.0
// semiseg export RUN FILE.safetensors: the network that a run deploys, for other programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/log.h"
#include "framework/files/safetensors.h"
#include "framework/run/load_run.h"
#include "launch/command_line/flags.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

struct ExportFlags {
  fs::path run, file;
  std::string weights = "best", network;
  bool force = false;
};

Weights deployed(const RunModel& model) {
  const Backbone* network = model.method->predictor().network();
  if (!network) {
    throw Error(ErrorKind::kConfig,
                {.what = "several networks of the method predict together",
                 .expected = fmt::format("{}", fmt::join(*model.networks, ", ")),
                 .fix = "choose one with --network"});
  }
  Weights weights;
  for (const auto* list : {&network->parameters(), &network->buffers()}) {
    for (const auto& tensor : *list) weights.emplace(tensor.name, tensor.value);
  }
  return weights;
}

Weights named(const RunModel& model, const std::string& network) {
  if (std::find(model.networks->begin(), model.networks->end(), network) == model.networks->end()) {
    throw Error(ErrorKind::kConfig,
                {.what = "the method has no network '" + network + "'",
                 .where = "--network",
                 .expected = fmt::format("{}", fmt::join(*model.networks, ", "))});
  }
  Weights weights;
  for (const auto& [name, value] :
       take_state([&model](StateVisitor& v) { model.method->state(v); })) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    if (tensor && name.starts_with(network + "/"))
      weights.emplace(name.substr(network.size() + 1), *tensor);
  }
  return weights;
}

void check_target(const ExportFlags& flags) {
  if (flags.file.extension() != ".safetensors") {
    throw Error(ErrorKind::kConfig, {.what = "weights are exported as safetensors only",
                                     .where = flags.file.string(),
                                     .expected = "a name that ends in .safetensors"});
  }
  if (fs::exists(flags.file) && !flags.force) {
    throw Error(ErrorKind::kConfig, {.what = "the file exists already",
                                     .where = flags.file.string(),
                                     .fix = "give another name, or --force to replace it"});
  }
}

int export_weights(World& world, const ExportFlags& flags) {
  const LoadedModel run = load_model(world, flags.run, flags.weights);
  if (!world.is_first()) return 0;
  const Weights weights =
      flags.network.empty() ? deployed(run.model) : named(run.model, flags.network);
  write_safetensors(
      flags.file,
      {.tensors = weights,
       .metadata = {{"format", "pt"},
                    {"method", run.options.method},
                    {"dataset", run.options.dataset},
                    {"backbone", run.options.backbone},
                    {"network", flags.network.empty() ? "deployed" : flags.network},
                    {"checkpoint", flags.weights},
                    {"config_hash", fmt::format("{:016x}", run.options.config.identity())},
                    {"weights", checksum(weights)}}});
  log::info("{} tensors: {}", weights.size(), flags.file.string());
  return 0;
}

}  // namespace

int run_export(const Arguments& arguments) {
  Flags flags(
      "export", "Writes the network that a run deploys, parameters under the reference's names.",
      "example: semiseg export runs/2026-01-31-bcp-acdc-1a2b3c bcp.safetensors\n"
      "In Python: network.load_state_dict(safetensors.torch.load_file(\"bcp.safetensors\"))");
  ExportFlags chosen;
  flags.require("run", chosen.run, "run folder");
  flags.require("file", chosen.file, "file to write, .safetensors");
  flags.add("--weights", chosen.weights, "best, or a checkpoint's number such as 000800");
  flags.add("--network", chosen.network,
            "a network of the method, such as teacher or net2, instead of the deployed one");
  flags.add("--force", chosen.force, "replace the file if it is there");
  if (const auto code = flags.parse(arguments)) return *code;
  check_target(chosen);
  World world;
  return world.run([&] { return export_weights(world, chosen); });
}

}  // namespace semiseg
