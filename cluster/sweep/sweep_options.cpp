// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/sweep_options.h"

namespace semiseg::cluster {

SweepOptions SweepOptions::read(const Config& sweep) {
  SweepOptions o;
  sweep.read("root", o.root,
             "Folder that sweep folders are made in. Set it to a disk that all nodes see.",
             Effect::kNone);
  sweep.read("dir", o.directory,
             "Sweep folder to use instead of one that is named for the runs: a new one, or one of "
             "the same runs. Set it where a script needs to know the name.",
             Effect::kNone);
  sweep.read("name", o.name,
             "Name of the sweep, for its folder; empty: the data set. Set it to tell sweeps of one "
             "day apart.",
             Effect::kNone);
  sweep.read("at_once", o.at_once, {0, 100000},
             "Runs at a time; 0: as many as the launcher thinks right, of local ones one for each "
             "GPU, or for every four cores. More than there are GPUs share them: set it so for "
             "small runs.",
             Effect::kNone);
  return o;
}

LaunchSetup read_launch(const ComposeRequest& launch) {
  const Config config = compose(launch);
  LaunchSetup setup{.options = SweepOptions::read(config.section("sweep")),
                    .overrides = launch.overrides};
  const LauncherEntry& entry = launcher_entry(config);
  entry.read_options(config.section("cluster"));
  config.check_all_read();
  setup.launcher = {make_launcher(config), entry.is_here};
  return setup;
}

}  // namespace semiseg::cluster
