// SPDX-License-Identifier: Apache-2.0
#include "cluster/launcher.h"

namespace semiseg::cluster {

const LauncherEntry& launcher_entry(const Config& config) {
  std::string name = "local";
  config.section("cluster").read(
      "launcher", name, LauncherRegistry::instance().names(),
      "Registered name of the launcher that starts runs. A file of the group cluster sets it: "
      "choose one with cluster=…",
      Effect::kNone);
  return LauncherRegistry::instance().find(name);
}

std::unique_ptr<Launcher> make_launcher(const Config& config) {
  return launcher_entry(config).make(config.section("cluster"));
}

}  // namespace semiseg::cluster
