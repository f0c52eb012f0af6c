// SPDX-License-Identifier: Apache-2.0
// Slurm starts the tasks: one as a plain job, several as an array, or several arrays where the
// cluster limits their size. Where tasks share jobs, each job or task of the array is a pack of them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>
#include <utility>

#include "cluster/launcher.h"
#include "cluster/resources.h"
#include "cluster/shared_folder.h"
#include "cluster/slurm/array_handle.h"
#include "cluster/slurm/job_script.h"
#include "cluster/slurm/job_states.h"
#include "cluster/slurm/refusal.h"
#include "cluster/slurm/slurm_call.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/process.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

// A name that no earlier submission has, so that the queue tells whether this one arrived.
fs::path new_script(const fs::path& folder) {
  for (int64_t number = 1;; ++number) {
    const fs::path path = folder / fmt::format("job.{}.sh", number);
    if (!fs::exists(path)) return path;
  }
}

// Returns the number of the job in its array that the task of this index is in.
int64_t number_of(const Launch& launch, int64_t index) {
  if (launch.pack <= 1) return index;
  const auto place = std::lower_bound(launch.indices.begin(), launch.indices.end(), index);
  return (place - launch.indices.begin()) / launch.pack;
}

class Slurm : public Launcher {
 public:
  explicit Slurm(Resources resources) : resources_(std::move(resources)) {}

  Launch submit(const std::vector<Task>& tasks, const fs::path& folder,
                const Sharing& sharing) override {
    SEMISEG_CHECK(!tasks.empty(), "nothing to submit");
    if (sharing.pack > 1) check_pack();
    const fs::path whole = fs::absolute(folder).lexically_normal();
    warn_unless_shared(whole);
    std::vector<JobTasks> rest = jobs_of(tasks, sharing.pack);
    const bool is_array = rest.size() > 1;
    const int64_t largest = is_array ? largest_array() : 1;
    Launch launch{.pack = sharing.pack};
    std::vector<Array> arrays;
    while (!rest.empty()) {
      const int64_t first = is_array ? rest.front().number / largest * largest : 0;
      const auto end = std::find_if(rest.begin(), rest.end(), [&](const JobTasks& one) {
        return is_array && one.number >= first + largest;
      });
      JobScript job{.resources = resources_,
                    .name = whole.filename(),
                    .program = fs::read_symlink("/proc/self/exe"),
                    .folder = whole,
                    .working = fs::current_path(),
                    .jobs = {rest.begin(), end},
                    .is_array = is_array,
                    .first = first,
                    .at_once = (sharing.at_once + sharing.pack - 1) / sharing.pack,
                    .pack = sharing.pack};
      if (!is_array) job.name = job.jobs.front().tasks.front().name;
      arrays.push_back({.job = submit_script(job_script(job), whole), .first = first});
      rest.erase(rest.begin(), end);
    }
    say(arrays, whole, is_array);
    launch.handle = handle_of(arrays);
    for (const Task& task : tasks) launch.indices.push_back(task.index);
    std::sort(launch.indices.begin(), launch.indices.end());
    return launch;
  }

  std::vector<TaskStatus> query(const Launch& launch,
                                const std::vector<int64_t>& indices) override {
    const std::vector<Array> arrays = arrays_of(launch.handle);
    const JobStates states = states_of(job_ids(arrays));
    std::vector<TaskStatus> result;
    for (const int64_t index : indices) {
      const int64_t number = number_of(launch, index);
      const Array& array = array_with(arrays, number);
      auto found = states.find(name_in(array, number));
      if (found == states.end()) found = states.find(array.job);
      result.push_back(found == states.end()
                           ? TaskStatus{.detail = "Slurm has forgotten job " + array.job}
                           : found->second);
      result.back().index = index;
      result.back().is_shared = launch.pack > 1;
    }
    return result;
  }

  void cancel(const Launch& launch, const std::vector<int64_t>& indices) override {
    if (indices.empty()) return;
    const std::vector<Array> arrays = arrays_of(launch.handle);
    const JobStates states = states_of(job_ids(arrays));
    std::vector<std::string> command = {"scancel"};
    for (const int64_t index : indices) {
      const int64_t number = number_of(launch, index);
      const Array& array = array_with(arrays, number);
      const std::string name = states.contains(array.job) ? array.job : name_in(array, number);
      if (std::find(command.begin(), command.end(), name) != command.end()) continue;
      // scancel fails for a job that is over.
      const auto state = states.find(name);
      if (state != states.end() && (state->second.state == TaskState::kPending ||
                                    state->second.state == TaskState::kRunning))
        command.push_back(name);
    }
    constexpr size_t kAtOnce = 500;  // far below the limit of a command line
    for (size_t from = 1; from < command.size(); from += kAtOnce) {
      const size_t to = std::min(from + kAtOnce, command.size());
      std::vector<std::string> words = {"scancel"};
      words.insert(words.end(), command.begin() + static_cast<ptrdiff_t>(from),
                   command.begin() + static_cast<ptrdiff_t>(to));
      call_.run(words);
    }
  }

 private:
  void check_pack() const {
    if (resources_.tasks() == 1) return;
    throw Error(ErrorKind::kConfig,
                {.what = "runs that share a job have one rank each",
                 .where = "sweep.pack",
                 .expected = "cluster.nodes = 1, cluster.tasks_per_node = 1",
                 .got = fmt::format("{} × {}", resources_.nodes, resources_.tasks_per_node),
                 .fix = "ask for one task with the cores and GPUs of all runs of a job "
                        "(cluster.cpus_per_task, cluster.gpus_per_task), or leave sweep.pack out"});
  }

  int64_t largest_array() const {
    constexpr int64_t kDefault = 1001;  // Slurm's own
    std::istringstream lines(call_.run({"scontrol", "show", "config"}).output);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("MaxArraySize")) continue;
      const int64_t largest = std::atoll(line.substr(line.find('=') + 1).c_str());
      return largest > 0 ? largest : kDefault;
    }
    return kDefault;
  }

  // Returns the id of the job.
  std::string submit_script(const std::string& text, const fs::path& folder) const {
    const fs::path script = new_script(folder);
    write_file(script, text);
    std::string id;
    // A controller may take the job and its answer be lost: then the queue has the script's name.
    const CommandResult result = call_.run({"sbatch", "--parsable", script}, [&] {
      id = find_in_queue(script);
      return !id.empty();
    });
    if (!id.empty()) return id;
    if (result.exit_code != 0) {
      fs::remove(script);
      throw refusal(result.errors, resources_);
    }
    // "18" or, among several clusters, "18;cluster".
    return result.output.substr(0, result.output.find_first_of(";\n"));
  }

  std::string find_in_queue(const fs::path& script) const {
    const auto queue = call_.run({"squeue", "-h", "--me", "-t", "all", "-o", "%F|%o"});
    std::istringstream lines(queue.output);
    for (std::string line; std::getline(lines, line);) {
      const size_t bar = line.find('|');
      if (bar != std::string::npos && line.substr(bar + 1) == script) return line.substr(0, bar);
    }
    return "";
  }

  // squeue knows jobs until some minutes after their end; sacct, where there is one, knows all.
  JobStates states_of(const std::string& ids) const {
    JobStates states = parse_squeue(
        call_.run({"squeue", "-h", "--array", "-t", "all", "-j", ids, "-O", kSqueueFields}).output);
    if (has_all(states, ids)) return states;
    const CommandResult old = call_.run({"sacct", "-n", "-P", "-X", "-j", ids, "-o", kSacctFields});
    if (old.exit_code != 0) return states;
    states.merge(parse_sacct(old.output));
    return states;
  }

  // True when some task of each job is known.
  static bool has_all(const JobStates& states, const std::string& ids) {
    std::istringstream parts(ids);
    for (std::string id; std::getline(parts, id, ',');) {
      const auto next = states.lower_bound(id);
      const bool is_there =
          next != states.end() && (next->first == id || next->first.starts_with(id + "_"));
      if (!is_there) return false;
    }
    return true;
  }

  static void say(const std::vector<Array>& arrays, const fs::path& folder, bool is_array) {
    const std::string ids = job_ids(arrays);
    const fs::path log = folder / (is_array ? arrays.front().job + "_*.log" : ids + ".log");
    log::info("submitted: job {}", ids);
    log::info("follow it:  tail -F {}", log.string());
    log::info("its state:  squeue -j {}", ids);
    log::info("cancel it:  scancel {}", std::regex_replace(ids, std::regex(","), " "));
  }

  Resources resources_;
  SlurmCall call_;
};

const bool registered = LauncherRegistry::instance().add(
    {.name = "slurm",
     .summary = "Runs are jobs of Slurm, which starts, stops and requeues them",
     .read_options = [](const Config& cluster) { Resources::read(cluster); },
     .make =
         [](const Config& cluster) {
           return std::make_unique<Slurm>(read_resources(cluster, environment()));
         }});

}  // namespace
}  // namespace semiseg::cluster
