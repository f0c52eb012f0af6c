// SPDX-License-Identifier: Apache-2.0
// semiseg info: what is registered, and the options of one plug-in.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "framework/core/plugin.h"
#include "framework/data/dataset.h"
#include "framework/methods/method.h"
#include "launch/command_line.h"
#include "launch/initial_weights.h"

namespace semiseg {
namespace {

template <class Entry>
void list(const char* title) {
  std::cout << title << '\n';
  const auto& registry = Registry<Entry>::instance();
  for (const auto& name : registry.names())
    std::cout << fmt::format("  {:<20}{}\n", name, registry.find(name).summary);
}

// The options that a component reads are known by having it read an empty section.
void print_reads(const Config& config, const std::string& section) {
  std::cout << "options (section [" << section << "]):\n";
  for (const auto& read : config.reads()) {
    if (read.type.empty()) continue;
    std::cout << fmt::format("  {:<34}{} = {}{}\n      {}\n", read.path, read.type,
                             read.default_value,
                             read.allowed.empty() ? "" : " (" + read.allowed + ")", read.doc);
  }
}

void describe_method(const std::string& name) {
  std::cout << name << ": " << MethodRegistry::instance().find(name).summary << '\n';
  const Config config = parse_config("[method]\nname = \"" + name + "\"\n");
  const NetworkShape shape{.channels = 1, .classes = 4, .patch_size = {64, 64}};
  const auto comm = make_serial_communicator();
  const Config backbone = parse_config("name = \"unet\"");
  MethodRegistry::instance().find(name).make(
      {.options = config.section("method"),
       .shape = shape,
       .iterations = 100,
       .batch = 4,
       .labelled = 2,
       .comm = comm.get(),
       .make_network = NetworkMaker{.backbone = backbone,
                                    .method = config.section("method"),
                                    .shape = shape,
                                    .draws = Draws(0)}});
  print_reads(config, "method");
}

void describe_backbone(const std::string& name) {
  const BackboneEntry& entry = BackboneRegistry::instance().find(name);
  std::cout << name << ": " << entry.summary << '\n';
  const Config config = parse_config("[backbone]\nname = \"" + name + "\"\n");
  const auto network =
      entry.make(config.section("backbone"),
                 {.channels = 1, .classes = 4, .patch_size = {256, 256}}, Draws(0), "net");
  std::cout << fmt::format("{} parameters for 1 channel and 4 classes\n",
                           network->parameter_count());
  InitialWeights::read(config.section("backbone"));
  print_reads(config, "backbone");
}

}  // namespace

int run_info(const Arguments& arguments) {
  Flags flags("info", "Lists data sets, backbones and methods; with a name, the options of one.",
              "example: semiseg info\n         semiseg info transmedseg");
  std::string name;
  std::vector<std::string> plugins;
  flags.add("name", name, "a method, backbone or data set");
  flags.add("--plugin", plugins, "shared libraries to load first; may be repeated");
  if (const auto code = flags.parse(arguments)) return *code;
  for (const std::string& plugin : plugins) load_plugin(plugin);
  if (name.empty()) {
    list<MethodEntry>("methods (method=…)");
    list<BackboneEntry>("backbones (backbone=…)");
    list<DatasetEntry>("data sets (dataset=…)");
    return 0;
  }
  const auto is_one_of = [&name](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (is_one_of(BackboneRegistry::instance().names())) {
    describe_backbone(name);
  } else if (is_one_of(DatasetRegistry::instance().names())) {
    // Its options are read when its files are opened, which need not be here.
    std::cout << name << ": " << DatasetRegistry::instance().find(name).summary
              << "\noptions: semiseg train dataset=" << name << " --cfg\n";
  } else {
    describe_method(name);
  }
  return 0;
}

}  // namespace semiseg
