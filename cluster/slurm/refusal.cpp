// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm/refusal.h"

#include <fmt/format.h>

#include <functional>
#include <sstream>

namespace semiseg::cluster {
namespace {

// A piece of sbatch's words, the options that it is about, and advice.
struct Cause {
  const char* words;
  const char* keys;
  const char* fix;
};

// The more special words come first.
constexpr Cause kCauses[] = {
    {"nvalid partition", "cluster.partition", "sinfo -s lists the partitions"},
    {"nvalid account or account/partition", "cluster.account",
     "sacctmgr show associations user=$USER lists your accounts and their partitions"},
    {"nvalid account", "cluster.account",
     "sacctmgr show associations user=$USER lists your accounts"},
    {"nvalid qos", "cluster.qos", "sacctmgr show qos lists them"},
    {"time limit is invalid", "cluster.time",
     "sinfo -o '%P %l' lists the limits; a longer run is saved and requeued by itself"},
    {"Node count specification invalid", "cluster.nodes",
     "sinfo -o '%P %D %s' lists nodes and sizes of jobs"},
    {"More processors requested", "cluster.nodes, cluster.tasks_per_node, cluster.cpus_per_task",
     "sinfo -o '%P %D %c' lists nodes and their cores"},
    {"Memory specification can not be satisfied", "cluster.mem",
     "sinfo -o '%P %m' lists the memory of nodes in MB"},
    {"generic resource", "cluster.gpus_per_task, cluster.gres",
     "sinfo -o '%P %G' lists the resources of nodes"},
    {"nvalid feature", "cluster.constraint", "sinfo -o '%P %f' lists the features of nodes"},
    {"nvalid node name", "cluster.exclude", "sinfo -N lists the nodes"},
    {"job array", "cluster", "scontrol show config says MaxArraySize"},
    {"node configuration is not available",
     "cluster.gpus_per_task, cluster.gres, cluster.cpus_per_task, cluster.mem",
     "sinfo -o '%P %D %c %m %G' lists nodes with cores, memory and GPUs"},
    {"QOSMax", "cluster", "the limits of your account: sacctmgr show qos, or ask the site"},
    {"AssocMax", "cluster", "the limits of your account: sacctmgr show associations"}};

// Lines without "sbatch: error: ".
std::string words_of(const std::string& errors) {
  std::string text;
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);) {
    const std::string prefix = "sbatch: error: ";
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
    if (!line.empty()) text += (text.empty() ? "" : "; ") + line;
  }
  return text;
}

std::string asked(const std::string& keys, const Resources& r) {
  const std::pair<const char*, std::string> values[] = {
      {"cluster.partition", r.partition},
      {"cluster.account", r.account},
      {"cluster.qos", r.qos},
      {"cluster.time", r.time},
      {"cluster.nodes", std::to_string(r.nodes)},
      {"cluster.tasks_per_node", std::to_string(r.tasks_per_node)},
      {"cluster.cpus_per_task", std::to_string(r.cpus_per_task)},
      {"cluster.gpus_per_task", std::to_string(r.gpus_per_task)},
      {"cluster.gres", r.gres},
      {"cluster.mem", r.mem},
      {"cluster.constraint", r.constraint},
      {"cluster.exclude", r.exclude}};
  std::string text;
  for (const auto& [key, value] : values) {
    if (value.empty() || keys.find(key) == std::string::npos) continue;
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key, value);
  }
  return text.empty() ? keys : text;
}

}  // namespace

Error refusal(const std::string& errors, const Resources& resources) {
  for (const Cause& cause : kCauses) {
    if (errors.find(cause.words) == std::string::npos) continue;
    return Error(ErrorKind::kConfig, {.what = "Slurm refuses the job",
                                      .where = asked(cause.keys, resources),
                                      .got = words_of(errors),
                                      .fix = cause.fix});
  }
  return Error(ErrorKind::kConfig, {.what = "Slurm refuses the job",
                                    .got = words_of(errors),
                                    .fix = "correct the options of [cluster], or ask the site"});
}

}  // namespace semiseg::cluster
