// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/sweep_options.h"

#include "framework/train/walltime.h"

namespace semiseg::cluster {

namespace {

void read_budget(const Config& sweep, SweepOptions& o) {
  std::string text;
  sweep.read(
      "budget", text,
      "Time that the training steps of each run take, as 10min, 2h or 01:30:00, whatever its "
      "method; empty: none. It sets protocol.iterations by the measured cost of a step. Set "
      "it to compare methods at equal cost instead of equal iterations.",
      Effect::kNone);
  sweep.read("costs", o.costs,
             "File of measured costs of steps, which is made and extended; empty: in the sweep "
             "folder. Set it so that several sweeps use the same figures.",
             Effect::kNone);
  if (text.empty()) return;
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds <= 0)
    sweep.fail("budget", "a time that cannot be parsed", "10min, 2h, 01:30:00 or seconds");
  o.budget = *seconds;
}

}  // namespace

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
  sweep.read(
      "at_once", o.sharing.at_once, {0, 100000},
      "Runs at a time; 0: as many as the launcher thinks right, of local ones one for each "
      "GPU, or for every four cores. Set it to leave a part of a machine or queue to others.",
      Effect::kNone);
  sweep.read(
      "pack", o.sharing.pack, {1, 1000},
      "Runs that share a GPU or, without GPUs, four cores; with cluster=slurm runs that share "
      "a job with its cores and GPUs. Raise it for small runs, which leave most of a GPU "
      "or node idle.",
      Effect::kNone);
  read_budget(sweep, o);
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
