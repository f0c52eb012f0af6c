// SPDX-License-Identifier: Apache-2.0
// semiseg conformance METHOD…: runs the checks that every method must pass.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iostream>

#include "framework/core/error.h"
#include "framework/core/plugins/plugin.h"
#include "framework/run/places.h"
#include "launch/command_line/compose_flags.h"
#include "launch/command_line/flags.h"
#include "launch/conformance/checks.h"
#include "launch/verbs.h"

namespace semiseg {
namespace {

// Prints the result of each check and returns how many have findings.
int64_t check_method(const MethodOnImages& method) {
  int64_t failed = 0;
  for (const Check& check : conformance_checks()) {
    const Findings findings = findings_of(check, method);
    std::cout << fmt::format("{:<9}{} in {}D {}\n", findings.empty() ? "[ok]" : "[FAILED]",
                             method.name, method.axes, check.claim);
    for (const std::string& finding : findings) std::cout << fmt::format("         {}\n", finding);
    std::cout << std::flush;
    if (!findings.empty()) ++failed;
  }
  return failed;
}

// Loads the plug-ins of "plugins=[…]", written as for semiseg train.
void load_plugins_of(const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const std::string key = setting.substr(0, setting.find('='));
    if (key == "plugins" || key == "+plugins") continue;
    throw Error(ErrorKind::kConfig, {.what = "the suite takes no such setting",
                                     .where = "command line",
                                     .expected = "names of methods, and plugins=[FILE,…]",
                                     .got = setting,
                                     .fix = "--options gives options of the method"});
  }
  ComposeFlags configuration;
  configuration.overrides = settings;
  with_whole_places(configuration.request());
}

// Returns the methods on images of each number of axes; kConfig for an unknown one.
std::vector<MethodOnImages> asked_methods(const std::vector<std::string>& names,
                                          const std::vector<int64_t>& axes,
                                          const std::string& options) {
  std::vector<MethodOnImages> methods;
  for (const std::string& name : names) {
    const MethodEntry& entry = MethodRegistry::instance().find(name);
    for (const int64_t number : axes) {
      if (number != 2 && number != 3) {
        throw Error(ErrorKind::kConfig, {.what = "images have no such number of axes",
                                         .where = "--axes",
                                         .expected = "2 or 3",
                                         .got = std::to_string(number)});
      }
      if (entry.networks.of(number) == "none") {
        std::cout << fmt::format("[none]   {} in {}D does not exist\n", name, number);
        continue;
      }
      methods.push_back({.name = name, .axes = number, .options = options});
    }
  }
  return methods;
}

}  // namespace

int run_conformance(const Arguments& arguments) {
  Flags flags("conformance",
              "Checks that methods do what every method must do: repeatable steps, resume, equal "
              "results on several ranks, use of unlabelled images, and more. Exit code 1: a check "
              "has findings.",
              "example: semiseg conformance bcp\n"
              "         semiseg conformance my_method --plugin build/libmine.so --axes 2\n"
              "         semiseg conformance my_method plugins=[build/libmine.so]");
  std::vector<std::string> names, plugins;
  std::vector<int64_t> axes = {2, 3};
  std::string options;
  flags.require("methods", names, "registered methods");
  flags.add("--plugin", plugins, "shared libraries to load first; may be repeated");
  flags.add("--axes", axes, "2 for slices, 3 for volumes");
  flags.add("--options", options, "options of the method, as TOML: 'weight = 2'");
  if (const auto code = flags.parse(arguments)) return *code;
  const auto is_setting = [](const std::string& word) { return word.find('=') != word.npos; };
  const auto first = std::stable_partition(names.begin(), names.end(), std::not_fn(is_setting));
  load_plugins_of({first, names.end()});
  names.erase(first, names.end());
  for (const std::string& plugin : plugins) load_plugin(plugin);
  int64_t failed = 0, total = 0;
  for (const MethodOnImages& method : asked_methods(names, axes, options)) {
    failed += check_method(method);
    total += std::ssize(conformance_checks());
  }
  std::cout << fmt::format("{} passed, {} failed\n", total - failed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace semiseg
