// SPDX-License-Identifier: Apache-2.0
#include "cluster/resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/train/walltime.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

// Slurm looks at limits and signals every 30 s and may send a signal a minute early or late.
constexpr double kSlurmIsLate = 60;

bool is_plain(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\' || c == 127;
  });
}

void check_plain(const Config& section, std::string_view key, const std::string& text) {
  if (is_plain(text)) return;
  section.fail(key, "a text that a line of sbatch cannot hold",
               "one line without quotation marks and backslashes");
}

void read_job(const Config& section, Resources& r) {
  section.read("name", r.name,
               "Name of the job in Slurm's lists; empty: method and data set. Set it to find your "
               "job among others.",
               Effect::kNone);
  section.read("nodes", r.nodes, {1, 100000},
               "Nodes of one run. Raise it when the GPUs or cores of one node are too few.",
               Effect::kNone);
  section.read("tasks_per_node", r.tasks_per_node, {1, 10000},
               "Ranks on each node. Set it to the number of GPUs of a node.", Effect::kNone);
  section.read("cpus_per_task", r.cpus_per_task, {1, 10000},
               "Cores of each rank: its compute threads, among which the loader's run. Set it to "
               "the cores of a node divided by its GPUs.",
               Effect::kNone);
  section.read("gpus_per_task", r.gpus_per_task, {0, 64},
               "GPUs of each rank, which uses one; 0: none. Set it to 1 on GPU nodes.",
               Effect::kNone);
  section.read("gres", r.gres,
               "Generic resources of a node in Slurm's words, gpu:a100:4. Set it where the type of "
               "a GPU has to be named or Slurm knows no --gpus-per-node, with gpus_per_task = 0.",
               Effect::kNone);
  section.read("mem", r.mem,
               "Memory of each node as 64G; empty: the partition's default. Set it when jobs end "
               "with OUT_OF_MEMORY, or wait because they ask for too much.",
               Effect::kNone);
  section.read("time", r.time,
               "Longest time of one job, as 24:00:00, 1-12:00:00, 90m or 24h; empty: the "
               "partition's default. A run that takes longer is saved and requeued, so set it to "
               "the partition's limit, or lower to start sooner.",
               Effect::kNone);
  section.read("partition", r.partition,
               "Partition of the job; empty: the cluster's default. sinfo -s lists them.",
               Effect::kNone);
  section.read(
      "account", r.account,
      "Account that pays for the job; empty: yours by default. Set it if you have several.",
      Effect::kNone);
  section.read("qos", r.qos, "Quality of service; empty: the account's default.", Effect::kNone);
  section.read("constraint", r.constraint,
               "Features that nodes must have. Set it to choose a kind of node.", Effect::kNone);
  section.read("exclude", r.exclude, "Nodes that are not used. Set it to avoid a broken one.",
               Effect::kNone);
  section.read("exclusive", r.exclusive,
               "Takes whole nodes. Set it when neighbours disturb measurements of time.",
               Effect::kNone);
  section.read("options", r.options,
               "Further options of sbatch, as --reservation=x. Set them for whatever has no key "
               "here.",
               Effect::kNone);
}

void read_start(const Config& section, Resources& r) {
  section.read("modules", r.modules,
               "Environment modules that the job loads, in their order. Set them to those that "
               "semiseg was built with.",
               Effect::kNone);
  section.read("setup", r.setup,
               "Lines of shell that the job runs before the program. They are copied as they are; "
               "set them for variables and mounts of your site.",
               Effect::kNone);
  section.read("container", r.container,
               "Apptainer image that the program runs in; empty: none. Set it where the nodes lack "
               "the libraries of semiseg.",
               Effect::kNone);
  section.read("container_options", r.container_options,
               "Further options of apptainer exec, as --bind=/data. Set them for folders that the "
               "image does not see.",
               Effect::kNone);
  section.read("program", r.program,
               "The program on the nodes; empty: the one that submits or, in a container, "
               "semiseg. Set it when nodes have it elsewhere.",
               Effect::kNone);
  section.read("start", r.start, {"srun", "mpirun"},
               "Starter of the ranks inside the job. Set mpirun where Slurm has no PMIx for the "
               "Open MPI of semiseg (srun --mpi=list).",
               Effect::kNone);
  section.read("mpi", r.mpi,
               "Kind of connection that srun offers to MPI. Set it to another one of "
               "srun --mpi=list when ranks cannot connect.",
               Effect::kNone);
  section.read("start_options", r.start_options,
               "Further options of the starter, as --cpu-bind=cores.", Effect::kNone);
}

void read_ends(const Config& section, Resources& r) {
  section.read("signal_before", r.signal_before, {30, 65000},
               "Seconds before the end of the job's time at which Slurm asks the run to stop and "
               "save. Raise it when one step or validation case plus a save takes longer.",
               Effect::kNone);
  section.read("max_timeouts", r.max_timeouts, {0, 1e6},
               "How many times a job is requeued because its time was over. Raise it for runs that "
               "are longer than so many times the time; 0: never.",
               Effect::kNone);
  section.read("max_preemptions", r.max_preemptions, {0, 1e6},
               "How many times a job goes on after it lost its nodes to another job or a failure. "
               "Lower it when lost work costs too much.",
               Effect::kNone);
}

void check(const Config& section, const Resources& r) {
  for (const auto& [key, text] :
       std::vector<std::pair<const char*, const std::string&>>{{"name", r.name},
                                                               {"gres", r.gres},
                                                               {"mem", r.mem},
                                                               {"partition", r.partition},
                                                               {"account", r.account},
                                                               {"qos", r.qos},
                                                               {"constraint", r.constraint},
                                                               {"exclude", r.exclude},
                                                               {"program", r.program},
                                                               {"container", r.container}})
    check_plain(section, key, text);
  for (const std::string& option : r.options) {
    check_plain(section, "options", option);
    if (!option.starts_with("--"))
      section.fail("options", "an option of sbatch that is not written out", "--name=value");
  }
  static const std::regex memory(R"(\d{1,12}[KMGT]?)");
  if (!r.mem.empty() && !std::regex_match(r.mem, memory))
    section.fail("mem", "an amount of memory that cannot be parsed", "64G, 64000M");
  if (r.gpus_per_task > 0 && !r.gres.empty())
    section.fail("gres", "GPUs are asked for twice", "gres or gpus_per_task, not both");
}

// A job that is told to stop as soon as it starts trains nothing and requeues itself for ever.
void read_time(const Config& section, Resources& r) {
  r.seconds.reset();
  if (r.time.empty()) return;
  static const std::regex bare(R"([\d.]+)");
  r.seconds = parse_duration(r.time);
  if (!r.seconds || *r.seconds <= 0 || std::regex_match(r.time, bare))
    section.fail("time", "a time that cannot be parsed",
                 "hours:minutes:seconds, days-hours:minutes:seconds, or a number with s, m, h or d",
                 "a bare number would be minutes for Slurm and seconds here");
  if (*r.seconds >= static_cast<double>(r.signal_before) + kSlurmIsLate) return;
  section.fail("time", "the time of the job is too short to train and save",
               fmt::format("at least {:.0f} s: signal_before = {} s and a minute that Slurm may be "
                           "early",
                           static_cast<double>(r.signal_before) + kSlurmIsLate, r.signal_before),
               "raise cluster.time, or lower cluster.signal_before if a step and a save take less");
}

}  // namespace

void Resources::read_over(const Config& section) {
  read_job(section, *this);
  read_start(section, *this);
  read_ends(section, *this);
  check(section, *this);
  read_time(section, *this);
}

Resources Resources::read(const Config& section) {
  Resources r;
  r.read_over(section);
  return r;
}

std::optional<fs::path> site_file(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const std::string given = value("SEMISEG_SITE"), home = value("HOME");
  if (!given.empty()) {
    if (fs::is_regular_file(given)) return given;
    throw Error(ErrorKind::kConfig, {.what = "there is no such file of the site's values",
                                     .where = "SEMISEG_SITE=" + given,
                                     .expected = "a TOML file with a section [cluster]",
                                     .fix = "correct the variable or unset it"});
  }
  const std::string folder = value("XDG_CONFIG_HOME");
  std::vector<fs::path> places;
  if (!folder.empty()) places.push_back(fs::path(folder) / "semiseg/site.toml");
  if (folder.empty() && !home.empty())
    places.push_back(fs::path(home) / ".config/semiseg/site.toml");
  places.emplace_back("/etc/semiseg/site.toml");
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place)) return place;
  }
  return std::nullopt;
}

Resources read_resources(const Config& section,
                         const std::map<std::string, std::string>& environment) {
  Resources r;
  if (const auto file = site_file(environment)) {
    const Config site = parse_config(read_file(*file), file->string());
    r.read_over(site.section("cluster"));
    site.check_all_read();
  }
  r.read_over(section);
  section.check_all_read();
  return r;
}

}  // namespace semiseg::cluster
