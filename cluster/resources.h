// SPDX-License-Identifier: Apache-2.0
// The job specification: what one run asks of a cluster, and how the program is started there
// (section [cluster]). Nothing in it belongs to the identity of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/config.h"

namespace semiseg::cluster {

struct Resources {
  std::string name;  // of the job; empty: the run's
  int64_t nodes = 1, tasks_per_node = 1, cpus_per_task = 4, gpus_per_task = 0;
  std::string gres, mem, partition, account, qos, constraint, exclude;  // empty: not asked for
  bool exclusive = false;
  std::string time;                  // as it was given; empty: the partition's default
  std::optional<double> seconds;     // the same in seconds
  std::vector<std::string> options;  // further ones of sbatch

  std::vector<std::string> modules, setup;
  std::string container;
  std::vector<std::string> container_options;
  std::string program;  // empty: this one
  std::string start = "srun", mpi = "pmix";
  std::vector<std::string> start_options;

  int64_t signal_before = 120;  // seconds
  int64_t max_timeouts = 50, max_preemptions = 100;

  int64_t tasks() const { return nodes * tasks_per_node; }

  // Reads the section over these values. Throws kConfig for values that Slurm or a job script cannot
  // take, and for a time that ends before anything is trained.
  void read_over(const Config& section);
  static Resources read(const Config& section);
};

// Returns the file of the site's values: SEMISEG_SITE, or semiseg/site.toml in the configuration
// folder of the user (XDG_CONFIG_HOME, else ~/.config), or /etc/semiseg/site.toml; nullopt when
// there is none. Throws kConfig when SEMISEG_SITE names no file.
std::optional<std::filesystem::path> site_file(
    const std::map<std::string, std::string>& environment);

// Reads section [cluster] of the site's file and, over it, `section`, and checks that neither has a
// key that nothing reads.
Resources read_resources(const Config& section,
                         const std::map<std::string, std::string>& environment);

}  // namespace semiseg::cluster
