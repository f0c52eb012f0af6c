// SPDX-License-Identifier: Apache-2.0
// semiseg info: what is registered, and the options of a plug-in or a section.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cluster/launcher.h"
#include "datasets/nnunet/nnunet_plans.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"
#include "framework/core/plugins/plugin.h"
#include "framework/data/dataset.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transform.h"
#include "framework/methods/method.h"
#include "launch/command_line/flags.h"
#include "launch/options/method_page.h"
#include "launch/options/option_tables.h"

namespace semiseg {
namespace {

template <class Entry>
void list(const char* title) {
  std::cout << title << '\n';
  const auto& registry = Registry<Entry>::instance();
  for (const auto& name : registry.names())
    std::cout << fmt::format("  {:<21}{}\n", name, registry.find(name).summary);
}

std::vector<OptionTable> all_tables() {
  std::vector<OptionTable> all = section_tables();
  for (const auto& tables : {dataset_tables(), setting_tables(), transform_tables(),
                             backbone_tables(), method_tables(), sweep_tables(), launcher_tables()})
    all.insert(all.end(), tables.begin(), tables.end());
  return all;
}

void list_all() {
  list<MethodEntry>("methods (method=…)");
  list<BackboneEntry>("backbones (backbone=…)");
  list<DatasetEntry>("data sets (dataset=…)");
  list<SettingEntry>("settings (setting=…)");
  list<TransformEntry>("transforms (protocol.views.<name>.steps=[…])");
  list<cluster::LauncherEntry>("launchers (cluster=…)");
  std::cout << "sections with their options (semiseg info SECTION says what they do)\n";
  for (const OptionTable& table : section_tables()) std::cout << list_text(table);
}

// Returns the present name of a plug-in that was renamed.
template <class Entry>
std::string present(const std::string& name) {
  const auto& renamed = Registry<Entry>::instance().renamed();
  const auto found = renamed.find(name);
  return found == renamed.end() ? name : found->second;
}

// Prints every table of this name: a section and a plug-in may share it.
void describe(const std::string& given) {
  const std::string name =
      present<MethodEntry>(present<BackboneEntry>(present<DatasetEntry>(given)));
  std::vector<std::string> names;
  bool is_known = false;
  for (const OptionTable& table : all_tables()) {
    if (!table.name.empty()) names.push_back(table.name);
    if (table.name != name) continue;
    std::cout << terminal_text(table);
    is_known = true;
  }
  if (is_known) return;
  throw Error(
      ErrorKind::kConfig,
      {.what = "unknown method, backbone, data set, setting, transform, launcher or section '" +
               name + "'",
       .expected = suggestion(name, names),
       .fix = "semiseg info lists everything that is registered"});
}

}  // namespace

int run_info(const Arguments& arguments) {
  Flags flags("info",
              "Lists data sets, backbones, methods and sections; with a name, the options of one.",
              "example: semiseg info\n         semiseg info transmedseg\n"
              "         semiseg info protocol.optimiser\n"
              "         semiseg info --markdown > docs/options.md");
  std::string name;
  std::vector<std::string> plugins;
  std::string plans, configuration = "3d_fullres";
  bool as_page = false, as_methods = false;
  flags.add("name", name, "a method, backbone, data set or section");
  flags.add("--markdown", as_page, "print every option as one page of Markdown");
  flags.add("--methods-markdown", as_methods, "print every method as one page of Markdown");
  flags.add("--plans", plans, "print the experiment of a plans.json of nnU-Net v2");
  flags.add("--configuration", configuration, "configuration of that file; default 3d_fullres");
  flags.add("--plugin", plugins, "shared libraries to load first; may be repeated");
  if (const auto code = flags.parse(arguments)) return *code;
  for (const std::string& plugin : plugins) load_plugin(plugin);
  if (!plans.empty()) {
    std::cout << experiment_of(read_nnunet_plans(plans, configuration));
  } else if (as_page) {
    std::cout << options_page();
  } else if (as_methods) {
    std::cout << methods_page();
  } else if (name.empty()) {
    list_all();
  } else {
    describe(name);
  }
  return 0;
}

}  // namespace semiseg
